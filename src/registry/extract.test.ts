import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { extractLayer, NeedsBelow } from './extract.ts';
import { type Member, tarOf } from './remote/registry.testing.ts';
import { readTar } from './tar-read.ts';

let dir: string;
let folder: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'homeport-extract-'));
  folder = join(dir, 'layer');
  await mkdir(folder);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** The bytes in small pieces, as a stream may bring them. */
async function* pieces(bytes: Buffer, size = 700): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const extract = (members: readonly Member[], onto = true) => extractLayer(pieces(tarOf(members)), folder, { onto });

test('what was written is read back, whatever the names and sizes', async () => {
  const entry = fc.record({
    name: fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' }).filter((name) => !name.includes('\0')),
    content: fc.string({ maxLength: 2000 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 5 }), fc.integer({ min: 1, max: 1500 }), async (entries, size) => {
      const found: unknown[] = [];
      for await (const member of readTar(pieces(tarOf(entries), size))) {
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
    'a hard link to a link',
    [
      { name: 'a', type: 'symlink', linkName: '/etc/passwd' },
      { name: 'b', flag: '1', linkName: 'a' },
    ],
  ],
  ['a hard link outside', [{ name: 'b', flag: '1', linkName: '../victim' }]],
  ['a hard link to a folder', [{ name: 'a/' }, { name: 'b', flag: '1', linkName: 'a' }]],
  ['a hard link to itself', [{ name: 'b', flag: '1', linkName: 'b' }]],
  ['a hard link to nothing', [{ name: 'b', flag: '1', linkName: 'c/d' }]],
  [
    'links in a circle',
    [{ name: 'a', type: 'symlink', linkName: 'b' }, { name: 'b', type: 'symlink', linkName: 'a' }, { name: 'a/x' }],
  ],
  [
    'a file below a file',
    [
      { name: 'a', content: 'x' },
      { name: 'a/b', content: 'x' },
    ],
  ],
  ['a whiteout of its folder', [{ name: 'a/' }, { name: 'a/.wh...' }]],
  ['a name with a NUL in an extended header', [{ name: `a\0${'b'.repeat(120)}`, content: 'x' }]],
  ['a device', [{ name: 'sda', flag: '4' }]],
  ['a pipe', [{ name: 'fifo', flag: '6' }]],
])('%s makes the layer fail', async (_what, members) => {
  await writeFile(join(dir, 'victim'), 'untouched');
  await expect(extract(members)).rejects.toThrow(/^unpacking /);
  await expect(lstat(join(dir, 'outside'))).rejects.toThrow(/ENOENT/);
  expect(await readFile(join(dir, 'victim'), 'utf8')).toBe('untouched');
});

test('a cut or forged archive is refused', async () => {
  const whole = tarOf([{ name: 'a', content: 'x'.repeat(2000) }]);
  await expect(extractLayer(pieces(whole.subarray(0, 1500)), folder)).rejects.toThrow(/cut off/);
  const forged = Buffer.from(whole);
  forged[0] = 0x62;
  await expect(extractLayer(pieces(forged), folder)).rejects.toThrow(/checksum/);
});

test.each<[string, Member[]]>([
  [
    'up',
    [
      { name: 'a', type: 'symlink', linkName: '..' },
      { name: 'a/outside', content: 'x' },
    ],
  ],
  [
    'up many times',
    [
      { name: 'a', type: 'symlink', linkName: '../../../../../../..' },
      { name: 'a/outside', content: 'x' },
    ],
  ],
  [
    'to an absolute path',
    [
      { name: 'a', type: 'symlink', linkName: '/' },
      { name: 'a/outside', content: 'x' },
    ],
  ],
  [
    'that took the place of a folder',
    [
      { name: 'a/' },
      { name: 'a/b/' },
      { name: 'a', type: 'symlink', linkName: '/' },
      { name: 'a/outside', content: 'x' },
    ],
  ],
])('a link %s leads within the image only', async (_where, members) => {
  await extract(members);
  await expect(lstat(join(dir, 'outside'))).rejects.toThrow(/ENOENT/);
  await expect(lstat('/outside')).rejects.toThrow(/ENOENT/);
  expect(await readFile(join(folder, 'outside'), 'utf8')).toBe('x');
});

test('a folder that gave way to a link to one outside is no way out', async () => {
  const victim = join(dir, 'victim');
  await mkdir(join(victim, 'b'), { recursive: true });
  await extract([
    { name: 'a/' },
    { name: 'a/b/' },
    { name: 'a', type: 'symlink', linkName: victim },
    { name: 'a/b/c', content: 'x' },
  ]);
  expect(await readdir(join(victim, 'b'))).toEqual([]);
  expect(await readFile(join(folder, victim, 'b/c'), 'utf8')).toBe('x');
});

test('a layer that stands on others says so, and nothing else does', async () => {
  for (const members of [
    [{ name: 'a/.wh.b' }],
    [{ name: 'a/' }, { name: 'a/.wh..wh..opq' }],
    [{ name: 'a/b', content: 'x' }],
    [{ name: 'a', flag: '1', linkName: 'b' }],
  ]) {
    await expect(extract(members, false), JSON.stringify(members)).rejects.toBeInstanceOf(NeedsBelow);
    await rm(folder, { recursive: true });
    await mkdir(folder);
  }
  await extract([{ name: 'a/' }, { name: 'a/b/' }, { name: 'a/b/c', content: 'x' }], false);
});

test('whiteouts delete what is below, in whatever order they come, and nothing of their own layer', async () => {
  const below = async () => {
    await rm(folder, { recursive: true });
    await mkdir(join(folder, 'a/inner'), { recursive: true });
    for (const name of ['a/old', 'a/inner/old', 'gone', 'kept']) await writeFile(join(folder, name), 'below');
  };
  const layer: Member[] = [
    { name: 'a/' },
    { name: 'a/inner/' },
    { name: 'a/inner/new', content: 'x' },
    { name: 'a/new', content: 'x' },
    { name: '.wh.gone' },
    { name: 'a/.wh..wh..opq' },
    { name: 'a/.wh..wh.plnk' },
  ];
  for (const members of [layer, [...layer].reverse()]) {
    await below();
    await extract(members);
    expect((await readdir(folder, { recursive: true })).sort()).toEqual([
      'a',
      'a/inner',
      'a/inner/new',
      'a/new',
      'kept',
    ]);
  }
});

test('a whiteout does not reach through a link', async () => {
  const victim = join(dir, 'victim');
  await mkdir(victim);
  await writeFile(join(victim, 'file'), 'untouched');
  await symlink(victim, join(folder, 'a'));
  await extract([{ name: 'a/.wh.file' }, { name: '.wh.a' }]);
  expect(await readFile(join(victim, 'file'), 'utf8')).toBe('untouched');
});

test('devices that an image brings in /dev are left out, as the container has its own there', async () => {
  await extract([{ name: 'dev/' }, { name: 'dev/null', flag: '3' }]);
  expect(await readdir(join(folder, 'dev'))).toEqual([]);
});

test('whatever an archive says, nothing outside its folder changes', { timeout: 60_000 }, async () => {
  const part = fc.constantFrom('a', 'b', '..', '.', 'dev', '.wh.a', '.wh..wh..opq', '.wh...', 'victim', '');
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  const target = fc.oneof(
    path,
    path.map((each) => `/${each}`),
    fc.constant(() => join(dir, 'victim')),
  );
  const member = fc.record({
    name: path,
    flag: fc.constantFrom('0', '1', '2', '5', '3', '6', 'S'),
    linkName: target,
    content: fc.constantFrom('', 'x'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(member, { maxLength: 12 }), fc.boolean(), async (members, onto) => {
      await rm(dir, { recursive: true, force: true });
      await mkdir(join(dir, 'victim/a/b'), { recursive: true });
      await writeFile(join(dir, 'victim/a/file'), 'untouched');
      await mkdir(folder);
      const forged = members.map(({ linkName, ...rest }) => ({
        ...rest,
        linkName: typeof linkName === 'string' ? linkName : linkName(),
      }));
      await extract(forged, onto).catch(() => undefined);
      expect((await readdir(dir)).sort()).toEqual(['layer', 'victim']);
      expect((await readdir(join(dir, 'victim'), { recursive: true })).sort()).toEqual(['a', 'a/b', 'a/file']);
      expect(await readFile(join(dir, 'victim/a/file'), 'utf8')).toBe('untouched');
    }),
    { numRuns: 300 },
  );
});
