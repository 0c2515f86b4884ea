import type { FieldSet } from './field-set.ts';
import { getOwn, isFields, setOwn } from './json.ts';
import type { Fields } from './object.ts';
import type { Schema } from './schema.ts';
import { atomOf, fieldOf, isNothing, itemsOf } from './typed.ts';

/**
 * Merges what is applied into what is live, as their schema says: applied leaves win, maps and associative lists
 * merge (structured-merge-diff typed.Merge). The result shares unchanged parts. undefined is no value; an applied null
 * is a value: whether the field may be null is for validation to say.
 */
export function mergeTyped(live: unknown, applied: unknown, schema: Schema | undefined): unknown {
  if (applied === undefined || applied === live) return live;
  // null is an empty list or map where these merge: nothing is said about what is there.
  if (applied === null) return isNothing(live) || atomOf(schema, live) === 'leaf' ? null : live;
  const atom = atomOf(schema, applied);
  if (atom === 'leaf' || (live !== undefined && atomOf(schema, live) !== atom) || isNothing(applied)) {
    return isNothing(applied) && !isNothing(live) && atom !== 'leaf' ? live : applied;
  }
  if (atom === 'list') return mergeLists(live, applied, schema ?? {});
  return mergeMaps(isFields(live) ? live : {}, applied as Fields, schema);
}

function mergeMaps(live: Fields, applied: Fields, schema: Schema | undefined): Fields {
  const merged: Fields = {};
  for (const key of Object.keys(live)) {
    const value = mergeTyped(live[key], getOwn(applied, key), fieldOf(schema, key).schema);
    if (value !== undefined) setOwn(merged, key, value);
  }
  for (const key of Object.keys(applied)) {
    if (getOwn(live, key) !== undefined) continue;
    const value = mergeTyped(undefined, applied[key], fieldOf(schema, key).schema);
    if (value !== undefined) setOwn(merged, key, value);
  }
  return merged;
}

/**
 * Merges lists item by item. Applied items come in the order applied; an item that only the live list has stays
 * before the next item that both have.
 */
function mergeLists(live: unknown, applied: unknown, schema: Schema): unknown[] {
  const liveItems = itemsOf(schema, live);
  const appliedItems = itemsOf(schema, applied);
  const liveOrder = [...liveItems.keys()];
  const places = new Map(liveOrder.map((element, index) => [element, index]));
  const shared = [...appliedItems.keys()].map((element) => places.get(element)).filter((place) => place !== undefined);
  const merged: unknown[] = [];
  let next = 0;
  const keepLiveUpTo = (end: number): void => {
    for (; next < end; next++) {
      const element = liveOrder[next] ?? '';
      if (!appliedItems.has(element)) merged.push(...(liveItems.get(element) ?? []));
    }
  };
  let sharedIndex = 0;
  for (const [element, items] of appliedItems) {
    const nextShared = shared[sharedIndex];
    keepLiveUpTo(nextShared === undefined || nextShared < next ? liveOrder.length : nextShared);
    const current = liveItems.get(element);
    if (current) sharedIndex++;
    if (current?.length === 1) merged.push(mergeTyped(current[0], items[0], schema.items));
    else merged.push(...items.map((item) => mergeTyped(undefined, item, schema.items)));
  }
  keepLiveUpTo(liveOrder.length);
  return merged;
}

/** The value without the fields in the set, and without the lists and maps that this leaves empty. */
export function removeFields(value: unknown, set: FieldSet | undefined, schema: Schema | undefined): unknown {
  if (!set?.children || isNothing(value)) return value;
  const atom = atomOf(schema, value);
  if (atom === 'list' && schema) return removeItems(value, set.children, schema);
  if (atom !== 'map' || !isFields(value)) return value;
  const kept: Fields = {};
  for (const key of Object.keys(value)) {
    const below = set.children.get(`f:${key}`);
    if (below?.member) continue;
    const child = below ? removeFields(value[key], below, fieldOf(schema, key).schema) : value[key];
    if (child !== undefined) setOwn(kept, key, child);
  }
  return isNothing(kept) ? undefined : kept;
}

function removeItems(value: unknown, removed: ReadonlyMap<string, FieldSet>, schema: Schema): unknown {
  const kept: unknown[] = [];
  for (const [element, items] of itemsOf(schema, value)) {
    const below = removed.get(element);
    if (below?.member) continue;
    for (const item of items) kept.push(below ? (removeFields(item, below, schema.items) ?? {}) : item);
  }
  return kept.length === 0 ? undefined : kept;
}
