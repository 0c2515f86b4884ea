import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../machinery/index.ts';
import { listPage } from '../cache/list.ts';
import { openWatch } from '../cache/watch.ts';
import type { Backend } from './backend.ts';
import { memoryBackend } from './backend.ts';
import { lmdbBackend } from './lmdb.ts';
import { createStore, type Store } from './store.ts';

const CONFIG_MAPS = { group: '', resource: 'configmaps' };
const folders: string[] = [];

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'homeport-store-'));
  folders.push(path);
  return path;
}

afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

function configMap(namespace: string, name: string, value: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { value } };
}

const put = (store: Store, namespace: string, name: string, value: string) =>
  store.write(CONFIG_MAPS, { namespace, name }, () => ({ put: configMap(namespace, name, value) }));

const remove = (store: Store, namespace: string, name: string) =>
  store.write(CONFIG_MAPS, { namespace, name }, () => ({ remove: true }));

interface Operation {
  namespace: string;
  name: string;
  value: string | undefined;
}

const operation = fc.record({
  namespace: fc.constantFrom('a', 'a-b', 'b'),
  name: fc.constantFrom('one', 'two', 'three'),
  value: fc.option(fc.string({ maxLength: 5 }), { nil: undefined, freq: 3 }),
});

/** Applies operations to the store and to a plain map; removals of what is not there are left out. */
async function applyAll(store: Store, model: Map<string, string>, operations: Operation[]): Promise<void> {
  const writes = operations.map(({ namespace, name, value }) => {
    const key = `${namespace}/${name}`;
    if (value !== undefined) {
      model.set(key, value);
      return put(store, namespace, name, value);
    }
    return model.delete(key) ? remove(store, namespace, name) : undefined;
  });
  await Promise.all(writes);
}

async function contents(store: Store): Promise<Map<string, string>> {
  const { entries } = await listPage(store.cache(CONFIG_MAPS), store.revision, {}, { limit: 0 });
  return new Map(
    entries.map(({ namespace, name, object }) => [`${namespace}/${name}`, (object['data'] as { value: string }).value]),
  );
}

const sorted = (map: Map<string, string>): [string, string][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

describe.each([
  ['memory', memoryBackend],
  ['lmdb', () => lmdbBackend(folder())],
] as [string, () => Backend][])('the store on %s', (_, backend) => {
  test('holds what a map would hold', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
        const store = createStore(backend());
        const model = new Map<string, string>();
        await applyAll(store, model, operations);
        expect(sorted(await contents(store))).toEqual(sorted(model));
        await store.close();
      }),
      { numRuns: 25 },
    );
  });

  test('a watch from any revision leads from the list then to the list now', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 20 }),
        fc.array(operation, { maxLength: 20 }),
        async (before, after) => {
          const store = createStore(backend());
          const model = new Map<string, string>();
          await applyAll(store, model, before);
          const replayed = await contents(store);
          const watch = openWatch(store.cache(CONFIG_MAPS), () => store.revision, {
            selection: {},
            after: store.revision,
            initial: false,
            initialBookmark: false,
          });
          await applyAll(store, model, after);
          for (const item of watch.pull(1_000)) {
            if (item.type === 'BOOKMARK') continue;
            const key = `${item.entry.namespace}/${item.entry.name}`;
            if (item.type === 'DELETED') replayed.delete(key);
            else replayed.set(key, (item.entry.object['data'] as { value: string }).value);
          }
          expect(sorted(replayed)).toEqual(sorted(model));
          watch.close();
          await store.close();
        },
      ),
      { numRuns: 25 },
    );
  });

  test('pages of a list are of one revision, whatever is written between them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 20 }),
        fc.array(operation, { maxLength: 20 }),
        fc.integer({ min: 1, max: 4 }),
        async (before, between, limit) => {
          const store = createStore(backend());
          const model = new Map<string, string>();
          await applyAll(store, model, before);
          const wanted = [...(await contents(store))];
          const got: [string, string][] = [];
          let token: string | undefined;
          do {
            const page = await listPage(
              store.cache(CONFIG_MAPS),
              store.revision,
              {},
              { limit, ...(token === undefined ? {} : { continue: token }) },
            );
            for (const { namespace, name, object } of page.entries) {
              got.push([`${namespace}/${name}`, (object['data'] as { value: string }).value]);
            }
            token = page.continue;
            if (token !== undefined) expect(page.remaining).toBe(wanted.length - got.length);
            await applyAll(store, model, between);
          } while (token !== undefined);
          expect(got).toEqual(wanted);
          await store.close();
        },
      ),
      { numRuns: 25 },
    );
  });

  test('a write sees every earlier one, committed or not, and revisions only grow', async () => {
    const store = createStore(backend());
    const seen: (string | undefined)[] = [];
    const writes = ['1', '2', '3'].map((value) =>
      store.write(CONFIG_MAPS, { namespace: 'a', name: 'x' }, (current) => {
        seen.push((current?.object['data'] as { value: string } | undefined)?.value);
        return { put: configMap('a', 'x', value) };
      }),
    );
    const revisions = (await Promise.all(writes)).map(({ revision }) => revision);
    expect(seen).toEqual([undefined, '1', '2']);
    expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
    expect(new Set(revisions).size).toBe(3);
    await store.close();
  });

  test('a decision that throws writes nothing', async () => {
    const store = createStore(backend());
    const before = store.revision;
    const refused = store.write(CONFIG_MAPS, { namespace: 'a', name: 'x' }, () => {
      throw new Error('no');
    });
    await expect(refused).rejects.toThrow('no');
    expect(store.revision).toBe(before);
    await store.close();
  });

  test('an object of more than 1.5 MiB is refused', async () => {
    const store = createStore(backend());
    await expect(put(store, 'a', 'x', 'y'.repeat(1_600_000))).rejects.toMatchObject({
      code: 500,
      message: 'etcdserver: request is too large',
    });
    await store.close();
  });
});

describe('the store on disk', () => {
  test('finds everything again, history included', async () => {
    const path = folder();
    const store = createStore(lmdbBackend(path));
    await put(store, 'a', 'x', '1');
    const { revision } = await put(store, 'a', 'x', '2');
    await put(store, 'a', 'y', '3');
    await remove(store, 'a', 'y');
    await store.close();

    const again = createStore(lmdbBackend(path));
    expect(again.revision).toBe(revision + 2);
    expect([...(await contents(again))]).toEqual([['a/x', '2']]);
    const watch = openWatch(again.cache(CONFIG_MAPS), () => again.revision, {
      selection: {},
      after: revision - 1,
      initial: false,
      initialBookmark: false,
    });
    const items = watch.pull(10).map((item) => [item.type, 'entry' in item && item.entry.object.metadata]);
    expect(items).toMatchObject([
      ['MODIFIED', { name: 'x', resourceVersion: String(revision) }],
      ['ADDED', { name: 'y', resourceVersion: String(revision + 1) }],
      ['DELETED', { name: 'y', resourceVersion: String(revision + 2) }],
    ]);
    watch.close();
    await again.close();
  });

  test('compaction keeps objects and drops what only older watches need', async () => {
    const path = folder();
    const store = createStore(lmdbBackend(path));
    const first = await put(store, 'a', 'x', '1');
    for (let i = 2; i < 20; i++) await put(store, 'a', 'x', String(i));
    await put(store, 'a', 'gone', '1');
    await remove(store, 'a', 'gone');
    await store.compact(store.revision);
    const newest = await put(store, 'a', 'x', 'last');
    await store.close();

    const backend = lmdbBackend(path);
    expect(backend.floor).toBe(newest.revision - 1);
    expect([...backend.log(0, newest.revision)].map(({ revision }) => revision)).toEqual([
      newest.revision - 3,
      newest.revision,
    ]);
    const again = createStore(backend);
    expect([...(await contents(again))]).toEqual([['a/x', 'last']]);
    const open = () =>
      openWatch(again.cache(CONFIG_MAPS), () => again.revision, {
        selection: {},
        after: first.revision,
        initial: false,
        initialBookmark: false,
      });
    expect(open).toThrow(expect.objectContaining({ code: 410, reason: 'Expired' }));
    await again.close();
  });

  test('a commit that fails fails every write decided on it, and the next one starts anew', async () => {
    const healthy = memoryBackend();
    let broken = true;
    const backend: Backend = {
      ...healthy,
      revision: 1,
      floor: 1,
      async commit(records) {
        if (broken) throw new Error('disk full');
        await healthy.commit(records);
      },
    };
    const store = createStore(backend);
    const writes = [put(store, 'a', 'x', '1'), put(store, 'a', 'x', '2')];
    for (const result of await Promise.allSettled(writes)) expect(result.status).toBe('rejected');
    expect(store.failure).toBe('disk full');
    expect(store.latest(CONFIG_MAPS, { namespace: 'a', name: 'x' })).toBeUndefined();
    broken = false;
    expect((await put(store, 'a', 'x', '3')).revision).toBe(2);
    expect(store.failure).toBeUndefined();
    await store.close();
  });
});
