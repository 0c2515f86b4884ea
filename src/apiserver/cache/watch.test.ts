import { describe, expect, test } from 'vitest';
import { type KubeObject, parseLabelSelector } from '../../machinery/index.ts';
import { memoryBackend } from '../store/backend.ts';
import { createStore, type Store } from '../store/store.ts';
import type { Selection } from './selection.ts';
import { openWatch, type Watch, type WatchRequest } from './watch.ts';

const PODS = { group: '', resource: 'pods' };
const EVERYTHING: Selection = {};

function put(store: Store, name: string, labels: Record<string, string>, namespace = 'a') {
  const object: KubeObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels } };
  return store.write(PODS, { namespace, name }, () => ({ put: object }));
}

const remove = (store: Store, name: string) => store.write(PODS, { namespace: 'a', name }, () => ({ remove: true }));

function open(store: Store, request: Partial<WatchRequest>): Watch {
  return openWatch(store.cache(PODS), () => store.revision, {
    selection: EVERYTHING,
    after: store.revision,
    initial: false,
    initialBookmark: false,
    ...request,
  });
}

/** Everything there is to pull: type, name and resourceVersion; or the revision of a bookmark. */
function drain(watch: Watch): unknown[][] {
  const items = watch.pull(1_000);
  return items.map((item) =>
    item.type === 'BOOKMARK'
      ? [item.type, item.revision, item.initialEventsEnd]
      : [item.type, item.entry.name, item.entry.object.metadata.resourceVersion],
  );
}

describe('a watch', () => {
  test('sees objects enter and leave its selector as added and deleted', async () => {
    const store = createStore(memoryBackend());
    const watch = open(store, { selection: { ...EVERYTHING, labels: parseLabelSelector('app=web') } });
    await put(store, 'x', { app: 'db' });
    const entered = await put(store, 'x', { app: 'web' });
    const changed = await put(store, 'x', { app: 'web', more: '1' });
    const left = await put(store, 'x', { app: 'db' });
    await remove(store, 'x');
    expect(drain(watch)).toEqual([
      ['ADDED', 'x', String(entered.revision)],
      ['MODIFIED', 'x', String(changed.revision)],
      ['DELETED', 'x', String(left.revision)],
    ]);
    await store.close();
  });

  test('shows an object that left the selector as it was before, at the revision of the change', async () => {
    const store = createStore(memoryBackend());
    await put(store, 'x', { app: 'web' });
    const watch = open(store, { selection: { ...EVERYTHING, labels: parseLabelSelector('app=web') } });
    const left = await put(store, 'x', { app: 'db' });
    const [item] = watch.pull(10);
    expect(item).toMatchObject({
      type: 'DELETED',
      entry: { object: { metadata: { labels: { app: 'web' }, resourceVersion: String(left.revision) } } },
    });
    await store.close();
  });

  test('gives a deletion a revision of its own', async () => {
    const store = createStore(memoryBackend());
    const created = await put(store, 'x', {});
    const watch = open(store, {});
    await remove(store, 'x');
    expect(drain(watch)).toEqual([['DELETED', 'x', String(created.revision + 1)]]);
    await store.close();
  });

  test('begins with the objects there are and says where they end', async () => {
    const store = createStore(memoryBackend());
    const x = await put(store, 'x', {});
    const y = await put(store, 'y', {});
    const watch = open(store, { after: undefined, initial: true, initialBookmark: true });
    const z = await put(store, 'z', {});
    expect(drain(watch)).toEqual([
      ['ADDED', 'x', String(x.revision)],
      ['ADDED', 'y', String(y.revision)],
      ['BOOKMARK', y.revision, true],
      ['ADDED', 'z', String(z.revision)],
    ]);
    await store.close();
  });

  test('of one namespace is left alone by the others', async () => {
    const store = createStore(memoryBackend());
    const watch = open(store, { selection: { ...EVERYTHING, namespace: 'b' } });
    await put(store, 'x', {});
    const inside = await put(store, 'x', {}, 'b');
    expect(drain(watch)).toEqual([['ADDED', 'x', String(inside.revision)]]);
    await store.close();
  });

  test('that is too slow falls off the ring with 410, and one that keeps up does not', async () => {
    const store = createStore(memoryBackend());
    const slow = open(store, {});
    const quick = open(store, {});
    let seen = 0;
    for (let round = 0; round < 12; round++) {
      await Promise.all(Array.from({ length: 1_000 }, (_, i) => put(store, `x${i}`, { round: String(round) })));
      seen += quick.pull(2_000).length;
    }
    expect(seen).toBe(12_000);
    expect(() => open(store, { after: 1 })).toThrow(expect.objectContaining({ code: 410, reason: 'Expired' }));
    expect(() => slow.pull(10)).toThrow(expect.objectContaining({ code: 410, reason: 'Expired' }));
    await store.close();
  });

  test('is told once a batch that there is more', async () => {
    const store = createStore(memoryBackend());
    const watch = open(store, {});
    let calls = 0;
    watch.onReady(() => calls++);
    await Promise.all([put(store, 'x', {}), put(store, 'y', {}), put(store, 'z', {})]);
    expect(calls).toBe(1);
    watch.close();
    await put(store, 'x', { a: 'b' });
    expect(calls).toBe(1);
    await store.close();
  });
});
