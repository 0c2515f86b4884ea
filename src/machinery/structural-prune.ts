import { isFields } from './json.ts';
import type { Fields } from './object.ts';
import type { Schema } from './schema.ts';
import { type ApiError, badRequest } from './status.ts';

export interface Pruned<T> {
  /** The object itself when nothing had to go; otherwise a copy that shares every untouched part. */
  object: T;
  /** The paths of what was removed, sorted: 'spec.foo', 'spec.list[2].bar'. */
  removed: string[];
}

/**
 * Drops the fields that a schema does not know, as apiextensions' pruning does: whatever is under
 * `x-kubernetes-preserve-unknown-fields` stays, and so do apiVersion, kind and metadata of the root and of embedded
 * resources. Reads the input only; works on CRD schemas and on the schemas of built-in types.
 */
export function pruneUnknown<T extends object>(object: T, schema: Schema): Pruned<T> {
  const removed: string[] = [];
  const pruned = pruneValue(object, schema, true, '', removed) as T;
  return { object: pruned, removed: removed.sort() };
}

/** The 400 that `fieldValidation=Strict` gives; each problem reads like 'unknown field "spec.a"'. */
export function strictDecodingError(kind: string, version: string, problems: readonly string[]): ApiError {
  const list = problems.join(', ');
  return badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: strict decoding error: ${list}`);
}

const metaFields = new Set(['apiVersion', 'kind', 'metadata']);

function pruneValue(
  value: unknown,
  schema: Schema | undefined,
  root: boolean,
  path: string,
  removed: string[],
): unknown {
  if (Array.isArray(value)) {
    return mapItems(value, (item, i) => pruneValue(item, schema?.items, false, `${path}[${i}]`, removed));
  }
  if (!isFields(value)) return value;
  const keepsMeta = root || schema?.['x-kubernetes-embedded-resource'] === true;
  const keepsUnknown = schema?.['x-kubernetes-preserve-unknown-fields'] === true;
  let copy: Fields | undefined;
  for (const key of Object.keys(value)) {
    const known = propertySchema(schema, key);
    // The root's own metadata has a schema for built-in types; an implicit one is left to metadata validation.
    if (keepsMeta && metaFields.has(key) && known === undefined) continue;
    const field = path === '' ? key : `${path}.${key}`;
    if (known === undefined) {
      if (keepsUnknown) continue;
      removed.push(field);
      copy ??= { ...value };
      delete copy[key];
      continue;
    }
    if (known === true) continue;
    const before = value[key];
    const after = pruneValue(before, known, false, field, removed);
    if (after === before) continue;
    copy ??= { ...value };
    copy[key] = after;
  }
  return copy ?? value;
}

/** The schema of a field: `true` when anything may be there, undefined when the schema does not know the field. */
export function propertySchema(schema: Schema | undefined, key: string): Schema | true | undefined {
  if (schema?.properties !== undefined && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  const rest = schema?.additionalProperties;
  return rest === undefined || rest === false ? undefined : rest;
}

/** Array.map that gives the array itself back when no item changed. */
export function mapItems(items: readonly unknown[], change: (item: unknown, index: number) => unknown): unknown {
  let copy: unknown[] | undefined;
  for (let i = 0; i < items.length; i++) {
    const after = change(items[i], i);
    if (after === items[i]) continue;
    copy ??= [...items];
    copy[i] = after;
  }
  return copy ?? items;
}
