import { canonicalJson } from './canonical.ts';
import { duplicateValue, invalidValue } from './field-error.ts';
import { isFields } from './json.ts';
import type { Schema } from './schema.ts';
import type { StatusCause } from './status.ts';

/** Finds what breaks the uniqueness of a list of type set or map: the first repeat of each value. */
export type ListCheck = (items: readonly unknown[], path: string) => StatusCause[];

/** The check of `x-kubernetes-list-type`; undefined for atomic lists, whose items may repeat. */
export function listTypeCheck(schema: Schema): ListCheck | undefined {
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return duplicates;
    case 'map': {
      const keys = schema['x-kubernetes-list-map-keys'] ?? [];
      return (items, path) => mapDuplicates(items, keys, path);
    }
    default:
      return undefined;
  }
}

function duplicates(values: readonly unknown[], path: string): StatusCause[] {
  const times = new Map<string, number>();
  return values.flatMap((value, i) => {
    const key = canonicalJson(value);
    const before = times.get(key) ?? 0;
    times.set(key, before + 1);
    return before === 1 ? [duplicateValue(`${path}[${i}]`, value)] : [];
  });
}

function mapDuplicates(items: readonly unknown[], keys: readonly string[], path: string): StatusCause[] {
  const wrong = items.findIndex((item) => item !== null && !isFields(item));
  if (wrong >= 0) {
    return [invalidValue(`${path}[${wrong}]`, items[wrong], 'must be an object for an array of list-type map')];
  }
  return duplicates(
    items.map((item) => listKeysOf(item, keys)),
    path,
  );
}

/** The key fields that an item of a list of type map has. */
export function listKeysOf(item: unknown, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    keys.toSorted().flatMap((key) => (isFields(item) && Object.hasOwn(item, key) ? [[key, item[key]] as const] : [])),
  );
}
