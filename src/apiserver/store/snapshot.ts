import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { RangeOptions, RootDatabase } from 'lmdb';
import { readIfPresent, syncFolder, writePrivateFile } from '../auth/private-file.ts';
import type { Checked, Line } from './backend.ts';
import {
  DATABASE_FILE,
  FLOOR_KEY,
  FORMAT,
  FORMAT_KEY,
  KEY_FILE,
  logKey,
  objectKey,
  REVISION_KEY,
  revisionOfLogKey,
} from './layout.ts';
import { checkEverything, readLine } from './line.ts';
import { lmdbBackend, openDatabase } from './lmdb.ts';
import { readRecord } from './record.ts';
import { unitedKeys } from './secret-keys.ts';
import { type Frame, openSnapshot, type SnapshotHeader, writeSnapshot } from './snapshot-file.ts';

/** Told how many records are done, and of how many. */
export type Progress = (done: number, total: number) => void;

type Db = RootDatabase<Buffer, string>;

const SECRETS = 'core/secrets/';
const PROGRESS_EVERY = 2_000;
/** Records that one transaction of a restore writes. */
const RESTORE_BATCH = 2_000;

/** The folder of the database in a data folder. */
export const databaseFolder = (dataDir: string): string => join(dataDir, 'db');
/** A restored database that is whole, and only has to be put in the place of the present one. */
const restoredFolder = (dataDir: string): string => join(dataDir, 'db.restored');

function counted<T>(items: Iterable<T>, total: number, progress: Progress): Iterable<T> {
  return (function* () {
    let done = 0;
    for (const item of items) {
      yield item;
      if (++done % PROGRESS_EVERY === 0) progress(done, total);
    }
  })();
}

/** True when a data folder holds a database. */
function holdsDatabase(dataDir: string): boolean {
  const file = join(databaseFolder(dataDir), DATABASE_FILE);
  return existsSync(file) && statSync(file).size > 0;
}

/** Throws an Error for a data folder without a database. */
export function mustHoldDatabase(dataDir: string): void {
  if (!holdsDatabase(dataDir))
    throw new Error(`there is no database in ${databaseFolder(dataDir)}: nothing was ever started there`);
}

/**
 * Copies the database of a data folder, as it is at one revision, into one file (mode 0600), also while a server writes to it.
 * @param options.inUse a server has the data folder.
 * @param options.withKey whether the key that Secrets are sealed with goes along; without it, the copy cannot be read by itself.
 * @throws Error when there is no database, a record is damaged, or the file cannot be written: then there is no file.
 */
export async function saveSnapshot(
  dataDir: string,
  file: string,
  options: { withKey: boolean; inUse: boolean; progress?: Progress },
): Promise<SnapshotHeader> {
  mustHoldDatabase(dataDir);
  const folder = databaseFolder(dataDir);
  const keys = () => (options.withKey ? readIfPresent(join(folder, KEY_FILE)) : undefined);
  const before = keys();
  const db = openDatabase(folder, { readOnly: true, check: options.inUse ? 'none' : 'quick' });
  // One picture for all that follows. Pages that it needs are not reused until it is let go, so the loop never waits.
  const transaction = db.useReadTransaction();
  try {
    // A change of keys may be under way: those from before the picture and from after it open all that is in it.
    const key = unitedKeys(before, keys());
    const range = { start: 'l/', end: 'l/~', transaction };
    // A copy: counting leaves its mark on the options.
    const records = db.getKeysCount({ ...range });
    const { revision, floor } = readLine(db, folder);
    const header = {
      created: new Date().toISOString(),
      revision,
      floor,
      records,
      ...(key === undefined ? {} : { key }),
    };
    writeSnapshot(file, header, counted(framesOf(db, range), records, options.progress ?? (() => {})));
    return header;
  } finally {
    transaction.done();
    await db.close();
  }
}

/** The records as they lie in the database; a damaged one is not copied as if nothing were wrong. */
function* framesOf(db: Db, range: RangeOptions): Iterable<Frame> {
  for (const { key, value } of db.getRange(range)) {
    const revision = revisionOfLogKey(key);
    readRecord(revision, value);
    yield { revision, value };
  }
}

/** What a snapshot holds. */
export interface SnapshotStatus {
  header: SnapshotHeader;
  objects: number;
  /** In bytes. */
  size: number;
}

/**
 * Reads a snapshot from end to end.
 * @throws Error when it is cut off, changed, or none.
 */
export function snapshotStatus(file: string, progress: Progress = () => {}): SnapshotStatus {
  const snapshot = openSnapshot(file);
  try {
    const live = new Set<string>();
    let records = 0;
    for (const { revision, value } of counted(snapshot.frames(), snapshot.header.records, progress)) {
      const { path, stored } = readRecord(revision, value);
      if (stored) live.add(path);
      else live.delete(path);
      records++;
    }
    if (records !== snapshot.header.records) {
      throw new Error(
        `the snapshot ${file} holds ${records} records, and says that it holds ${snapshot.header.records}`,
      );
    }
    return { header: snapshot.header, objects: live.size, size: statSync(file).size };
  } finally {
    snapshot.close();
  }
}

export interface RestoreOptions {
  /** Take the place of a database that is there; it is kept beside the new one. */
  force: boolean;
  /** Added to the revision line, so that whoever watches from before gets 410 and lists again; 0 goes on with the line. */
  bumpRevision: number;
  /** The content of secrets.key, for a snapshot that does not hold it. */
  key?: string;
  progress?: Progress;
}

/** What a restore did. */
export interface Restored extends Line, Checked {
  /** Where the database lies that was there before. */
  kept: string | undefined;
}

/**
 * Makes a snapshot the database of a data folder, which no server may be using. The new database is complete and checked
 * before it takes its place; until then, and if that fails, all is as it was.
 * @throws Error for a snapshot that is not whole, a database that is there already, or a key that does not fit.
 */
export async function restoreSnapshot(file: string, dataDir: string, options: RestoreOptions): Promise<Restored> {
  finishRestore(dataDir);
  if (holdsDatabase(dataDir) && !options.force) {
    throw new Error(
      `${databaseFolder(dataDir)} holds a database already; --force puts the snapshot in its place, and keeps it beside`,
    );
  }
  const { header } = snapshotStatus(file);
  const key = header.key ?? options.key ?? readIfPresent(join(databaseFolder(dataDir), KEY_FILE));
  if (key === undefined) {
    throw new Error(
      `the snapshot ${file} does not hold the key that Secrets are sealed with: name its file with --key`,
    );
  }
  const folder = join(dataDir, `db.restoring-${process.pid}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writePrivateFile(join(folder, KEY_FILE), key);
    const checked = await fill(folder, file, options);
    await checkKey(folder);
    rmSync(restoredFolder(dataDir), { recursive: true, force: true });
    renameSync(folder, restoredFolder(dataDir));
    syncFolder(dataDir);
    return { ...checked, kept: finishRestore(dataDir) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes the records of a snapshot into a new database. */
async function fill(folder: string, file: string, { bumpRevision, progress }: RestoreOptions): Promise<Line & Checked> {
  const snapshot = openSnapshot(file);
  const db = openDatabase(folder);
  try {
    const { header } = snapshot;
    const end = header.revision + bumpRevision;
    const put = (key: string, value: number): void => db.putSync(key, Buffer.from(String(value)));
    const frames = counted(snapshot.frames(), header.records, progress ?? (() => {}))[Symbol.iterator]();
    for (let more = true; more; ) {
      db.transactionSync(() => {
        for (let count = 0; more && count < RESTORE_BATCH; count++) more = restoreNext(db, frames, bumpRevision > 0);
      });
    }
    db.transactionSync(() => {
      put(FORMAT_KEY, FORMAT);
      put(REVISION_KEY, end);
      put(FLOOR_KEY, bumpRevision > 0 ? end : header.floor);
    });
    await db.flushed;
    return checkEverything(db, folder, () => {});
  } finally {
    snapshot.close();
    await db.close();
  }
}

/** Takes over one record. With `newestOnly` what it supersedes goes: below a new floor nothing would ever remove it. */
function restoreNext(db: Db, frames: Iterator<Frame>, newestOnly: boolean): boolean {
  const next = frames.next();
  if (next.done) return false;
  const { revision, value } = next.value;
  const { path, previous, stored } = readRecord(revision, value);
  if (stored) db.putSync(objectKey(path), Buffer.from(String(revision)));
  else db.removeSync(objectKey(path));
  if (stored || !newestOnly) db.putSync(logKey(revision), value);
  if (newestOnly && previous > 0) db.removeSync(logKey(previous));
  return true;
}

/** Opens every Secret: a key that does not fit is found now, and not when the old one is gone. */
async function checkKey(folder: string): Promise<void> {
  const backend = lmdbBackend(folder);
  try {
    for (const record of backend.objects(SECRETS)) void record;
  } finally {
    await backend.close();
  }
}

/**
 * Puts a restored database into its place, if there is one: a restore that was cut off after it was complete goes on here.
 * @returns where the database lies that was there before.
 */
export function finishRestore(dataDir: string): string | undefined {
  if (!existsSync(restoredFolder(dataDir))) return undefined;
  const folder = databaseFolder(dataDir);
  let kept: string | undefined;
  if (existsSync(folder)) {
    kept = join(dataDir, `db.before-${new Date().toISOString().replace(/[:.]/g, '-')}`);
    renameSync(folder, kept);
  }
  renameSync(restoredFolder(dataDir), folder);
  syncFolder(dataDir);
  return kept;
}

/**
 * Reads the whole database of a data folder and checks that everything in it is as it was written.
 * @param inUse a server has the data folder: the pages of the file are not looked at then, as they change meanwhile.
 * @throws Error for the first thing that is wrong, and what to do.
 */
export async function checkDatabase(dataDir: string, inUse: boolean, progress: Progress): Promise<Line & Checked> {
  mustHoldDatabase(dataDir);
  const folder = databaseFolder(dataDir);
  const db = openDatabase(folder, { readOnly: true, check: inUse ? 'none' : 'full' });
  try {
    const total = db.getKeysCount({ start: 'l/', end: 'l/~' });
    // One turn of the loop is one picture, whatever is written meanwhile.
    return checkEverything(db, folder, (done) => progress(done, total));
  } finally {
    await db.close();
  }
}
