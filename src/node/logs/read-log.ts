import { type FileHandle, open, stat } from 'node:fs/promises';
import type { LogOptions } from '../../client/index.ts';
import type { LogFile } from './write-log.ts';

const chunkSize = 64 * 1024;
const newline = 0x0a;
const space = 0x20;

/**
 * Reads a log in the CRI's format and gives what the program wrote, byte for byte.
 * @param live the log while its container runs: with `follow`, reading goes on until it is closed or the signal fires.
 */
export async function* readLog(
  path: string,
  options: LogOptions,
  live: LogFile | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const convert = createConverter(options);
  let file = await open(path, 'r');
  try {
    let offset = options.tailLines === undefined ? 0 : await tailOffset(file, options.tailLines);
    let rest = Buffer.alloc(0);
    while (!signal.aborted) {
      // Asked for before reading: what is written in between is then not missed.
      const changed = live?.changed();
      const ended = live?.closed ?? true;
      const { bytesRead, buffer } = await file.read(Buffer.alloc(chunkSize), 0, chunkSize, offset);
      if (bytesRead > 0) {
        offset += bytesRead;
        const bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
        const end = bytes.lastIndexOf(newline) + 1;
        rest = bytes.subarray(end);
        const { out, full } = convert(bytes.subarray(0, end));
        if (out.length > 0) yield out;
        if (full) return;
        continue;
      }
      const next = await rotated(path, file);
      if (next) {
        await file.close();
        file = next;
        offset = 0;
        continue;
      }
      if (!options.follow || ended) return;
      await Promise.race([changed, aborted(signal)]);
    }
  } finally {
    await file.close();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** The file that has taken the path since, or undefined while it is the same. */
async function rotated(path: string, file: FileHandle): Promise<FileHandle | undefined> {
  const now = await stat(path).catch(() => undefined);
  return now === undefined || now.ino === (await file.stat()).ino ? undefined : open(path, 'r');
}

/** Where the last `lines` records begin, found from the end. */
async function tailOffset(file: FileHandle, lines: number): Promise<number> {
  const { size } = await file.stat();
  if (lines <= 0) return size;
  let left = lines;
  const buffer = Buffer.alloc(chunkSize);
  // The last byte ends the last record: it is not the end of the one before.
  for (let end = size - 1; end > 0; ) {
    const start = Math.max(0, end - chunkSize);
    const { bytesRead } = await file.read(buffer, 0, end - start, start);
    const chunk = buffer.subarray(0, bytesRead);
    for (let at = chunk.lastIndexOf(newline); at >= 0; at = at === 0 ? -1 : chunk.lastIndexOf(newline, at - 1)) {
      left -= 1;
      if (left === 0) return start + at + 1;
    }
    end = start;
  }
  return 0;
}

/** Turns whole records into what the program wrote. `full`: the limit of bytes is reached. */
function createConverter(options: LogOptions): (records: Buffer) => { out: Uint8Array; full: boolean } {
  const since = options.since?.getTime();
  let room = options.limitBytes ?? Number.POSITIVE_INFINITY;
  let atLineStart = true;
  let late = since === undefined;
  return (records) => {
    const parts: Buffer[] = [];
    for (let at = 0; at < records.length; ) {
      const end = records.indexOf(newline, at);
      const one = parse(records.subarray(at, end));
      at = end + 1;
      if (!one) continue;
      late ||= Date.parse(one.time) >= (since ?? 0);
      if (!late) continue;
      if (options.timestamps && atLineStart) parts.push(Buffer.from(`${one.time} `));
      parts.push(one.content);
      if (one.whole) parts.push(Buffer.of(newline));
      atLineStart = one.whole;
    }
    const out = Buffer.concat(parts);
    const cut = out.length >= room ? out.subarray(0, room) : out;
    room -= cut.length;
    return { out: cut, full: room <= 0 };
  };
}

function parse(record: Buffer): { time: string; whole: boolean; content: Buffer } | undefined {
  const first = record.indexOf(space);
  const second = record.indexOf(space, first + 1);
  const third = record.indexOf(space, second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  return {
    time: record.toString('latin1', 0, first),
    whole: record[second + 1] === 0x46,
    content: record.subarray(third + 1),
  };
}
