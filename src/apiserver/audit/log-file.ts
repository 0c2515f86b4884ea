import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { ServerLog } from '../options.ts';

export interface LogFileOptions {
  /** '-' is the standard output. */
  path: string;
  /** Megabytes after which a file is put aside and a new one begun. */
  maxSize: number;
  /** Days that files put aside are kept; 0 for ever. */
  maxAge: number;
  /** How many files put aside are kept; 0 for all. */
  maxBackup: number;
  log: ServerLog;
}

/** A file of lines that many may write to. */
export interface LogFile {
  /** Queues a line. What is queued while the disk is busy goes out with one write. */
  write(line: string): void;
  /** Writes what is queued. */
  close(): Promise<void>;
}

const MEGABYTE = 1024 * 1024;
const DAY = 24 * 60 * 60 * 1000;
/** Bytes that may wait for a disk that does not keep up; beyond that lines are dropped, and that is said. */
const MAX_WAITING = 64 * MEGABYTE;

/** Opens the file for its owner alone (0600), appending to what is there. Throws the file system's errors. */
export async function openLogFile(options: LogFileOptions): Promise<LogFile> {
  const { path, log } = options;
  let waiting: string[] = [];
  let bytes = 0;
  let dropped = 0;
  let running: Promise<void> | undefined;
  let file = path === '-' ? undefined : await openForAppending(path);
  let size = path === '-' ? 0 : (await stat(path)).size;

  async function run(): Promise<void> {
    // Lines of this turn of the event loop go out together.
    await new Promise(setImmediate);
    while (waiting.length > 0) {
      const text = waiting.join('');
      waiting = [];
      bytes = 0;
      try {
        await put(Buffer.from(text));
      } catch (error) {
        log.error({ err: error, path }, 'writing the audit log failed');
      }
    }
    running = undefined;
  }

  async function put(text: Buffer): Promise<void> {
    if (file === undefined) {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain');
      return;
    }
    if (size > 0 && size + text.length > options.maxSize * MEGABYTE) {
      await end(file);
      await rename(path, asideName(path, new Date()));
      file = await openForAppending(path);
      size = 0;
      await removeOld(options);
    }
    await writeTo(file, text);
    size += text.length;
  }

  return {
    write(line) {
      if (bytes > MAX_WAITING) {
        if (dropped++ === 0) log.error({ path }, 'the disk does not keep up with the audit log: events are dropped');
        return;
      }
      dropped = 0;
      waiting.push(line);
      bytes += line.length;
      running ??= run();
    },
    async close() {
      await running;
      if (file) await end(file);
    },
  };
}

async function openForAppending(path: string): Promise<WriteStream> {
  const file = createWriteStream(path, { flags: 'a', mode: 0o600 });
  await once(file, 'open');
  // Each write reports its own failure.
  file.on('error', () => undefined);
  return file;
}

function writeTo(file: WriteStream, text: Buffer): Promise<void> {
  return new Promise((resolve, reject) => file.write(text, (error) => (error ? reject(error) : resolve())));
}

function end(file: WriteStream): Promise<void> {
  return new Promise((resolve) => file.end(resolve));
}

/** audit.log → audit-2026-01-02T15-04-05.678.log */
function asideName(path: string, now: Date): string {
  const extension = extname(path);
  const time = now.toISOString().slice(0, -1).replaceAll(':', '-');
  return join(dirname(path), `${basename(path, extension)}-${time}${extension}`);
}

async function removeOld({ path, maxAge, maxBackup }: LogFileOptions): Promise<void> {
  const extension = extname(path);
  const prefix = `${basename(path, extension)}-`;
  const files = (await readdir(dirname(path))).flatMap((name) => {
    if (!name.startsWith(prefix) || !name.endsWith(extension)) return [];
    const time = name.slice(prefix.length, name.length - extension.length);
    const at = Date.parse(`${time.slice(0, 11)}${time.slice(11).replaceAll('-', ':')}Z`);
    return Number.isNaN(at) ? [] : [{ name, at }];
  });
  files.sort((one, other) => other.at - one.at);
  const dead = files.filter(
    ({ at }, index) => (maxBackup > 0 && index >= maxBackup) || (maxAge > 0 && at < Date.now() - maxAge * DAY),
  );
  await Promise.all(dead.map(({ name }) => rm(join(dirname(path), name), { force: true })));
}
