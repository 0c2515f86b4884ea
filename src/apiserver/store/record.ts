import { crc32 } from 'node:zlib';
import type { LogRecord } from './backend.ts';
import type { Cipher } from './cipher.ts';

/** Objects under this path hold what only their readers may see. */
const SEALED = 'core/secrets/';

/** Whether a record holds its object sealed. */
export function isSealed(path: string): boolean {
  return path.startsWith(SEALED);
}

/** What the first line of a stored record says. */
export interface RecordHeader {
  revision: number;
  previous: number;
  path: string;
}

/** Thrown for a record that is not what was written. */
export class DamagedRecord extends Error {}

/** Over the header too: a record in another's place is as wrong as a torn one. */
function checksum({ revision, previous, path }: RecordHeader, content: Buffer): string {
  return crc32(content, crc32(`${revision} ${previous} ${path}`))
    .toString(16)
    .padStart(8, '0');
}

const NOTHING = Buffer.alloc(0);

/** A record's value: '<previous> <checksum> <path>\n' and the object's bytes, sealed for Secrets; none for a removal. */
export function encodeRecord(record: LogRecord, cipher: Cipher): Buffer {
  const { path, bytes } = record;
  const content = bytes === undefined ? NOTHING : isSealed(path) ? cipher.seal(bytes, path) : bytes;
  return assemble(record, content);
}

function assemble(header: RecordHeader, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${header.previous} ${checksum(header, content)} ${header.path}\n`), content]);
}

/** A sealed record's value, sealed again with the newest key. Throws an Error if no key opens it. */
export function reseal(header: RecordHeader, stored: Buffer, cipher: Cipher): Buffer {
  return assemble(header, cipher.seal(unseal(stored, header.path, cipher), header.path));
}

/**
 * Reads a record's first line and checks it against the whole: format 1 had no checksums, and its records are taken as they are.
 * @returns the header, and the object's stored bytes; undefined for a removal.
 * @throws DamagedRecord when the record was torn or changed.
 */
export function readRecord(revision: number, value: Buffer): RecordHeader & { stored: Buffer | undefined } {
  const end = value.indexOf(0x0a);
  const parts = end < 0 ? [] : value.toString('utf8', 0, end).split(' ');
  const [previous, sum] = parts;
  const path = parts.at(-1) ?? '';
  const header = { revision, previous: Number(previous), path };
  if (parts.length < 2 || parts.length > 3 || !Number.isSafeInteger(header.previous)) throw damaged(revision);
  const content = value.subarray(end + 1);
  if (parts.length === 3 && sum !== checksum(header, content)) throw damaged(revision);
  return { ...header, stored: content.length > 0 ? content : undefined };
}

function damaged(revision: number): DamagedRecord {
  return new DamagedRecord(`the record of revision ${revision} is damaged: its checksum does not fit`);
}

/** A record as it was before it was encoded. Throws DamagedRecord, or an Error for one sealed with another key. */
export function decodeRecord(revision: number, value: Buffer, cipher: Cipher): LogRecord {
  const { stored, ...header } = readRecord(revision, value);
  const bytes = stored && isSealed(header.path) ? unseal(stored, header.path, cipher) : stored;
  return { ...header, bytes };
}

function unseal(sealed: Buffer, path: string, cipher: Cipher): Buffer {
  try {
    return cipher.open(sealed, path);
  } catch (cause) {
    throw new Error(
      `reading ${path} from the database: it was changed, or sealed with another key than those in secrets.key`,
      {
        cause,
      },
    );
  }
}
