import { cloneJson, getOwn, isFields, setOwn, shallowCopy } from './json.ts';
import type { Fields } from './object.ts';
import { badRequest } from './status.ts';

/**
 * Applies an RFC 7386 merge patch: objects merge, null deletes, everything else replaces.
 * The result shares what the patch leaves alone; neither input is changed. Throws ApiError 400 if the patch is not
 * an object.
 */
export function applyMergePatch<T extends object>(object: T, patch: unknown): T {
  if (!isFields(patch)) throw badRequest('invalid JSON document: a merge patch must be an object');
  return mergeFields(object as Fields, patch) as T;
}

function mergeFields(target: Readonly<Fields>, patch: Fields): Fields {
  const merged = shallowCopy(target);
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (value === null) delete merged[key];
    else if (isFields(value)) {
      const current = getOwn(merged, key);
      setOwn(merged, key, mergeFields(isFields(current) ? current : {}, value));
    } else setOwn(merged, key, cloneJson(value));
  }
  return merged;
}
