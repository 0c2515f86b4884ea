import { lstat, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { extractLayer } from './extract.ts';
import { readTar } from './tar-read.ts';
import { type TarEntry, tarEnd, tarHeader, tarPadding } from './tar-write.ts';

let dir: string;
let folder: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'homeport-extract-'));
  folder = join(dir, 'layer');
  await mkdir(folder);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

type Member = Partial<TarEntry> & { name: string; content?: string; flag?: string };

/** An archive of members; `flag` forges the type. */
function archive(members: readonly Member[]): Buffer {
  const parts = members.flatMap(({ content = '', flag, ...entry }) => {
    const body = Buffer.from(content);
    const header = tarHeader({ type: 'file', mode: 0o644, ...entry, size: body.length });
    return [flag ? forge(header, flag) : header, body, tarPadding(body.length)];
  });
  return Buffer.concat([...parts, tarEnd()]);
}

function forge(header: Buffer, flag: string): Buffer {
  header.write(flag, 156, 'latin1');
  header.write('        ', 148, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** The bytes in small pieces, as a stream may bring them. */
async function* pieces(bytes: Buffer, size = 700): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const extract = (members: readonly Member[]) => extractLayer(pieces(archive(members)), folder);

test('what was written is read back, whatever the names and sizes', async () => {
  const entry = fc.record({
    name: fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' }).filter((name) => !name.includes('\0')),
    content: fc.string({ maxLength: 2000 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 5 }), fc.integer({ min: 1, max: 1500 }), async (entries, size) => {
      const found: unknown[] = [];
      for await (const member of readTar(pieces(archive(entries), size))) {
        const chunks: Buffer[] = [];
        for await (const chunk of member.content) chunks.push(Buffer.from(chunk));
        found.push({ name: member.name, content: Buffer.concat(chunks).toString() });
      }
      expect(found).toEqual(entries.map(({ name, content }) => ({ name, content })));
    }),
    { numRuns: 50 },
  );
});

test('files, folders and links are unpacked, without set-user-id bits', async () => {
  await extract([
    { name: 'app/', type: 'directory', mode: 0o755 },
    { name: './app/run', content: 'hi', mode: 0o4755 },
    { name: 'app/link', type: 'symlink', linkName: '/etc/passwd' },
  ]);
  expect(await readFile(join(folder, 'app/run'), 'utf8')).toBe('hi');
  expect((await lstat(join(folder, 'app/run'))).mode & 0o7777).toBe(0o755);
  expect((await lstat(join(folder, 'app/link'))).isSymbolicLink()).toBe(true);
});

test.each<[string, Member[]]>([
  ['a name with ..', [{ name: '../outside', content: 'x' }]],
  ['a name with .. inside', [{ name: 'a/../../outside', content: 'x' }]],
  [
    'a file through a link',
    [
      { name: 'a', type: 'symlink', linkName: '..' },
      { name: 'a/outside', content: 'x' },
    ],
  ],
  [
    'a file through an absolute link',
    [
      { name: 'a', type: 'symlink', linkName: '/tmp' },
      { name: 'a/outside', content: 'x' },
    ],
  ],
  [
    'a hard link to a link',
    [
      { name: 'a', type: 'symlink', linkName: '/etc/passwd' },
      { name: 'b', flag: '1', linkName: 'a' },
    ],
  ],
  ['a hard link outside', [{ name: 'b', flag: '1', linkName: '../victim' }]],
  ['a device', [{ name: 'sda', flag: '4' }]],
  ['a pipe', [{ name: 'fifo', flag: '6' }]],
])('%s makes the layer fail', async (_what, members) => {
  await writeFile(join(dir, 'victim'), 'untouched');
  await expect(extract(members)).rejects.toThrow(/^unpacking /);
  await expect(lstat(join(dir, 'outside'))).rejects.toThrow(/ENOENT/);
  expect(await readFile(join(dir, 'victim'), 'utf8')).toBe('untouched');
});

test('a cut or forged archive is refused', async () => {
  const whole = archive([{ name: 'a', content: 'x'.repeat(2000) }]);
  await expect(extractLayer(pieces(whole.subarray(0, 1500)), folder)).rejects.toThrow(/cut off/);
  const forged = Buffer.from(whole);
  forged[0] = 0x62;
  await expect(extractLayer(pieces(forged), folder)).rejects.toThrow(/checksum/);
});
