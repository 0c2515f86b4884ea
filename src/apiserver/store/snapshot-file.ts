import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncFolder } from '../auth/private-file.ts';

/**
 * A snapshot is one file: a mark, a line of JSON (the header), frames, and the SHA-256 of all of it. A frame is the length of
 * a record (4 bytes), its revision (6 bytes) and the record as the database has it; a length of zero ends them. Numbers are
 * big-endian.
 */
const MARK = 'homeport-snapshot-1\n';
const FRAME_HEAD = 10;
const DIGEST_BYTES = 32;
const CHUNK = 1024 * 1024;
/** No record is near this, in bytes: a length beyond it was not written by us. */
const LONGEST = 64 * 1024 * 1024;

export interface SnapshotHeader {
  /** RFC 3339. */
  created: string;
  /** The revision that the snapshot is of. */
  revision: number;
  /** Where its history begins. */
  floor: number;
  /** How many records there are. */
  records: number;
  /** The content of secrets.key; absent when it was left out. */
  key?: string;
}

export interface Frame {
  revision: number;
  value: Buffer;
}

/**
 * Writes a snapshot whole or not at all, readable by its owner alone (0600).
 * @throws the file system's errors, and those of `frames`.
 */
export function writeSnapshot(path: string, header: SnapshotHeader, frames: Iterable<Frame>): void {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeAll(file, header, frames);
    fsyncSync(file);
    closeSync(file);
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function writeAll(file: number, header: SnapshotHeader, frames: Iterable<Frame>): void {
  const hash = createHash('sha256');
  let gathered: Buffer[] = [];
  let size = 0;
  const flush = (): void => {
    const chunk = Buffer.concat(gathered, size);
    hash.update(chunk);
    for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
    gathered = [];
    size = 0;
  };
  const add = (...pieces: Buffer[]): void => {
    for (const piece of pieces) size += piece.length;
    gathered.push(...pieces);
    if (size >= CHUNK) flush();
  };
  add(Buffer.from(MARK), Buffer.from(`${JSON.stringify(header)}\n`));
  for (const { revision, value } of frames) add(frameHead(value.length, revision), value);
  add(frameHead(0, 0));
  flush();
  writeSync(file, hash.digest());
}

function frameHead(length: number, revision: number): Buffer {
  const head = Buffer.allocUnsafe(FRAME_HEAD);
  head.writeUInt32BE(length, 0);
  head.writeUIntBE(revision, 4, 6);
  return head;
}

/** A snapshot that is being read: the header first, then every frame once. */
export interface OpenSnapshot {
  readonly header: SnapshotHeader;
  /** Throws Error when the file turns out to be cut off or changed, at the latest after the last frame. */
  frames(): Iterable<Frame>;
  close(): void;
}

/**
 * Opens a snapshot.
 * @throws Error when it is none, or the file system's errors.
 */
export function openSnapshot(path: string): OpenSnapshot {
  const take = reader(path);
  const cutOff = (): Error => new Error(`the snapshot ${path} is cut off: it has no end; nothing was changed`);
  const need = (bytes: number): Buffer => {
    const got = take(bytes);
    if (got.length < bytes) throw cutOff();
    return got;
  };
  try {
    if (take(MARK.length).toString('latin1') !== MARK) {
      throw new Error(`${path} is not a snapshot of Homeport: it does not begin as one`);
    }
    const header = parseHeader(path, take.line());
    return {
      header,
      close: take.close,
      *frames() {
        for (;;) {
          const head = need(FRAME_HEAD);
          const length = head.readUInt32BE(0);
          if (length === 0) break;
          if (length > LONGEST) throw changed(path);
          yield { revision: head.readUIntBE(4, 6), value: need(length) };
        }
        const digest = take.digest();
        if (!need(DIGEST_BYTES).equals(digest) || take(1).length > 0) throw changed(path);
      },
    };
  } catch (error) {
    take.close();
    throw error;
  }
}

const changed = (path: string): Error =>
  new Error(`the snapshot ${path} was changed or damaged: its checksum does not fit; nothing was changed`);

function parseHeader(path: string, line: string): SnapshotHeader {
  try {
    return JSON.parse(line) as SnapshotHeader;
  } catch (error) {
    if (error instanceof SyntaxError) throw changed(path);
    throw error;
  }
}

/** Reads a file from its beginning; what was read is in the digest. A piece shorter than asked for is the file's last. */
function reader(path: string) {
  const file = openSync(path, 'r');
  const hash = createHash('sha256');
  let buffered = Buffer.alloc(0);
  const fill = (bytes: number): void => {
    while (buffered.length < bytes) {
      const chunk = Buffer.allocUnsafe(Math.max(CHUNK, bytes - buffered.length));
      const got = readSync(file, chunk);
      if (got === 0) return;
      buffered = Buffer.concat([buffered, chunk.subarray(0, got)]);
    }
  };
  const take = (bytes: number): Buffer => {
    fill(bytes);
    const piece = buffered.subarray(0, bytes);
    buffered = buffered.subarray(bytes);
    hash.update(piece);
    return piece;
  };
  return Object.assign(take, {
    line(): string {
      fill(CHUNK);
      const end = buffered.indexOf(0x0a);
      return take(end < 0 ? buffered.length : end + 1).toString('utf8');
    },
    digest: (): Buffer => hash.copy().digest(),
    close: (): void => closeSync(file),
  });
}
