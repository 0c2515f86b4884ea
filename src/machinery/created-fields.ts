import { compareElements } from './field-set.ts';
import { equalJson, getOwn, isFields } from './json.ts';
import { unmanagedFields, unmanagedMetadata } from './managed-entries.ts';
import type { Fields, KubeObject } from './object.ts';
import type { Schema } from './schema.ts';
import { atomOf, elementOf, fieldOf, isNothing } from './typed.ts';
import { builtinTypeName } from './types/schema-graph.ts';
import { zeroObject } from './types/zero-values.ts';

const UNMANAGED: ReadonlySet<string> = new Set(unmanagedFields);
const UNMANAGED_METADATA: ReadonlySet<string> = new Set(unmanagedMetadata);

/** By schema: what Go writes of an empty object of it. Only ever read. */
const zeros = new WeakMap<Schema, Fields>();

function zeroOf(schema: Schema): Fields {
  let zero = zeros.get(schema);
  if (!zero) {
    zero = zeroObject(builtinTypeName(schema) ?? '');
    zeros.set(schema, zero);
  }
  return zero;
}

/**
 * The fields that the creator of an object owns, as FieldsV1: what comparing the object with an empty one finds, in one
 * walk, since creating is what is done most. undefined: none. A built-in kind's empty object has what Go writes of it in
 * any case: nobody owns a struct that is always there, but for what is in it.
 */
export function createdFields(object: KubeObject, schema: Schema): Fields | undefined {
  const fields: Fields = {};
  const zero = zeroOf(schema);
  for (const key of sortedKeys(object)) {
    const value = object[key];
    if (value === undefined || UNMANAGED.has(key)) continue;
    const field = fieldOf(schema, key).schema;
    const owned = key === 'metadata' ? metadataFields(object.metadata, field) : fieldsOf(value, field, zero[key]);
    if (owned) fields[`f:${key}`] = owned;
  }
  return isNothing(fields) ? undefined : fields;
}

/** metadata itself is everybody's. */
function metadataFields(metadata: KubeObject['metadata'], schema: Schema | undefined): Fields | undefined {
  const { '.': _, ...fields } = mapFields(metadata as unknown as Fields, schema, UNMANAGED_METADATA);
  return isNothing(fields) ? undefined : fields;
}

/** @param zero what the empty object has in this place; undefined: nothing. */
function fieldsOf(value: unknown, schema: Schema | undefined, zero?: unknown): Fields | undefined {
  const atom = atomOf(schema, value);
  if (atom === 'leaf') return zero !== undefined && equalJson(zero, value) ? undefined : {};
  if (isNothing(value)) return zero !== undefined && (equalJson(zero, value) || !isNothing(zero)) ? undefined : {};
  const fields = atom === 'map' ? mapFields(value as Fields, schema, undefined, zero) : listFields(value, schema ?? {});
  if (zero === undefined) return fields;
  delete fields['.'];
  return isNothing(fields) ? undefined : fields;
}

function mapFields(value: Fields, schema: Schema | undefined, except?: ReadonlySet<string>, zero?: unknown): Fields {
  const fields: Fields = { '.': {} };
  for (const key of sortedKeys(value)) {
    if (value[key] === undefined || except?.has(key)) continue;
    const owned = fieldsOf(value[key], fieldOf(schema, key).schema, isFields(zero) ? getOwn(zero, key) : undefined);
    if (owned) fields[`f:${key}`] = owned;
  }
  return fields;
}

function listFields(value: unknown, schema: Schema): Fields {
  const items = new Map<string, unknown>();
  let indexed = false;
  for (const [index, item] of (Array.isArray(value) ? value : []).entries()) {
    const found = elementOf(schema, item);
    const element = typeof found === 'string' ? found : `i:${index}`;
    indexed ||= element !== found;
    // Items that share an element are owned as one.
    items.set(element, items.has(element) ? undefined : item);
  }
  const fields: Fields = { '.': {} };
  // But for indices, elements of one list sort as any text does.
  for (const element of indexed ? [...items.keys()].sort(compareElements) : [...items.keys()].sort()) {
    const item = items.get(element);
    fields[element] = (isFields(item) && fieldsOf(item, schema.items)) || {};
  }
  return fields;
}

/** Most objects come with their fields in order: only the others are worth sorting. */
function sortedKeys(fields: object): string[] {
  const keys = Object.keys(fields);
  for (let at = 1; at < keys.length; at++) {
    if ((keys[at - 1] as string) > (keys[at] as string)) return keys.sort();
  }
  return keys;
}
