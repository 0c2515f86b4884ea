import { splitKey } from '../machinery/index.ts';
import type { ObjectReader } from './contracts.ts';
import type { Store } from './store/store.ts';

/** Committed objects straight from the watch caches, for the parts of the server that follow them. */
export function createReader(store: Store): ObjectReader {
  return {
    get(resource, key) {
      const { namespace = '', name } = splitKey(key);
      return store.cache(resource).entries.get(namespace, name)?.object;
    },
    list: (resource, namespace) => [...store.cache(resource).entries.from(namespace)].map(({ object }) => object),
    subscribe: (resource, listener) =>
      store.cache(resource).onChange(({ type, entry }) => listener(entry.object, type === 'DELETED')),
  };
}
