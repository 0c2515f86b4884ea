import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { memoryBackend } from './backend.ts';
import { lmdbBackend } from './lmdb.ts';
import { FINISHED } from './rotation.testing.ts';
import { createStore, type Store } from './store.ts';

const SECRETS = { group: '', resource: 'secrets' };
const COUNT = 1_200;

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'homeport-rotation-'));
  const store = createStore(lmdbBackend(folder));
  await Promise.all(Array.from({ length: COUNT }, (_, index) => put(store, `s${index}`, `first ${index}`)));
  await Promise.all(Array.from({ length: 50 }, (_, index) => put(store, `s${index}`, `second ${index}`)));
  await store.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function put(store: Store, name: string, value: string) {
  const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'a' }, value };
  return store.write(SECRETS, { namespace: 'a', name }, () => ({ put: object }));
}

const keyFile = () => readFileSync(join(folder, 'secrets.key'), 'utf8').trim().split('\n');

/** Every Secret and its history, read back. */
function everything(): string[] {
  const backend = lmdbBackend(folder);
  try {
    return [...backend.log(0, backend.revision)].map(({ bytes }) => JSON.parse(String(bytes)).value as string).sort();
  } finally {
    void backend.close();
  }
}

test('whenever it is cut off nothing is lost, and the next one finishes it', async () => {
  const before = everything();
  expect(before).toHaveLength(COUNT + 50);
  const [old = ''] = keyFile();
  const codes: (number | string | null)[] = [];
  let batches = 0;
  do {
    const script = join(import.meta.dirname, 'rotation.testing.ts');
    const { status, signal } = spawnSync(process.execPath, [script, folder, String(batches)]);
    codes.push(signal ?? status);
    expect(everything()).toEqual(before);
    if (signal) expect(keyFile().at(-1)).toBe(old);
    batches += 3;
  } while (codes.at(-1) === 'SIGKILL' && batches < 20);
  expect(codes.at(-1)).toBe(FINISHED);
  expect(codes.length).toBeGreaterThan(1);
  expect(keyFile()).toHaveLength(1);
  expect(keyFile()).not.toContain(old);
});

test('while others write: what they write has the new key at once, and status tells', async () => {
  const backend = lmdbBackend(folder);
  const store = createStore(backend);
  const [before] = (await backend.secrets.status()).keys;
  expect(before).toMatchObject({ newest: true, records: COUNT + 50, created: expect.stringMatching(/^\d{4}-/) });
  const rotated = backend.secrets.rotate();
  await Promise.all(Array.from({ length: 30 }, (_, index) => put(store, `new${index}`, 'third')));
  const { key, records } = await rotated;
  expect(records).toBe(COUNT + 50);
  const { keys, unnamed } = await backend.secrets.status();
  expect(keys).toEqual([expect.objectContaining({ id: key, newest: true, records: COUNT + 80 })]);
  expect([unnamed, key === before?.id]).toEqual([0, false]);
  await store.close();
  expect(everything().filter((value) => value === 'third')).toHaveLength(30);
});

test('there are no keys where nothing is written to disk', () => {
  expect(memoryBackend().secrets).toBeUndefined();
});
