import { writeSync } from 'node:fs';
import type { KubeObject } from '../../machinery/index.ts';
import { openWatch } from '../cache/watch.ts';
import { lmdbBackend } from './lmdb.ts';
import { createStore } from './store.ts';

/** What the writer says, one JSON text a line, about one object: that it begins a write, that it was acknowledged, or that a watch saw it. */
export interface Said {
  what: 'begin' | 'done' | 'watched';
  /** 'configmaps/3' */
  key: string;
  /** undefined: the object is removed. */
  value?: string;
  revision?: number;
}

const WRITERS = 12;
const OBJECTS_EACH = 3;
/** Some objects are long enough to need pages of their own. */
const LONGEST = 4_000;
/** History that is kept while writers go on. */
const RETAINED = 400;

/** An object that shows when it is not whole. */
function objectOf(resource: string, name: string, value: string): KubeObject {
  const kind = resource === 'secrets' ? 'Secret' : 'ConfigMap';
  const filler = '.'.repeat(Math.random() * LONGEST);
  return { apiVersion: 'v1', kind, metadata: { name, namespace: 'a' }, first: value, filler, last: value };
}

function say(said: Said): void {
  writeSync(1, `${JSON.stringify(said)}\n`);
}

/** Creates, changes and removes ConfigMaps and Secrets without end, compacts meanwhile, and says all of it on standard output. */
async function hammer(folder: string): Promise<void> {
  const store = createStore(lmdbBackend(folder));
  for (const resource of ['configmaps', 'secrets']) {
    const selection = {};
    const options = { selection, after: undefined, initial: false, initialBookmark: false };
    const watch = openWatch(store.cache({ group: '', resource }), () => store.revision, options);
    watch.onReady(() => {
      for (const item of watch.pull(1_000)) {
        if (item.type === 'BOOKMARK') continue;
        const { name, revision, object } = item.entry;
        const value = item.type === 'DELETED' ? undefined : String(object['last']);
        say({ what: 'watched', key: `${resource}/${name}`, revision, ...(value === undefined ? {} : { value }) });
      }
    });
  }

  async function write(writer: number): Promise<never> {
    for (let turn = 0; ; turn++) {
      const resource = Math.random() < 0.3 ? 'secrets' : 'configmaps';
      const name = String(writer * OBJECTS_EACH + (turn % OBJECTS_EACH));
      const key = `${resource}/${name}`;
      const place = { group: '', resource };
      const exists = store.latest(place, { namespace: 'a', name }) !== undefined;
      const value = exists && Math.random() < 0.2 ? undefined : `turn ${turn}`;
      const said = { key, ...(value === undefined ? {} : { value }) };
      say({ what: 'begin', ...said });
      const { revision } = await store.write(place, { namespace: 'a', name }, () =>
        value === undefined ? { remove: true } : { put: objectOf(resource, name, value) },
      );
      say({ what: 'done', ...said, revision });
      if (writer === 0) await store.compact(Math.max(1, store.revision - RETAINED));
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
}

// Without a folder it only loads: its code is then in Node's compile cache, which a process that is killed never writes.
const [, , folder] = process.argv;
if (import.meta.main && folder) await hammer(folder);
