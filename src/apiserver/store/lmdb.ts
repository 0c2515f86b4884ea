import { mkdirSync, statfsSync } from 'node:fs';
import { open, type RootDatabase } from 'lmdb';
import { ApiError } from '../../machinery/index.ts';
import type { Backend, Line, LogRecord, SecretKeeping } from './backend.ts';
import { createCipher } from './cipher.ts';
import { checkDatabaseFile } from './database-file.ts';
import {
  DATABASE_FILE,
  FLOOR_KEY,
  FORMAT,
  FORMAT_KEY,
  logKey,
  objectKey,
  REVISION_KEY,
  revisionOfLogKey,
} from './layout.ts';
import { checkNewest } from './line.ts';
import { createQuota, spaceExceeded } from './quota.ts';
import { decodeRecord, encodeRecord, readRecord } from './record.ts';
import { keepSecrets } from './rotation.ts';
import { openSecretKeys } from './secret-keys.ts';

/** How many of the newest records a start looks at: what a crash could have torn is among them. */
const NEWEST_CHECKED = 1_000;
/** Records that one compaction transaction removes at most, so that writers never wait long for it. */
const COMPACTION_BATCH = 2_000;
/** Less free space than this, in bytes, and a failing write is put down to the full disk. */
const NEARLY_FULL = 4 * 1024 * 1024;
/**
 * Room in the address space, in bytes, which takes no memory: a map that is too small is replaced by one of twice the size,
 * and the library keeps the old ones with all the pages of theirs. Windows would make the file as large.
 */
const MAP = process.platform === 'win32' ? {} : { mapSize: 16 * 1024 ** 3 };
/** etcd's --quota-backend-bytes when it is not set. */
const USUAL_QUOTA = 2 * 1024 * 1024 * 1024;

/**
 * Makes changes in one transaction; resolves when it is on disk.
 * @throws ApiError 500 when it cannot be written: nothing of it is then, and the database goes on as it was.
 */
async function transact(
  db: RootDatabase<Buffer, string>,
  what: string,
  folder: string,
  changes: () => Promise<boolean>[],
): Promise<void> {
  let writes: Promise<boolean>[] = [];
  const batch = db.batch(() => {
    writes = changes();
  });
  // Every single write rejects with its transaction: all are waited for, so that none is left unhandled.
  const failed = (await Promise.allSettled([batch, ...writes])).find((result) => result.status === 'rejected');
  if (!failed) return;
  const [cause] = await Promise.allSettled([(failed.reason as { commitError?: Promise<unknown> }).commitError]);
  const problem = cause.status === 'rejected' ? String(cause.reason) : String(failed.reason);
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < NEARLY_FULL || /No space left|File too large/.test(problem)) {
    throw spaceExceeded(`${what} failed: ${problem}; the disk is full: make room on it`);
  }
  throw new ApiError(
    500,
    'InternalError',
    `Internal error occurred: ${what} failed: ${problem}; is its disk in order?`,
  );
}

/**
 * Opens the database file in a folder, made if need be, after a look at whether it is whole.
 * @param options.check 'none' for a file that another process is writing to: what is torn cannot be told from what is new.
 * @throws Error for one that is cut off, torn, or no database.
 */
export function openDatabase(
  folder: string,
  { readOnly = false, check = 'quick' }: { readOnly?: boolean; check?: 'none' | 'quick' | 'full' } = {},
): RootDatabase<Buffer, string> {
  const path = `${folder}/${DATABASE_FILE}`;
  if (check !== 'none') checkDatabaseFile(path, check);
  // No overlappingSync: a commit is only reported once it is on disk.
  return open<Buffer, string>({
    path,
    ...MAP,
    encoding: 'binary',
    overlappingSync: false,
    // The store batches by itself; the library's own batches of a turn leave a promise unhandled when a commit fails.
    eventTurnBatching: false,
    maxReaders: 16,
    readOnly,
  });
}

function checkedLine(db: RootDatabase<Buffer, string>, folder: string): Line {
  try {
    return checkNewest(db, folder, NEWEST_CHECKED);
  } catch (error) {
    void db.close();
    throw error;
  }
}

/**
 * Opens or creates the database in a folder (mode 0700). Secrets are sealed with a key that is kept beside it (mode 0600).
 * @param quota how many bytes may be in use before nothing more should be put; 0 or less: any number.
 * @throws Error when the folder holds another format, or a database whose revision line is broken.
 */
export function lmdbBackend(folder: string, quota = USUAL_QUOTA): Backend & { secrets: SecretKeeping } {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const cipher = createCipher(openSecretKeys(folder));
  const db = openDatabase(folder);
  let { revision, floor } = checkedLine(db, folder);
  const space = createQuota(db, quota);
  /** Whether the file says that it is of our format: the first commit does that. */
  let marked = false;

  const read = (at: number): LogRecord | undefined => {
    const value = db.get(logKey(at));
    return value && decodeRecord(at, value, cipher);
  };

  function* objects(prefix: string): Iterable<LogRecord> {
    const start = objectKey(prefix);
    for (const { key, value } of db.getRange({ start, end: `${start}\uffff`, snapshot: false })) {
      const record = read(Number(value.toString()));
      if (!record || record.path !== key.slice(2)) {
        throw new Error(`reading ${key} from the database in ${folder}: its record at revision ${value} is missing`);
      }
      yield record;
    }
  }

  const records = (after: number, upTo: number) =>
    db.getRange({ start: logKey(after + 1), end: logKey(upTo + 1), snapshot: false });

  function* log(after: number, upTo: number): Iterable<LogRecord> {
    for (const { key, value } of records(after, upTo)) yield decodeRecord(revisionOfLogKey(key), value, cipher);
  }

  async function commit(batch: readonly LogRecord[]): Promise<void> {
    const last = batch.at(-1);
    if (!last) return;
    await transact(db, `storing up to revision ${last.revision}`, folder, () => [
      ...batch.flatMap((record) => [
        db.put(logKey(record.revision), encodeRecord(record, cipher)),
        record.bytes
          ? db.put(objectKey(record.path), Buffer.from(String(record.revision)))
          : db.remove(objectKey(record.path)),
      ]),
      ...(marked ? [] : [db.put(FORMAT_KEY, Buffer.from(String(FORMAT)))]),
      db.put(REVISION_KEY, Buffer.from(String(last.revision))),
    ]);
    marked = true;
    revision = last.revision;
    space.wrote(batch.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0));
  }

  /** A record stays as long as it is an object's newest, or a watch from the floor may need it as the state before. */
  async function compact(to: number): Promise<void> {
    while (floor < to) {
      const upTo = Math.min(to, floor + COMPACTION_BATCH);
      const superseded: number[] = [];
      for (const { key, value } of records(floor, upTo)) {
        const { revision: at, previous, stored } = readRecord(revisionOfLogKey(key), value);
        if (previous > 0) superseded.push(previous);
        if (!stored) superseded.push(at);
      }
      const before = floor;
      // Raised first: nobody may read back history that is about to have gaps.
      floor = upTo;
      try {
        await transact(db, 'compacting', folder, () => [
          ...superseded.map((dead) => db.remove(logKey(dead))),
          db.put(FLOOR_KEY, Buffer.from(String(upTo))),
        ]);
      } catch (error) {
        floor = before;
        throw error;
      }
    }
    space.measure();
  }

  const secrets = keepSecrets(db, folder, cipher);

  return {
    get revision() {
      return revision;
    },
    get floor() {
      return floor;
    },
    get full() {
      return space.full;
    },
    size: space.size,
    secrets,
    objects,
    record: read,
    log,
    commit,
    compact,
    async close() {
      await secrets.stop();
      await db.close();
    },
  };
}
