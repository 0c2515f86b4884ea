import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { lmdbBackend } from './lmdb.ts';
import { maintain } from './maintenance.ts';
import { createStore, type Store } from './store.ts';

const CONFIG_MAPS = { group: '', resource: 'configmaps' };
const MEBIBYTE = 1024 * 1024;
const SILENT = { info() {}, warn() {}, error() {} };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'homeport-quota-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(store: Store, name: string, size: number, metadata: object = {}): Promise<unknown> {
  const data = { x: String(Math.random()).padEnd(size, 'y') };
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'a', ...metadata }, data };
  return store.write(CONFIG_MAPS, { namespace: 'a', name }, () => ({ put: object }));
}

const remove = (store: Store, name: string): Promise<unknown> =>
  store.write(CONFIG_MAPS, { namespace: 'a', name }, () => ({ remove: true }));

const REFUSED = { code: 500, message: expect.stringMatching(/^etcdserver: mvcc: database space exceeded: .*delete/) };

test('above the quota nothing grows, removals go on, and with room all is as before', async () => {
  const store = createStore(lmdbBackend(folder, 4 * MEBIBYTE));
  let written = 0;
  while (!store.full) await put(store, `cm-${written++}`, 100_000);
  expect(written).toBeGreaterThan(30);
  await expect(put(store, 'one-more', 100)).rejects.toMatchObject(REFUSED);
  await expect(put(store, 'cm-0', 200_000)).rejects.toMatchObject(REFUSED);
  // What keeps a cluster alive and lets it shrink goes on: leases are renewed, finalizers removed, objects marked and deleted.
  await put(store, 'cm-0', 100_000);
  await put(store, 'cm-1', 100_000, { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['example.com/x'] });
  for (let index = 0; index < 5; index++) await remove(store, `cm-${index}`);
  expect(store.full).toBe(true);
  // The history still holds what was removed. The watchdog lets go of it by itself.
  const stop = maintain(store, SILENT);
  await vi.waitFor(() => expect(store.full).toBe(false), { timeout: 10_000 });
  await stop();
  await put(store, 'one-more', 100);
  await store.close();
  const again = createStore(lmdbBackend(folder, MEBIBYTE));
  expect(again.full).toBe(true);
  await expect(put(again, 'yet-another', 100)).rejects.toMatchObject(REFUSED);
  await again.close();
});

test('compaction goes on beside writers, and what it frees is used again', async () => {
  const store = createStore(lmdbBackend(folder, 0));
  for (let round = 0; round < 20; round++) {
    const writes = Array.from({ length: 1_000 }, (_, index) => put(store, `cm-${index % 200}`, 1_500));
    // What was committed by now: the writes of this round are still to come.
    await Promise.all([...writes, store.compact(store.revision)]);
  }
  // 20,000 records, two to a page, would be 40 MB; the file holds 200 objects and the history of two or three rounds.
  expect(statSync(join(folder, 'objects.mdb')).size).toBeLessThan(16 * MEBIBYTE);
  expect(store.size().used).toBeLessThan(8 * MEBIBYTE);
  await store.close();
});
