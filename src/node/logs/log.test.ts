import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LogOptions } from '../../client/index.ts';
import { readLog } from './read-log.ts';
import { type LogFile, openLogFile } from './write-log.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'homeport-log-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const none = new AbortController().signal;
const all: LogOptions = { follow: false, previous: false, timestamps: false };

async function read(path: string, options: Partial<LogOptions> = {}, live?: LogFile, signal = none): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readLog(path, { ...all, ...options }, live, signal)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function written(text: string | Buffer, name = '0.log'): LogFile {
  const log = openLogFile(join(dir, name));
  log.write('stdout', Buffer.from(text));
  return log;
}

test('a line is in the format of the CRI', async () => {
  const log = written('one\ntwo');
  log.close();
  const [first, second] = (await readFile(log.path, 'utf8')).split('\n');
  expect(first).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z stdout F one$/);
  expect(second).toMatch(/ stdout P two$/);
});

test('what a program writes is read back byte for byte, however it comes in pieces', async () => {
  let number = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 40_000, size: 'large' }), { maxLength: 4 }),
      async (chunks) => {
        const log = openLogFile(join(dir, `${number++}.log`));
        for (const chunk of chunks) log.write('stdout', Buffer.from(chunk));
        log.close();
        expect((await read(log.path)).equals(Buffer.concat(chunks))).toBe(true);
      },
    ),
    { numRuns: 30 },
  );
});

test('the last lines are found from the end', async () => {
  const lines = Array.from({ length: 30_000 }, (_, at) => `line ${at}\n`);
  const log = written(lines.join(''));
  for (const count of [0, 1, 7, 29_999, 30_000, 40_000]) {
    expect((await read(log.path, { tailLines: count })).toString(), String(count)).toBe(
      count === 0 ? '' : lines.slice(-count).join(''),
    );
  }
  log.close();
});

test('limits and times are honoured', async () => {
  const log = written('first\nsecond\n');
  log.close();
  expect((await read(log.path, { limitBytes: 8 })).toString()).toBe('first\nse');
  expect((await read(log.path, { timestamps: true })).toString()).toMatch(/^\S+Z first\n\S+Z second\n$/);
  expect((await read(log.path, { since: new Date(Date.now() + 60_000) })).toString()).toBe('');
  expect((await read(log.path, { since: new Date(Date.now() - 60_000) })).toString()).toBe('first\nsecond\n');
});

test('following goes on over a rotation until the log is closed', async () => {
  const log = openLogFile(join(dir, '0.log'), { bytes: 1000, files: 3 });
  const following = read(log.path, { follow: true }, log);
  const lines = Array.from({ length: 200 }, (_, at) => `line ${at}\n`);
  for (const line of lines) {
    log.write('stdout', Buffer.from(line));
    // A reader that keeps up sees every line; one that is slower than several rotations cannot.
    await new Promise((done) => setImmediate(done));
    await new Promise((done) => setTimeout(done, 1));
  }
  log.close();
  const seen = (await following).toString();
  expect(seen.endsWith('line 199\n')).toBe(true);
  expect(seen.startsWith('line 0\n')).toBe(true);
});

test('following ends with its signal', async () => {
  const log = written('one\n');
  const stop = new AbortController();
  const following = read(log.path, { follow: true }, log, stop.signal);
  stop.abort();
  await following;
  log.close();
});

test('a log on a full disk loses whole lines and nothing else', async () => {
  const path = join(dir, 'full', '0.log');
  const writer = `
    import { openLogFile } from ${JSON.stringify(import.meta.resolve('./write-log.ts'))};
    const log = openLogFile(process.argv[1]);
    for (let i = 0; i < 3000; i++) log.write('stdout', Buffer.from('line ' + i + '\\n'));
    log.close();
    console.log('went on');
  `;
  // A limit on the size of files (32 KiB) stands for the end of the disk; the signal that comes with it is ignored.
  const limited = `trap '' XFSZ; ulimit -f 64; exec "$0" --input-type=module -e "$1" "$2"`;
  const { stdout } = await promisify(execFile)('sh', ['-c', limited, process.execPath, writer, path]);
  expect(stdout).toBe('went on\n');
  const lines = (await readFile(path, 'utf8')).split('\n');
  expect(lines.pop()).toBe('');
  expect(lines.length).toBeGreaterThan(500);
  for (const [index, line] of lines.entries()) expect(line).toMatch(new RegExp(` stdout F line ${index}$`));
});
