import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A container's log file while the container runs. */
export interface LogFile {
  readonly path: string;
  write(stream: 'stdout' | 'stderr', chunk: Buffer): void;
  /** Writes what is left of unfinished lines, and closes. */
  close(): void;
  readonly closed: boolean;
  /** Resolves when something was written or the file was closed. */
  changed(): Promise<void>;
}

/** The kubelet's defaults: containerLogMaxSize and containerLogMaxFiles. */
const rotation = { bytes: 10 * 2 ** 20, files: 5 };
/** A longer line is written in parts, as containerd does. */
const longestPart = 16 * 1024;
const newline = 0x0a;
const none = Buffer.alloc(0);

/**
 * Opens a log in the CRI's format: 'RFC3339Nano stdout F line', tag P for a part of a line that goes on. Writes go to
 * the page cache at once, so that a reader sees them and nothing is lost when Homeport is killed.
 */
export function openLogFile(path: string, limits = rotation): LogFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  let fd = openSync(path, 'a', 0o640);
  let size = fstatSync(fd).size;
  let closed = false;
  let waiting: PromiseWithResolvers<void> | undefined;
  let lost = 0;
  let cause = '';
  const rest: Record<'stdout' | 'stderr', Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };

  function notify(): void {
    waiting?.resolve();
    waiting = undefined;
  }

  /** A log that cannot be written (a full disk) loses lines, whole ones, and says so once it can; the program goes on. */
  function append(bytes: Buffer): void {
    if (bytes.length === 0) return;
    const note =
      lost > 0 ? Buffer.from(`${nanoTimestamp()} stderr F (${lost} bytes of output were lost: ${cause})\n`) : none;
    const all = note.length > 0 ? Buffer.concat([note, bytes]) : bytes;
    try {
      for (let at = 0; at < all.length; ) at += writeSync(fd, all, at);
      size += all.length;
      lost = 0;
      if (size >= limits.bytes) rotate();
    } catch (error) {
      lost += bytes.length;
      cause = error instanceof Error ? error.message : String(error);
      ftruncateSync(fd, size);
    }
    notify();
  }

  function rotate(): void {
    rmSync(`${path}.${limits.files - 1}`, { force: true });
    for (let number = limits.files - 2; number >= 1; number--)
      moveIfThere(`${path}.${number}`, `${path}.${number + 1}`);
    moveIfThere(path, `${path}.1`);
    const next = openSync(path, 'a', 0o640);
    closeSync(fd);
    fd = next;
    size = 0;
  }

  return {
    path,
    get closed() {
      return closed;
    },
    write(stream, chunk) {
      if (closed) return;
      const { records, left } = split(stream, rest[stream].length > 0 ? Buffer.concat([rest[stream], chunk]) : chunk);
      rest[stream] = left;
      append(records);
    },
    close() {
      if (closed) return;
      for (const stream of ['stdout', 'stderr'] as const) {
        if (rest[stream].length > 0) append(recordsOf(stream, rest[stream], [0, rest[stream].length, 0]));
      }
      closed = true;
      closeSync(fd);
      notify();
    },
    changed() {
      if (closed) return Promise.resolve();
      waiting ??= Promise.withResolvers<void>();
      return waiting.promise;
    },
  };
}

/** Removes a log and what was rotated from it. */
export async function removeLog(path: string): Promise<void> {
  const rotated = Array.from({ length: rotation.files - 1 }, (_, at) => `${path}.${at + 1}`);
  for (const each of [path, ...rotated]) await rm(each, { force: true });
}

/** The records of all whole lines, and what is left. A flood comes as lines of a few bytes: each is copied once, nothing more. */
function split(stream: 'stdout' | 'stderr', bytes: Buffer): { records: Buffer; left: Buffer } {
  const parts: number[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf(newline, at);
    const stop = end < 0 ? bytes.length : end;
    for (; stop - at > longestPart; at += longestPart) parts.push(at, at + longestPart, 0);
    if (end < 0) return { records: recordsOf(stream, bytes, parts), left: Buffer.from(bytes.subarray(at)) };
    parts.push(at, end, 1);
    at = end + 1;
  }
}

/** @param parts start, end, and whether the line ends there, three numbers each */
function recordsOf(stream: string, bytes: Buffer, parts: readonly number[]): Buffer {
  const head = `${nanoTimestamp()} ${stream}`;
  const tags = [Buffer.from(`${head} P `), Buffer.from(`${head} F `)] as const;
  const extra = tags[0].length + 1;
  let size = 0;
  for (let i = 0; i < parts.length; i += 3) size += (parts[i + 1] ?? 0) - (parts[i] ?? 0) + extra;
  const out = Buffer.allocUnsafe(size);
  let to = 0;
  for (let i = 0; i < parts.length; i += 3) {
    out.set(parts[i + 2] === 1 ? tags[1] : tags[0], to);
    to += extra - 1;
    to += bytes.copy(out, to, parts[i], parts[i + 1]);
    out[to++] = newline;
  }
  return out;
}

function nanoTimestamp(): string {
  const now = performance.timeOrigin + performance.now();
  const micros = Math.floor((now % 1) * 1000);
  return `${new Date(now).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}000Z`;
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
