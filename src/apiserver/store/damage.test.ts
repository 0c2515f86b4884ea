import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkDatabaseFile } from './database-file.ts';
import { logKey, objectKey } from './layout.ts';
import { checkEverything } from './line.ts';
import { lmdbBackend, openDatabase } from './lmdb.ts';
import { createStore } from './store.ts';

const PAGE = 4_096;
let folder: string;
let file: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'homeport-damage-'));
  file = join(folder, 'objects.mdb');
  const store = createStore(lmdbBackend(folder));
  const write = (index: number, size: number): Promise<unknown> => {
    const metadata = { name: `cm-${index}`, namespace: 'a' };
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { x: 'y'.repeat(size) } };
    return store.write({ group: '', resource: 'configmaps' }, metadata, () => ({ put: object }));
  };
  await Promise.all(Array.from({ length: 300 }, (_, index) => write(index, index % 10 === 0 ? 9_000 : 600)));
  await store.close();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Changes bytes of the file in place. */
function patch(change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(file);
  change(bytes);
  writeFileSync(file, bytes);
}

/** The numbers of the pages of a kind (branch 1, leaf 2) that bear their own number. */
function pagesOf(kind: number): number[] {
  const bytes = readFileSync(file);
  const all = Array.from({ length: bytes.length / PAGE }, (_, page) => page);
  return all.filter((page) => {
    const at = page * PAGE;
    return Number(bytes.readBigUInt64LE(at)) === page && bytes.readUInt16LE(at + 18) === kind;
  });
}

/** Fills the pages of a kind from an offset on. */
function fill(kind: number, offset: number, byte: number): void {
  patch((bytes) => {
    for (const page of pagesOf(kind)) bytes.fill(byte, page * PAGE + offset, (page + 1) * PAGE);
  });
}

test('a whole database is found to be whole', async () => {
  checkDatabaseFile(file, 'full');
  const db = openDatabase(folder);
  expect(checkEverything(db, folder, () => {})).toEqual({ revision: 301, floor: 1, records: 300, objects: 300 });
  await db.close();
});

test.each([
  ['cut off in its first page', () => truncateSync(file, 100), /is cut off after 100 bytes/],
  [
    'cut off in the middle',
    () => truncateSync(file, PAGE * 20),
    /is cut off: it ends after 81920 bytes, and page \d+ at byte \d+ holds data/,
  ],
  ['a page short', () => truncateSync(file, statSync(file).size - PAGE), /is cut off: it ends/],
  ['no database', () => writeFileSync(file, 'x'.repeat(20_000)), /is not a database of this kind/],
  [
    'a directory page of zeros',
    () => fill(1, 0, 0),
    /has a torn page: page \d+, at byte \d+, is not what belongs there/,
  ],
  ['nodes that lead nowhere', () => fill(1, 24, 0xee), /has a torn page/],
] as [string, () => void, RegExp][])(
  '%s: the start refuses it, names the file and says what to do',
  (_, damage, message) => {
    damage();
    const before = readFileSync(file);
    expect(() => lmdbBackend(folder)).toThrow(message);
    expect(() => lmdbBackend(folder)).toThrow(file);
    expect(() => lmdbBackend(folder)).toThrow(/homeport snapshot restore/);
    expect(readFileSync(file).equals(before)).toBe(true);
  },
);

test('one torn meta page is made up for by the other, as after a crash in a commit', async () => {
  patch((bytes) => bytes.fill(0, 0, PAGE));
  checkDatabaseFile(file, 'full');
});

test('a torn page of data is found by the full check', () => {
  patch((bytes) => bytes.fill(0, (pagesOf(2)[1] ?? 0) * PAGE, ((pagesOf(2)[1] ?? 0) + 1) * PAGE));
  expect(() => checkDatabaseFile(file, 'full')).toThrow(/has a torn page/);
});

test('an empty file is a new database', async () => {
  writeFileSync(file, '');
  const backend = lmdbBackend(folder);
  expect(backend.revision).toBe(1);
  await backend.close();
});

test.each([
  [
    'a record with changed bytes',
    (value: Buffer) => Buffer.concat([value.subarray(0, -1), Buffer.from('?')]),
    /revision 301 is damaged/,
  ],
  ['half a record', (value: Buffer) => value.subarray(0, 200), /revision 301 is damaged/],
  ['no record', () => undefined, /revision 301 is missing/],
] as [string, (value: Buffer) => Buffer | undefined, RegExp][])(
  '%s at the end of the line is found at the start',
  async (_, change, message) => {
    const db = openDatabase(folder);
    const changed = change(db.get(logKey(301)) as Buffer);
    if (changed) await db.put(logKey(301), changed);
    else await db.remove(logKey(301));
    await db.close();
    expect(() => lmdbBackend(folder)).toThrow(message);
  },
);

test('names and records that do not agree are found, and so is a record beyond the end', async () => {
  const db = openDatabase(folder);
  await db.put(objectKey('core/configmaps/a/cm-299'), Buffer.from('12'));
  expect(() => checkEverything(db, folder, () => {})).toThrow(/core\/configmaps\/a\/cm-299 is at revision 12/);
  await db.put(objectKey('core/configmaps/a/cm-299'), Buffer.from('301'));
  await db.put(objectKey('core/configmaps/a/nobody'), Buffer.from('7'));
  expect(() => checkEverything(db, folder, () => {})).toThrow(/301 objects have names, and 300 have records/);
  await db.put(logKey(400), Buffer.from('x'));
  expect(() => checkEverything(db, folder, () => {})).toThrow(/record 400 lies beyond its last revision 301/);
  await db.close();
});
