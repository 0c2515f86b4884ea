import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openWatch } from '../cache/watch.ts';
import { startApiServer } from '../server.ts';
import { lmdbBackend } from './lmdb.ts';
import { checkDatabase, databaseFolder, restoreSnapshot, saveSnapshot, snapshotStatus } from './snapshot.ts';
import { createStore, type Store } from './store.ts';

let folder: string;
let dataDir: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'homeport-snapshot-'));
  dataDir = join(folder, 'data');
  file = join(folder, 'backup.snapshot');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const CONFIG_MAPS = { group: '', resource: 'configmaps' };
const SECRETS = { group: '', resource: 'secrets' };
const opened = (where: string): Store => createStore(lmdbBackend(databaseFolder(where)));

function put(store: Store, resource: typeof SECRETS, name: string, value: string): Promise<{ revision: number }> {
  const kind = resource === SECRETS ? 'Secret' : 'ConfigMap';
  const metadata = { name, namespace: 'a' };
  return store.write(resource, metadata, () => ({ put: { apiVersion: 'v1', kind, metadata, data: { value } } }));
}

const remove = (store: Store, resource: typeof SECRETS, name: string): Promise<unknown> =>
  store.write(resource, { namespace: 'a', name }, () => ({ remove: true }));

function contents(store: Store): Record<string, unknown> {
  const all = [CONFIG_MAPS, SECRETS].flatMap((resource) => [...store.cache(resource).entries.from('a')]);
  return Object.fromEntries(all.map(({ name, object }) => [`${object.kind} ${name}`, object]));
}

/** A database with objects that were made, changed and removed. */
async function filled(): Promise<Store> {
  const store = opened(dataDir);
  for (let index = 0; index < 20; index++) await put(store, CONFIG_MAPS, `cm-${index}`, 'first');
  await put(store, SECRETS, 's', 'correct horse');
  await put(store, CONFIG_MAPS, 'cm-3', 'second');
  await remove(store, CONFIG_MAPS, 'cm-4');
  return store;
}

test('a copy that is made while writers go on is of one revision, and becomes the same objects elsewhere', async () => {
  const store = await filled();
  let writing = true;
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    // Each writes its two objects one after the other: a copy of one revision never has them apart by more than one.
    for (let turn = 0; writing; turn++) {
      await put(store, CONFIG_MAPS, `left-${writer}`, String(turn));
      await put(store, CONFIG_MAPS, `right-${writer}`, String(turn));
    }
  });
  const saved = [];
  for (let index = 0; index < 5; index++) {
    saved.push(await saveSnapshot(dataDir, `${file}.${index}`, { withKey: true, inUse: true }));
    await put(store, CONFIG_MAPS, 'between', String(index));
  }
  writing = false;
  await Promise.all(writers);
  await store.close();
  for (const [index, { revision, records }] of saved.entries()) {
    const target = join(folder, `restored-${index}`);
    expect(statSync(`${file}.${index}`).mode & 0o777).toBe(0o600);
    expect(snapshotStatus(`${file}.${index}`).header).toMatchObject({ revision, records });
    await restoreSnapshot(`${file}.${index}`, target, { force: false, bumpRevision: 0 });
    const restored = opened(target);
    expect(restored.revision).toBe(revision);
    const found = contents(restored) as Record<string, { data: { value: string } }>;
    expect(found['Secret s']?.data.value).toBe('correct horse');
    for (let writer = 0; writer < 8; writer++) {
      const turn = (side: string): number => Number(found[`ConfigMap ${side}-${writer}`]?.data.value ?? -1);
      expect([0, 1]).toContain(turn('left') - turn('right'));
    }
    await restored.close();
  }
});

test('with a bump of the revision, whoever watched the old line gets 410, and new writes come after all of it', async () => {
  const store = await filled();
  const before = contents(store);
  const { revision } = store;
  await saveSnapshot(dataDir, file, { withKey: true, inUse: true });
  const later = await put(store, CONFIG_MAPS, 'never-to-be', 'x');
  await store.close();
  const restored = await restoreSnapshot(file, dataDir, { force: true, bumpRevision: 1_000 });
  expect(restored).toMatchObject({ revision: revision + 1_000, floor: revision + 1_000, objects: 20, records: 20 });
  const again = opened(dataDir);
  expect(contents(again)).toEqual(before);
  const request = { selection: {}, initial: false, initialBookmark: false };
  for (const after of [revision, later.revision]) {
    expect(() => openWatch(again.cache(CONFIG_MAPS), () => again.revision, { ...request, after })).toThrow(/too old/);
  }
  expect((await put(again, CONFIG_MAPS, 'new', 'x')).revision).toBe(revision + 1_001);
  await again.close();
  await checkDatabase(dataDir, false, () => {});
  // What was there before is kept.
  const old = createStore(lmdbBackend(restored.kept ?? ''));
  expect(contents(old)).toHaveProperty(['ConfigMap never-to-be']);
  await old.close();
});

test('without a bump the history goes on: a watch resumes across the restore', async () => {
  const store = await filled();
  await saveSnapshot(dataDir, file, { withKey: true, inUse: true });
  await store.close();
  const target = join(folder, 'elsewhere');
  await restoreSnapshot(file, target, { force: false, bumpRevision: 0 });
  const again = opened(target);
  const selection = {};
  const options = { selection, after: 1, initial: false, initialBookmark: false };
  const watch = openWatch(again.cache(CONFIG_MAPS), () => again.revision, options);
  expect(watch.pull(100).map(({ type }) => type)).toEqual([...Array(20).fill('ADDED'), 'MODIFIED', 'DELETED']);
  watch.close();
  await again.close();
});

test('a database that is there is not overwritten unless told to', async () => {
  const store = await filled();
  await saveSnapshot(dataDir, file, { withKey: true, inUse: true });
  await store.close();
  const options = { force: false, bumpRevision: 0 };
  await expect(restoreSnapshot(file, dataDir, options)).rejects.toThrow(/holds a database already; --force/);
});

test('a copy without the key needs the key, and a wrong one is noticed before anything is replaced', async () => {
  const store = await filled();
  await saveSnapshot(dataDir, file, { withKey: false, inUse: true });
  const key = readFileSync(join(databaseFolder(dataDir), 'secrets.key'), 'utf8');
  await store.close();
  expect(readFileSync(file).includes(key.trim())).toBe(false);
  const target = join(folder, 'elsewhere');
  const options = { force: false, bumpRevision: 0 };
  await expect(restoreSnapshot(file, target, options)).rejects.toThrow(/does not hold the key .* --key/);
  const wrong = `${Buffer.alloc(32, 7).toString('base64')}\n`;
  await expect(restoreSnapshot(file, target, { ...options, key: wrong })).rejects.toThrow(/sealed with another key/);
  expect(existsSync(databaseFolder(target))).toBe(false);
  expect(readdirSync(target)).toEqual([]);
  await restoreSnapshot(file, target, { ...options, key });
});

test('a file that was cut off, changed, or is no snapshot is refused, and nothing is changed', async () => {
  const store = await filled();
  await saveSnapshot(dataDir, file, { withKey: true, inUse: true });
  await store.close();
  const whole = readFileSync(file);
  const target = join(folder, 'elsewhere');
  const refusal = async (bytes: Buffer): Promise<string> => {
    writeFileSync(file, bytes);
    return restoreSnapshot(file, target, { force: false, bumpRevision: 0 }).then(
      () => 'restored',
      (error: Error) => error.message,
    );
  };
  for (let length = 0; length < whole.length; length += 97) {
    expect(await refusal(whole.subarray(0, length))).toMatch(/is cut off|is not a snapshot|was changed or damaged/);
  }
  expect(await refusal(whole.subarray(0, -1))).toMatch(/is cut off/);
  for (let at = 0; at < whole.length; at += 101) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 0x20;
    expect(await refusal(changed), `byte ${at}`).not.toBe('restored');
  }
  expect(await refusal(Buffer.concat([whole, Buffer.from('x')]))).toMatch(/was changed/);
  expect(existsSync(target)).toBe(false);
});

test('a restore that was cut off after it was complete goes on at the next start', async () => {
  const store = await filled();
  const before = contents(store);
  await saveSnapshot(dataDir, file, { withKey: true, inUse: true });
  await store.close();
  const target = join(folder, 'elsewhere');
  await restoreSnapshot(file, target, { force: false, bumpRevision: 0 });
  renameSync(databaseFolder(target), join(target, 'db.restored'));
  const server = await startApiServer({ dataDir: target });
  const path = '/api/v1/namespaces/a/configmaps/cm-3';
  expect(await server.transport().request({ method: 'GET', path })).toEqual(before['ConfigMap cm-3']);
  await server.stop();
});
