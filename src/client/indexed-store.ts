import type { KubeObject } from '../machinery/index.ts';
import { keyOf } from '../machinery/index.ts';

type IndexFunction = (object: KubeObject) => Iterable<string>;

interface Index {
  values: IndexFunction;
  /** Value → key → object. */
  entries: Map<string, Map<string, KubeObject>>;
}

/** Objects by key, with indexes that follow every change. Objects must not change in place. */
export interface IndexedStore {
  get(key: string): KubeObject | undefined;
  list(): KubeObject[];
  keys(): Iterable<string>;
  byIndex(index: string, value: string): KubeObject[];
  addIndex(index: string, values: IndexFunction): void;
  /** Returns the object that was there before. */
  set(object: KubeObject): KubeObject | undefined;
  /** Returns the object that was there. */
  delete(key: string): KubeObject | undefined;
}

export function createIndexedStore(): IndexedStore {
  const objects = new Map<string, KubeObject>();
  const indexes = new Map<string, Index>();

  function insert({ values, entries }: Index, key: string, object: KubeObject): void {
    for (const value of values(object)) {
      const entry = entries.get(value);
      if (entry) entry.set(key, object);
      else entries.set(value, new Map([[key, object]]));
    }
  }

  function remove({ values, entries }: Index, key: string, object: KubeObject): void {
    for (const value of values(object)) {
      const entry = entries.get(value);
      if (!entry) continue;
      entry.delete(key);
      if (entry.size === 0) entries.delete(value);
    }
  }

  return {
    get: (key) => objects.get(key),
    list: () => [...objects.values()],
    keys: () => objects.keys(),
    byIndex(index, value) {
      const found = indexes.get(index);
      if (!found) throw new Error(`no index named "${index}": add it with addIndex before asking`);
      return [...(found.entries.get(value)?.values() ?? [])];
    },
    addIndex(name, values) {
      // Several controllers share an informer and may each ask for the same index.
      if (indexes.has(name)) return;
      const index: Index = { values, entries: new Map() };
      for (const [key, object] of objects) insert(index, key, object);
      indexes.set(name, index);
    },
    set(object) {
      const key = keyOf(object);
      const old = objects.get(key);
      objects.set(key, object);
      for (const index of indexes.values()) {
        if (old) remove(index, key, old);
        insert(index, key, object);
      }
      return old;
    },
    delete(key) {
      const old = objects.get(key);
      if (!old) return undefined;
      objects.delete(key);
      for (const index of indexes.values()) remove(index, key, old);
      return old;
    },
  };
}
