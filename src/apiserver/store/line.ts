import type { Database } from 'lmdb';
import type { Checked, Line } from './backend.ts';
import { FLOOR_KEY, FORMAT_KEY, logKey, objectKey, READABLE, REVISION_KEY, revisionOfLogKey } from './layout.ts';
import { DamagedRecord, readRecord } from './record.ts';

type Db = Database<Buffer, string>;

/** Reads how far the line reaches. Throws Error for a format that this version does not know. */
export function readLine(db: Db, folder: string): Line {
  const number = (key: string, otherwise: number): number => Number(db.get(key)?.toString() ?? otherwise);
  const format = number(FORMAT_KEY, 1);
  if (!READABLE.has(format)) {
    throw new Error(
      `opening the database in ${folder}: its format is ${format}, and this version reads up to ${Math.max(...READABLE)}; ` +
        'start it with the version of Homeport that wrote it, or a newer one',
    );
  }
  return { revision: number(REVISION_KEY, 1), floor: number(FLOOR_KEY, 1) };
}

/**
 * Checks that the newest records are whole, that the line has no gap and nothing beyond its end, and that each of these
 * objects is found at its newest record.
 * @param limit how many records are read at most.
 * @throws Error that says which record is wrong and what to do.
 */
export function checkNewest(db: Db, folder: string, limit: number): Line & Checked {
  const line = readLine(db, folder);
  try {
    return { ...line, ...walkLine(db, line, limit, () => {}) };
  } catch (error) {
    throw error instanceof DamagedRecord ? broken(folder, error) : error;
  }
}

/**
 * Checks every record, and that the names of objects and their newest records agree.
 * @param onProgress called with the number of records read so far.
 * @throws Error for the first thing that is wrong, and what to do.
 */
export function checkEverything(db: Db, folder: string, onProgress: (records: number) => void): Line & Checked {
  const line = readLine(db, folder);
  try {
    const checked = walkLine(db, line, Number.MAX_SAFE_INTEGER, onProgress);
    const names = db.getKeysCount({ start: 'o/', end: 'o/\uffff' });
    if (names === checked.objects) return { ...line, ...checked };
    throw new DamagedRecord(`${names} objects have names, and ${checked.objects} have records`);
  } catch (error) {
    throw error instanceof DamagedRecord ? broken(folder, error) : error;
  }
}

function broken(folder: string, cause: Error): Error {
  return new Error(
    `the database in ${folder} is damaged: ${cause.message}; nothing was changed. Restore it from a snapshot ` +
      '(homeport snapshot restore FILE --force keeps the damaged one beside it), or move it away to start empty',
    { cause },
  );
}

const PROGRESS_EVERY = 5_000;

/** Walks the line backwards from its end, so that the first record met of an object is its newest. */
function walkLine(db: Db, { revision, floor }: Line, limit: number, onProgress: (records: number) => void): Checked {
  const [beyond] = db.getKeys({ start: logKey(revision + 1), end: 'l/~', limit: 1 });
  if (beyond !== undefined) {
    throw new DamagedRecord(`record ${revisionOfLogKey(beyond)} lies beyond its last revision ${revision}`);
  }
  const seen = new Set<string>();
  let expected = revision;
  let records = 0;
  let objects = 0;
  for (const { key, value } of db.getRange({ start: 'l/~', end: 'l/', reverse: true, limit })) {
    const at = revisionOfLogKey(key);
    // Up to the floor only the newest record of each object is left.
    if (expected > floor && at !== expected) throw new DamagedRecord(`revision ${expected} is missing`);
    expected = at - 1;
    const { path, stored } = readRecord(at, value);
    if (++records % PROGRESS_EVERY === 0) onProgress(records);
    if (seen.has(path)) continue;
    seen.add(path);
    const pointed = db.get(objectKey(path))?.toString();
    const newest = stored ? String(at) : undefined;
    if (stored) objects++;
    if (pointed !== newest) {
      throw new DamagedRecord(`${path} is at revision ${pointed ?? 'none'}, and its newest record is ${at}`);
    }
  }
  if (records < limit && expected > floor) throw new DamagedRecord(`revision ${expected} is missing`);
  return { records, objects };
}
