import {
  equalJson,
  type Fields,
  invalidValue,
  isFields,
  type KubeObject,
  type StatusCause,
} from '../../machinery/index.ts';
import { isGiven } from './checks.ts';
import { internalForm, type Shape } from './internal-form.ts';

/** The value at a path of keys: 'spec.selector'. */
function valueAt(object: unknown, path: string): unknown {
  let value = object;
  for (const key of path.split('.')) value = isFields(value) ? value[key] : undefined;
  return value;
}

/**
 * Fields that an update may not change.
 * @param shapes how those are printed that kube-apiserver prints as its own types.
 */
export function immutableErrors(
  object: KubeObject,
  old: KubeObject,
  paths: readonly string[],
  shapes: Readonly<Record<string, Shape>> = {},
): StatusCause[] {
  return paths
    .filter((path) => !equalJson(valueAt(object, path) ?? null, valueAt(old, path) ?? null))
    .map((path) => {
      const [value, shape] = [valueAt(object, path), shapes[path]];
      return invalidValue(path, shape && isFields(value) ? internalForm(value, shape) : value, 'field is immutable');
    });
}

/** A field that no update may change, at a path of its own; a list or map that is not there is empty. */
export function immutableFieldErrors(
  object: Fields | undefined,
  old: Fields | undefined,
  key: string,
  path = key,
): StatusCause[] {
  const [value, before] = [object?.[key], old?.[key]];
  if (equalJson(value, before) || (!isGiven(value) && !isGiven(before))) return [];
  return [invalidValue(path, value, 'field is immutable')];
}
