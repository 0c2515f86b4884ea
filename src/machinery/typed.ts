import { goJson } from './field-set.ts';
import { getOwn, isFields } from './json.ts';
import type { Fields } from './object.ts';
import type { Schema } from './schema.ts';

/**
 * How a value takes part in a structured merge: as a whole ('leaf': a scalar, an atomic list or map), field by field
 * ('map'), or item by item ('list': list-type set or map).
 */
export type Atom = 'leaf' | 'map' | 'list';

/** What a schema without a word about a value means: maps merge, everything else is a leaf ("deduced"). */
const deducedAtom = (value: unknown): Atom => (isFields(value) ? 'map' : 'leaf');

/** True for null and undefined, and for a list or map of nothing. */
export function isNothing(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value !== 'object') return false;
  for (const key in value) if (Object.hasOwn(value, key)) return false;
  return true;
}

/** How the value merges by its schema. A value that is not of the schema's type is a leaf; null fits any type. */
export function atomOf(schema: Schema | undefined, value: unknown): Atom {
  if (!schema) return deducedAtom(value);
  if (schema.type === 'array') {
    return (Array.isArray(value) || value === null) && isAssociative(schema) ? 'list' : 'leaf';
  }
  if (schema['x-kubernetes-map-type'] === 'atomic') return 'leaf';
  const hasFields = schema.properties !== undefined || schema.additionalProperties !== undefined;
  if (!hasFields) return schema['x-kubernetes-preserve-unknown-fields'] ? deducedAtom(value) : 'leaf';
  return isFields(value) || value === null ? 'map' : 'leaf';
}

/** The list type; where only the older patch strategy says that items merge, it is taken for one. */
function isAssociative(schema: Schema): boolean {
  const type = schema['x-kubernetes-list-type'];
  if (type !== undefined) return type !== 'atomic';
  return schema['x-kubernetes-patch-strategy']?.split(',').includes('merge') ?? false;
}

interface ListKeys {
  /** Sorted; empty for a set. */
  names: readonly string[];
  /** The names as path elements have them. */
  printed: readonly string[];
  defaults: readonly unknown[];
}

const listKeys = new WeakMap<Schema, ListKeys>();

function listKeysOf(schema: Schema): ListKeys {
  const known = listKeys.get(schema);
  if (known) return known;
  const mergeKey = schema['x-kubernetes-patch-merge-key'];
  const declared = schema['x-kubernetes-list-map-keys'] ?? (mergeKey === undefined ? [] : [mergeKey]);
  const names = schema['x-kubernetes-list-type'] === 'set' ? [] : [...declared].sort();
  const printed = names.map(goJson);
  const keys = { names, printed, defaults: names.map((name) => schema.items?.properties?.[name]?.default) };
  listKeys.set(schema, keys);
  return keys;
}

/** The schema of a map's field; `named` if it is one of a struct's own. */
export function fieldOf(schema: Schema | undefined, key: string): { schema: Schema | undefined; named: boolean } {
  const properties = schema?.properties;
  if (properties && Object.hasOwn(properties, key)) return { schema: properties[key], named: true };
  const additional = schema?.additionalProperties;
  return { schema: typeof additional === 'object' ? additional : undefined, named: false };
}

/** The path element of an item of a 'list', or what is wrong with the item. */
export function elementOf(schema: Schema, item: unknown): string | { wrong: string } {
  const { names, printed, defaults } = listKeysOf(schema);
  if (names.length === 0) return `v:${goJson(item)}`;
  if (!isFields(item)) return { wrong: 'associative list with keys may not have non-map elements' };
  let keys = '';
  for (let index = 0; index < names.length; index++) {
    const value = getOwn(item, names[index] as string) ?? defaults[index];
    if (value === undefined || value === null) {
      return {
        wrong: `associative list with keys has an element that omits key field ${printed[index]} (and doesn't have default value)`,
      };
    }
    keys += `${index === 0 ? '' : ','}${printed[index]}:${goJson(value)}`;
  }
  return `k:{${keys}}`;
}

/** The items of a 'list' by their path elements. Items that share one, or have none, are kept together. */
export function itemsOf(schema: Schema, value: unknown): Map<string, unknown[]> {
  const items = new Map<string, unknown[]>();
  if (!Array.isArray(value)) return items;
  value.forEach((item, index) => {
    const found = elementOf(schema, item);
    const element = typeof found === 'string' ? found : `i:${index}`;
    const known = items.get(element);
    if (known) known.push(item);
    else items.set(element, [item]);
  });
  return items;
}

/** The items of a list that somebody applies, which must all have keys and be unique. Throws Error saying what is wrong. */
export function appliedItemsOf(schema: Schema, value: readonly unknown[]): Map<string, unknown> {
  const items = new Map<string, unknown>();
  value.forEach((item, index) => {
    const found = elementOf(schema, item);
    if (typeof found !== 'string') throw new Error(`element ${index}: ${found.wrong}`);
    if (items.has(found)) throw new Error(`duplicate entries for key ${printKey(found)}`);
    items.set(found, item);
  });
  return items;
}

function printKey(element: string): string {
  if (element.startsWith('v:')) return `[=${element.slice(2)}]`;
  const keys = Object.entries(JSON.parse(element.slice(2)) as Fields);
  return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
}
