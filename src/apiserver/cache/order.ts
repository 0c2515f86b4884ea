import type { Entry } from '../store/entry.ts';

interface Bucket {
  namespace: string;
  /** Sorted by name. */
  entries: Entry[];
}

/** The position of a value in a sorted list, or where it would be. */
function position<T>(list: readonly T[], value: string, of: (item: T) => string): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (of(list[middle] as T) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

const namespaceOf = (bucket: Bucket): string => bucket.namespace;
const nameOf = (entry: Entry): string => entry.name;

/** The objects of a resource in the order in which they are listed: by namespace, then by name. */
export class OrderedEntries {
  #buckets: Bucket[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(namespace: string, name: string): Entry | undefined {
    const bucket = this.#bucket(namespace);
    const entry = bucket?.entries[position(bucket.entries, name, nameOf)];
    return entry?.name === name ? entry : undefined;
  }

  set(entry: Entry): void {
    const at = position(this.#buckets, entry.namespace, namespaceOf);
    let bucket = this.#buckets[at];
    if (bucket?.namespace !== entry.namespace) {
      bucket = { namespace: entry.namespace, entries: [] };
      this.#buckets.splice(at, 0, bucket);
    }
    const { entries } = bucket;
    // Objects often arrive in order (a load, generated names with a counter): appending needs no search.
    const last = entries.at(-1);
    const index = last === undefined || last.name < entry.name ? entries.length : position(entries, entry.name, nameOf);
    if (entries[index]?.name === entry.name) {
      entries[index] = entry;
    } else {
      entries.splice(index, 0, entry);
      this.#size++;
    }
  }

  delete(namespace: string, name: string): void {
    const bucket = this.#bucket(namespace);
    if (!bucket) return;
    const index = position(bucket.entries, name, nameOf);
    if (bucket.entries[index]?.name !== name) return;
    bucket.entries.splice(index, 1);
    this.#size--;
    if (bucket.entries.length === 0) this.#buckets.splice(this.#buckets.indexOf(bucket), 1);
  }

  /** Walks one namespace, or all; starts after a key when one is given. Not to be used across changes. */
  *from(namespace: string | undefined, after?: { namespace: string; name: string }): Iterable<Entry> {
    let at = position(this.#buckets, namespace ?? after?.namespace ?? '', namespaceOf);
    for (; at < this.#buckets.length; at++) {
      const bucket = this.#buckets[at] as Bucket;
      if (namespace !== undefined && bucket.namespace !== namespace) return;
      const { entries } = bucket;
      let index = 0;
      if (after?.namespace === bucket.namespace) {
        index = position(entries, after.name, nameOf);
        if (entries[index]?.name === after.name) index++;
      }
      for (; index < entries.length; index++) yield entries[index] as Entry;
    }
  }

  /** How many objects of one namespace, or all, come after one of them. */
  countAfter(namespace: string | undefined, last: Entry): number {
    let count = 0;
    for (let at = position(this.#buckets, last.namespace, namespaceOf); at < this.#buckets.length; at++) {
      const bucket = this.#buckets[at] as Bucket;
      if (namespace !== undefined && bucket.namespace !== namespace) break;
      count += bucket.entries.length;
      if (bucket.namespace === last.namespace) count -= position(bucket.entries, last.name, nameOf) + 1;
    }
    return count;
  }

  /** A copy of one namespace, or of all. */
  copy(namespace: string | undefined): OrderedEntries {
    const copy = new OrderedEntries();
    for (const bucket of this.#buckets) {
      if (namespace !== undefined && bucket.namespace !== namespace) continue;
      copy.#buckets.push({ namespace: bucket.namespace, entries: [...bucket.entries] });
      copy.#size += bucket.entries.length;
    }
    return copy;
  }

  #bucket(namespace: string): Bucket | undefined {
    const bucket = this.#buckets[position(this.#buckets, namespace, namespaceOf)];
    return bucket?.namespace === namespace ? bucket : undefined;
  }
}
