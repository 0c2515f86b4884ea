import type { LabelSelector } from '../../machinery/index.ts';
import type { Entry } from '../store/entry.ts';
import { OrderedEntries } from './order.ts';

/** Label keys that are indexed at the same time: the least recently asked for gives way, whatever clients ask for. */
const MAX_KEYS = 32;

/**
 * Which objects of a resource have a label at a value. A key is indexed when a selector first pins its value, which
 * costs one walk over all objects; from then on every change keeps the index up to date.
 */
export interface LabelIndex {
  /** A superset of what the selector matches, in order; `all` itself when no requirement pins a value. */
  candidates(selector: LabelSelector): OrderedEntries;
  /** Takes in a change: the object before it and after it, if there is one. */
  update(before: Entry | undefined, after: Entry | undefined): void;
}

type ByValue = Map<string, OrderedEntries>;

const NOTHING = new OrderedEntries();

function labelOf(entry: Entry, key: string): string | undefined {
  const { labels } = entry.object.metadata;
  return labels && Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function add(byValue: ByValue, value: string, entry: Entry): void {
  const entries = byValue.get(value) ?? new OrderedEntries();
  byValue.set(value, entries);
  entries.set(entry);
}

function remove(byValue: ByValue, value: string, { namespace, name }: Entry): void {
  const entries = byValue.get(value);
  entries?.delete(namespace, name);
  if (entries?.size === 0) byValue.delete(value);
}

/** An index over `all`, whose changes are told to `update`. */
export function createLabelIndex(all: OrderedEntries): LabelIndex {
  const byKey = new Map<string, ByValue>();

  function indexOf(key: string): ByValue {
    let byValue = byKey.get(key);
    if (byValue) {
      byKey.delete(key);
    } else {
      byValue = new Map();
      for (const entry of all.from(undefined)) {
        const value = labelOf(entry, key);
        if (value !== undefined) add(byValue, value, entry);
      }
    }
    // Put last: the first key is the least recently used.
    byKey.set(key, byValue);
    const [oldest] = byKey.keys();
    if (byKey.size > MAX_KEYS && oldest !== undefined) byKey.delete(oldest);
    return byValue;
  }

  return {
    candidates({ requirements }) {
      let fewest = all;
      for (const { key, operator, values } of requirements) {
        const [value, second] = values;
        const pinned = operator === '=' || operator === '==' || operator === 'in';
        if (!pinned || value === undefined || second !== undefined) continue;
        const found = indexOf(key).get(value) ?? NOTHING;
        if (found.size < fewest.size) fewest = found;
      }
      return fewest;
    },
    update(before, after) {
      for (const [key, byValue] of byKey) {
        const old = before && labelOf(before, key);
        const now = after && labelOf(after, key);
        if (before && old !== undefined && old !== now) remove(byValue, old, before);
        if (after && now !== undefined) add(byValue, now, after);
      }
    },
  };
}
