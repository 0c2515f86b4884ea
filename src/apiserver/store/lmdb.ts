import { randomBytes } from 'node:crypto';
import { mkdirSync, statfsSync } from 'node:fs';
import { open, type RootDatabase } from 'lmdb';
import { ApiError } from '../../machinery/index.ts';
import { readIfPresent, writePrivateFile } from '../auth/private-file.ts';
import type { Backend, LogRecord } from './backend.ts';
import { type Cipher, createCipher } from './cipher.ts';

const FORMAT = 1;
const KEY_BYTES = 32;
/** Records that one compaction transaction removes at most, so that writers never wait long for it. */
const COMPACTION_BATCH = 2_000;
/** Less free space than this, in bytes, and a failing write is put down to the full disk. */
const NEARLY_FULL = 4 * 1024 * 1024;

/** Revisions as fixed-width text, so that they sort as numbers. */
const logKey = (revision: number): string => `l/${revision.toString(16).padStart(12, '0')}`;
const objectKey = (path: string): string => `o/${path}`;

/** Objects under this path hold what only their readers may see. */
const SEALED = 'core/secrets/';

/** A record's value: '<previous> <path>\n' and the object's bytes, sealed for Secrets. */
function encodeRecord({ previous, path, bytes }: LogRecord, cipher: Cipher): Buffer {
  const header = Buffer.from(`${previous} ${path}\n`);
  if (!bytes) return header;
  return Buffer.concat([header, path.startsWith(SEALED) ? cipher.seal(bytes, path) : bytes]);
}

function decodeRecord(revision: number, value: Buffer, cipher: Cipher): LogRecord {
  const end = value.indexOf(0x0a);
  const header = value.toString('utf8', 0, end);
  const space = header.indexOf(' ');
  const path = header.slice(space + 1);
  const stored = end + 1 < value.length ? value.subarray(end + 1) : undefined;
  const bytes = stored && path.startsWith(SEALED) ? unseal(stored, path, cipher) : stored;
  return { revision, previous: Number(header.slice(0, space)), path, bytes };
}

function unseal(sealed: Buffer, path: string, cipher: Cipher): Buffer {
  try {
    return cipher.open(sealed, path);
  } catch (cause) {
    throw new Error(`reading ${path} from the database: it was changed, or sealed with another key than secrets.key`, {
      cause,
    });
  }
}

/** The key that Secrets are sealed with, made at the first start. */
function openKey(folder: string, cipherKey: string): Buffer {
  const stored = readIfPresent(cipherKey);
  const key = Buffer.from(stored ?? randomBytes(KEY_BYTES).toString('base64'), 'base64');
  if (key.length !== KEY_BYTES) {
    throw new Error(
      `opening the database in ${folder}: ${cipherKey} does not hold a key of ${KEY_BYTES} bytes in base64`,
    );
  }
  if (stored === undefined) writePrivateFile(cipherKey, `${key.toString('base64')}\n`);
  return key;
}

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
  const hint = bavail * bsize < NEARLY_FULL ? 'the disk is full: make room on it' : 'is its disk in order?';
  throw new ApiError(500, 'InternalError', `Internal error occurred: ${what} failed: ${problem}; ${hint}`);
}

/**
 * Opens or creates the database in a folder (mode 0700). Secrets are sealed with a key that is kept beside it (mode 0600).
 * @throws Error when the folder holds another format, or a database whose revision line is broken.
 */
export function lmdbBackend(folder: string): Backend {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const cipher = createCipher(openKey(folder, `${folder}/secrets.key`));
  // No mapSize: LMDB grows its map by itself, and sizes past 2 GiB written as 32-bit shifts turn negative.
  // No overlappingSync: a commit is only reported once it is on disk.
  const db = open<Buffer, string>({
    path: `${folder}/objects.mdb`,
    encoding: 'binary',
    overlappingSync: false,
    // The store batches by itself; the library's own batches of a turn leave a promise unhandled when a commit fails.
    eventTurnBatching: false,
    maxReaders: 16,
  });
  const number = (key: string, otherwise: number): number => Number(db.get(key)?.toString() ?? otherwise);
  const format = number('m/format', FORMAT);
  if (format !== FORMAT) {
    throw new Error(`opening the database in ${folder}: its format is ${format}, this version reads ${FORMAT}`);
  }
  let revision = number('m/revision', 1);
  let floor = number('m/floor', 1);
  const [newest] = db.getKeys({ start: 'l/~', end: 'l/', reverse: true, limit: 1 });
  if (newest !== undefined && Number.parseInt(newest.slice(2), 16) > revision) {
    throw new Error(`opening the database in ${folder}: record ${newest} lies beyond its last revision ${revision}`);
  }

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

  function* log(after: number, upTo: number): Iterable<LogRecord> {
    const range = db.getRange({ start: logKey(after + 1), end: logKey(upTo + 1), snapshot: false });
    for (const { key, value } of range) yield decodeRecord(Number.parseInt(key.slice(2), 16), value, cipher);
  }

  async function commit(records: readonly LogRecord[]): Promise<void> {
    const last = records.at(-1);
    if (!last) return;
    await transact(db, `storing up to revision ${last.revision}`, folder, () => [
      ...records.flatMap((record) => [
        db.put(logKey(record.revision), encodeRecord(record, cipher)),
        record.bytes
          ? db.put(objectKey(record.path), Buffer.from(String(record.revision)))
          : db.remove(objectKey(record.path)),
      ]),
      db.put('m/format', Buffer.from(String(FORMAT))),
      db.put('m/revision', Buffer.from(String(last.revision))),
    ]);
    revision = last.revision;
  }

  /** A record stays as long as it is an object's newest, or a watch from the floor may need it as the state before. */
  async function compact(to: number): Promise<void> {
    while (floor < to) {
      const upTo = Math.min(to, floor + COMPACTION_BATCH);
      const superseded: number[] = [];
      for (const record of log(floor, upTo)) {
        if (record.previous > 0) superseded.push(record.previous);
        if (!record.bytes) superseded.push(record.revision);
      }
      const before = floor;
      // Raised first: nobody may read back history that is about to have gaps.
      floor = upTo;
      try {
        await transact(db, 'compacting', folder, () => [
          ...superseded.map((dead) => db.remove(logKey(dead))),
          db.put('m/floor', Buffer.from(String(upTo))),
        ]);
      } catch (error) {
        floor = before;
        throw error;
      }
    }
  }

  return {
    get revision() {
      return revision;
    },
    get floor() {
      return floor;
    },
    objects,
    record: read,
    log,
    commit,
    compact,
    close: () => db.close(),
  };
}
