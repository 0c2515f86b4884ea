import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildImage, openImageStore } from './index.ts';

let dir: string;
let folder: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'homeport-store-'));
  folder = join(dir, 'program');
  await mkdir(join(folder, 'lib'), { recursive: true });
  await writeFile(join(folder, 'server.js'), 'console.log(1)');
  await writeFile(join(folder, 'lib', 'a.js'), 'a');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const open = () => openImageStore(join(dir, 'images'));

test('a built image is found under every form of its name, and unpacks to the folder', async () => {
  const store = await open();
  const built = await buildImage({ store, folder, tags: ['silly-demo:1.4.305', 'ghcr.io/acme/silly-demo:1.4.305'] });
  expect(built).toMatchObject({
    reference: 'docker.io/library/silly-demo:1.4.305',
    base: 'host',
    config: {
      entrypoint: ['node', 'server.js'],
      workingDir: '/app',
      labels: { 'org.opencontainers.image.version': '1.4.305' },
    },
  });
  expect(built.config.env).toContain('HOMEPORT_IMAGE_TAG=1.4.305');
  for (const name of [
    'silly-demo:1.4.305',
    'docker.io/library/silly-demo:1.4.305',
    'ghcr.io/acme/silly-demo:1.4.305',
    `silly-demo@${built.digest}`,
  ]) {
    expect(await store.resolve(name), name).toMatchObject({ digest: built.digest });
  }
  expect(await store.resolve('silly-demo')).toBeUndefined();
  const [layer = ''] = await store.unpack(built);
  expect(await readFile(join(layer, 'app/lib/a.js'), 'utf8')).toBe('a');
  expect((await store.list()).map((image) => image.reference)).toEqual([
    'docker.io/library/silly-demo:1.4.305',
    'ghcr.io/acme/silly-demo:1.4.305',
  ]);
});

test('builds of one name at once leave one of them whole, and nothing aside', async () => {
  const store = await open();
  const other = join(dir, 'other');
  await mkdir(other);
  await writeFile(join(other, 'server.js'), 'console.log(2)');
  await Promise.all(
    Array.from({ length: 24 }, (_, at) => buildImage({ store, folder: at % 2 ? folder : other, tags: ['x:1'] })),
  );
  const [image] = await store.list();
  if (!image) throw new Error('x:1 is gone');
  expect(await store.unpack(image)).toHaveLength(1);
  expect((await readdir(join(store.dir, 'blobs'))).sort()).toEqual(['sha256']);
  expect(await readdir(join(store.dir, 'blobs', 'sha256'))).toHaveLength(3);
});

test('equal folders give equal images, whenever they are built', async () => {
  const store = await open();
  const first = await buildImage({ store, folder, tags: ['a:1'] });
  await utimes(join(folder, 'server.js'), 1, 1);
  const second = await buildImage({ store, folder, tags: ['a:1'] });
  expect(second.digest).toBe(first.digest);
  await writeFile(join(folder, 'server.js'), 'console.log(2)');
  expect((await buildImage({ store, folder, tags: ['a:1'] })).digest).not.toBe(first.digest);
  // What the name meant before is gone from the disk: a manifest, a configuration and a layer are left.
  expect(await readdir(join(store.dir, 'blobs/sha256'))).toHaveLength(3);
});

test('builds at the same time, also of other processes, lose nothing', async () => {
  const store = await open();
  const script = `
    import { buildImage, openImageStore } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))};
    const store = await openImageStore(process.argv[1]);
    await Promise.all(['x', 'y', 'z'].map((tag) => buildImage({ store, folder: process.argv[2], tags: ['other:' + tag] })));
  `;
  await Promise.all([
    promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, store.dir, folder]),
    ...['a', 'b', 'c', 'd'].map((tag) => buildImage({ store, folder, tags: [`mine:${tag}`] })),
  ]);
  expect(await store.tagsOf('mine')).toEqual(['a', 'b', 'c', 'd']);
  expect(await store.tagsOf('other')).toEqual(['x', 'y', 'z']);
});

test('a change of the store is told, also one that comes through another door', async () => {
  const store = await open();
  const told = Promise.withResolvers<void>();
  const stop = store.onChange(told.resolve);
  await buildImage({ store: await open(), folder, tags: ['a:1'] });
  await told.promise;
  stop();
});

test('a damaged layer is not used', async () => {
  const store = await open();
  const image = await buildImage({ store, folder, tags: ['a:1'] });
  const blobs = join(store.dir, 'blobs/sha256');
  const layer = (
    await Promise.all((await readdir(blobs)).map(async (name) => ({ name, bytes: await readFile(join(blobs, name)) })))
  ).find(({ bytes }) => bytes[0] === 0x1f);
  await writeFile(join(blobs, layer?.name ?? ''), Buffer.concat([layer?.bytes ?? Buffer.alloc(0), Buffer.from('x')]));
  await expect(store.unpack(image)).rejects.toThrow(/damaged|incorrect header/);
  expect(await readdir(join(store.dir, 'unpacked'))).toEqual([]);
});

test('a removed name takes with it what no other name needs', async () => {
  const store = await open();
  await buildImage({ store, folder, tags: ['a:1', 'b:1'] });
  expect(await store.remove('a:1')).toBe(true);
  expect(await store.remove('a:1')).toBe(false);
  expect(await store.resolve('b:1')).toBeDefined();
  await store.remove('b:1');
  expect(await readdir(join(store.dir, 'blobs/sha256'))).toEqual([]);
});

test('unpacked layers go when no image has them', async () => {
  const store = await open();
  const [old] = await store.unpack(await buildImage({ store, folder, tags: ['a:1'] }));
  await writeFile(join(folder, 'server.js'), 'console.log(3)');
  const [kept] = await store.unpack(await buildImage({ store, folder, tags: ['a:1'] }));
  expect(old).not.toBe(kept);
  await store.removeUnused(new Set());
  expect(await readdir(join(store.dir, 'unpacked'))).toEqual([kept?.split('/').at(-1)]);
});

test('a link that leads out of the folder is refused', async () => {
  await symlink('../../etc/passwd', join(folder, 'link'));
  await expect(buildImage({ store: await open(), folder, tags: ['a:1'] })).rejects.toThrow(/leads out of the folder/);
});

test.each([
  [
    'package.json scripts.start',
    { 'package.json': '{"scripts": {"start": "node lib/a.js --port=1"}}' },
    ['node', 'lib/a.js', '--port=1'],
  ],
  [
    'a start script for a shell',
    { 'package.json': '{"scripts": {"start": "A=1 node x.js && y"}}' },
    ['/bin/sh', '-c', 'A=1 node x.js && y'],
  ],
  ['package.json main', { 'package.json': '{"main": "lib/a.js"}' }, ['node', 'lib/a.js']],
  [
    'its own field',
    { 'package.json': '{"main": "a.js", "homeport": {"image": {"entrypoint": ["./x", "y"]}}}' },
    ['./x', 'y'],
  ],
  ['a conventional file', {}, ['node', 'server.js']],
])('the program is found by %s', async (_how, files, entrypoint) => {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  expect((await buildImage({ store: await open(), folder, tags: ['a:1'] })).config.entrypoint).toEqual(entrypoint);
});

test('the only executable file is the program, and nothing to start is an error', async () => {
  await rm(join(folder, 'server.js'));
  const store = await open();
  await expect(buildImage({ store, folder, tags: ['a:1'] })).rejects.toThrow(/--entrypoint/);
  await writeFile(join(folder, 'tool'), '#!/bin/sh');
  await chmod(join(folder, 'tool'), 0o755);
  expect((await buildImage({ store, folder, tags: ['a:1'] })).config.entrypoint).toEqual(['/app/tool']);
});
