import { cloneJson, getOwn, isFields, setOwn, shallowCopy } from './json.ts';
import type { Fields } from './object.ts';
import type { Schema } from './schema.ts';
import { ApiError, badRequest } from './status.ts';
import { orderList } from './strategic-order.ts';

const patchDirective = '$patch';
const retainDirective = '$retainKeys';
const deletePrefix = '$deleteFromPrimitiveList/';
const orderPrefix = '$setElementOrder/';

/** The three entries of a patch that concern one field. */
interface FieldPatch {
  given: boolean;
  value?: unknown;
  deletions?: unknown;
  order?: unknown;
}

/**
 * Applies a strategic merge patch: lists merge by the schema's `x-kubernetes-patch-merge-key` where its
 * `x-kubernetes-patch-strategy` says merge, and the directives `$patch`, `$retainKeys`, `$setElementOrder/…` and
 * `$deleteFromPrimitiveList/…` are obeyed (apimachinery strategicpatch; design-proposals/cli/
 * preserve-order-in-strategic-merge-patch). Where the schema says nothing, objects merge and lists are replaced. The
 * result shares what the patch leaves alone; the inputs are not changed. Throws ApiError 400 for a malformed patch.
 */
export function applyStrategicPatch<T extends object>(object: T, patch: unknown, schema: Schema): T {
  if (!isFields(patch)) throw badRequest('invalid JSON document');
  return mergeFields(object as Fields, patch, schema) as T;
}

function mergeFields(original: Readonly<Fields>, patch: Fields, schema: Schema | undefined): Fields {
  if (Object.hasOwn(patch, patchDirective)) {
    const directive = patch[patchDirective];
    if (directive === 'delete') return {};
    if (directive === 'replace') return newValue({ ...patch, [patchDirective]: undefined }) as Fields;
    if (directive !== 'merge') throw badRequest(`unknown patch type found: ${JSON.stringify(directive)}`);
  }
  const merged = retainKeys(original, patch);
  for (const [key, fieldPatch] of fieldPatchesOf(patch)) {
    const fieldSchema = propertyOf(schema, key);
    if (fieldPatch.given && fieldPatch.value === null) delete merged[key];
    else if (fieldPatch.given || Object.hasOwn(merged, key)) {
      const value = mergeField(getOwn(merged, key), fieldPatch, fieldSchema);
      if (value === undefined) delete merged[key];
      else setOwn(merged, key, value);
    }
  }
  return merged;
}

function fieldPatchesOf(patch: Fields): Map<string, FieldPatch> {
  const patches = new Map<string, FieldPatch>();
  const of = (key: string): FieldPatch => {
    const known = patches.get(key) ?? { given: false };
    patches.set(key, known);
    return known;
  };
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (key.startsWith(deletePrefix)) of(key.slice(deletePrefix.length)).deletions = value;
    else if (key.startsWith(orderPrefix)) of(key.slice(orderPrefix.length)).order = value;
    else if (key !== patchDirective && key !== retainDirective) Object.assign(of(key), { given: true, value });
  }
  return patches;
}

function propertyOf(schema: Schema | undefined, key: string): Schema | undefined {
  const { properties, additionalProperties } = schema ?? {};
  if (properties && Object.hasOwn(properties, key)) return properties[key];
  return typeof additionalProperties === 'object' ? additionalProperties : undefined;
}

/** The original's fields that `$retainKeys` lists, all without one. */
function retainKeys(original: Readonly<Fields>, patch: Fields): Fields {
  const copy = shallowCopy(original);
  if (!Object.hasOwn(patch, retainDirective)) return copy;
  const list = patch[retainDirective];
  if (!Array.isArray(list)) throw badRequest('invalid patch format of retainKeys');
  const retained = new Set(list);
  for (const key of Object.keys(patch)) {
    if (!key.startsWith('$') && patch[key] !== null && !retained.has(key)) {
      throw badRequest('invalid patch format of retainKeys');
    }
  }
  for (const key of Object.keys(copy)) if (!retained.has(key)) delete copy[key];
  return copy;
}

const strategiesOf = (schema: Schema | undefined): string[] =>
  (schema?.['x-kubernetes-patch-strategy'] ?? '').split(',');

function mergeField(original: unknown, patch: FieldPatch, schema: Schema | undefined): unknown {
  const { given, value, deletions, order } = patch;
  if (isFields(original) && isFields(value)) {
    if (strategiesOf(schema).includes('replace')) return newValue(value);
    return mergeFields(original, value, schema);
  }
  if (Array.isArray(original) && (Array.isArray(value) || !given)) {
    return mergeLists(original, patch, schema);
  }
  if (Array.isArray(value) && order !== undefined) {
    return orderList(newValue(value) as unknown[], [], order, mergeKeyOf(schema));
  }
  if (!given || deletions !== undefined) return original;
  return newValue(value);
}

const mergeKeyOf = (schema: Schema | undefined): string => schema?.['x-kubernetes-patch-merge-key'] ?? '';

function mergeLists(original: unknown[], patch: FieldPatch, schema: Schema | undefined): unknown[] {
  const mergeKey = mergeKeyOf(schema);
  const kept = patch.deletions === undefined ? original : withoutScalars(original, patch.deletions);
  if (!patch.given) return patch.order === undefined ? kept : orderList(kept, original, patch.order, mergeKey);
  const items = patch.value as unknown[];
  const merges = strategiesOf(schema).includes('merge');
  const merged = merges ? mergeItems(kept, items, mergeKey, schema?.items) : (newValue(items) as unknown[]);
  if (patch.order !== undefined) return orderList(merged, original, patch.order, mergeKey);
  return merges ? orderList(merged, original, items.filter(isKept), mergeKey) : merged;
}

/** False for a list item that is a directive: `{$patch: delete, name: x}`. */
const isKept = (item: unknown): boolean =>
  !isFields(item) || !Object.hasOwn(item, patchDirective) || item[patchDirective] === 'merge';

function withoutScalars(list: unknown[], deletions: unknown): unknown[] {
  if (!Array.isArray(deletions)) throw badRequest('invalid patch format of primitive list');
  const deleted = new Set(deletions);
  return list.filter((item) => !deleted.has(item));
}

function mergeItems(original: unknown[], items: unknown[], mergeKey: string, schema: Schema | undefined): unknown[] {
  if (items.some(Array.isArray) || original.some(Array.isArray)) throw listOfLists();
  if (!items.some(isFields) && !original.some(isFields)) return [...new Set([...original, ...items])];
  if (mergeKey === '') throw badRequest(`cannot merge lists without merge key for ${schema?.type ?? 'a list'}`);
  if (items.some((item) => isFields(item) && item[patchDirective] === 'replace')) {
    return newValue(items.filter(isKept)) as unknown[];
  }
  const deleted = new Set(items.filter((item) => !isKept(item)).map((item) => deletedKey(item, mergeKey)));
  const merged = deleted.size === 0 ? [...original] : original.filter((item) => !deleted.has(keyIn(item, mergeKey)));
  const places = new Map(merged.map((item, index) => [keyIn(item, mergeKey), index]));
  for (const item of items) {
    if (!isKept(item)) continue;
    const key = keyIn(item, mergeKey);
    const place = places.get(key);
    const current = place === undefined ? undefined : merged[place];
    if (place !== undefined && isFields(current)) merged[place] = mergeFields(current, item as Fields, schema);
    else places.set(key, merged.push(newValue(item)) - 1);
  }
  return merged;
}

const listOfLists = (): ApiError =>
  new ApiError(422, 'Invalid', 'the server rejected our request due to an error in our request', {
    causes: [{ reason: 'UnexpectedServerResponse', message: 'lists of lists are not supported', field: 'patch' }],
  });

function keyIn(item: unknown, mergeKey: string): unknown {
  if (!isFields(item) || !Object.hasOwn(item, mergeKey)) {
    throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
  }
  return item[mergeKey];
}

function deletedKey(item: unknown, mergeKey: string): unknown {
  const directive = (item as Fields)[patchDirective];
  if (directive !== 'delete') throw badRequest(`unknown patch type found: ${JSON.stringify(directive)}`);
  return keyIn(item, mergeKey);
}

/** A value that had no counterpart to merge with: without nulls and directives. undefined: it was only a directive. */
function newValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter(isKept).map((item) => (item === null ? null : newValue(item)));
  if (!isFields(value)) return cloneJson(value);
  if (value[patchDirective] === 'delete') return undefined;
  const kept: Fields = {};
  for (const key of Object.keys(value)) {
    if (value[key] === null || isDirective(key)) continue;
    const child = newValue(value[key]);
    if (child !== undefined) setOwn(kept, key, child);
  }
  return kept;
}

const isDirective = (key: string): boolean =>
  key === patchDirective || key === retainDirective || key.startsWith(deletePrefix) || key.startsWith(orderPrefix);
