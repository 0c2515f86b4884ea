import {
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFolderDriver, type NewVolume, type VolumeDriver } from '../index.ts';
import { copyTree } from './copy-tree.ts';

let dir: string;
let driver: VolumeDriver;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'homeport-folders-'));
  driver = createFolderDriver(dir);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const wanted = (name: string, more: Partial<NewVolume> = {}): NewVolume => ({
  name,
  size: 1000,
  capability: { mode: 'Filesystem' },
  accessModes: ['ReadWriteOnce'],
  parameters: {},
  secrets: {},
  ...more,
});
const data = (handle: string, ...path: string[]) => join(dir, 'volumes', handle, 'data', ...path);

test('a volume is a folder that every user may write to; asking again gives the same', async () => {
  expect(await driver.createVolume(wanted('a'))).toEqual({ handle: 'a', size: 1000, context: {}, topology: [] });
  expect((await stat(data('a'))).mode & 0o777).toBe(0o777);
  await writeFile(data('a', 'file'), 'kept');
  expect((await driver.createVolume(wanted('a'))).handle).toBe('a');
  expect(await readFile(data('a', 'file'), 'utf8')).toBe('kept');
  await expect(driver.createVolume(wanted('a', { size: 2000 }))).rejects.toThrow(/there already with 1000 bytes/);
  await driver.deleteVolume('a', {});
  await driver.deleteVolume('a', {});
  expect(await readdir(join(dir, 'volumes'))).toEqual([]);
});

test('what it cannot do is refused', async () => {
  const refused: [Partial<NewVolume>, RegExp][] = [
    [{ parameters: { type: 'fast' } }, /no parameter "type"/],
    [{ capability: { mode: 'Block' } }, /no volumes of mode Block/],
    [{ source: { volume: 'nobody' } }, /has no nobody/],
    [{ name: '../x' }, /is no handle/],
    [{ source: { snapshot: '../../etc' } }, /is no handle/],
  ];
  for (const [more, why] of refused) await expect(driver.createVolume(wanted('v', more))).rejects.toThrow(why);
  await expect(driver.deleteVolume('..', {})).rejects.toThrow(/is no handle/);
});

test('a snapshot keeps what was there, and volumes begin as copies of it or of another volume', async () => {
  await driver.createVolume(wanted('a'));
  await writeFile(data('a', 'file'), 'before');
  const made = await driver.createSnapshot({ name: 's', volume: 'a', parameters: {}, secrets: {} });
  expect(made).toMatchObject({ handle: 's', size: 1000, ready: true });
  await writeFile(data('a', 'file'), 'after');
  await driver.createVolume(wanted('b', { source: { snapshot: 's' } }));
  await driver.createVolume(wanted('c', { source: { volume: 'a' }, size: 2000 }));
  expect(await readFile(data('b', 'file'), 'utf8')).toBe('before');
  expect(await readFile(data('c', 'file'), 'utf8')).toBe('after');
  // Taken again under the same name it is the same one.
  expect((await driver.createSnapshot({ name: 's', volume: 'a', parameters: {}, secrets: {} })).createdAt).toEqual(
    made.createdAt,
  );
  await driver.deleteSnapshot('s', {});
  expect(await driver.expandVolume('c', 3000, { mode: 'Filesystem' }, {})).toEqual({ size: 3000, onNode: false });
});

test('a copy that was cut short is begun anew', async () => {
  await driver.createVolume(wanted('a'));
  await mkdir(join(dir, 'volumes', '.new-b', 'data', 'half'), { recursive: true });
  await driver.createVolume(wanted('b', { source: { volume: 'a' } }));
  expect(await readdir(data('b'))).toEqual([]);
});

test('a copy has modes, times, links and names as they were', async () => {
  const [from, to] = [join(dir, 'from'), join(dir, 'to')];
  await mkdir(join(from, 'folder'), { recursive: true, mode: 0o751 });
  await mkdir(to);
  await writeFile(join(from, 'folder', 'file'), 'text', { mode: 0o640 });
  await link(join(from, 'folder', 'file'), join(from, 'second-name'));
  await symlink('/etc/passwd', join(from, 'link'));
  await copyTree(from, to);
  const [before, after] = [await stat(join(from, 'second-name')), await stat(join(to, 'second-name'))];
  expect([after.mode, Math.round(after.mtimeMs), after.nlink]).toEqual([before.mode, Math.round(before.mtimeMs), 2]);
  expect((await stat(join(to, 'folder'))).mode & 0o777).toBe(0o751);
  expect(await readlink(join(to, 'link'))).toBe('/etc/passwd');
  expect((await lstat(join(to, 'link'))).isSymbolicLink()).toBe(true);
});

test.runIf(process.platform === 'linux')('a folder that is turned into a link meanwhile is not followed', async () => {
  const [from, outside] = [join(dir, 'from'), join(dir, 'outside')];
  await mkdir(join(from, 'a'), { recursive: true });
  await mkdir(outside);
  await writeFile(join(outside, 'secret'), 'secret');
  let over = false;
  const flipping = (async () => {
    await symlink(outside, join(from, 'trap'));
    while (!over) {
      await rename(join(from, 'a'), join(from, 'aside'));
      await rename(join(from, 'trap'), join(from, 'a'));
      await rename(join(from, 'a'), join(from, 'trap'));
      await rename(join(from, 'aside'), join(from, 'a'));
    }
  })();
  for (let i = 0; i < 100; i++) {
    const to = join(dir, `to-${i}`);
    await mkdir(to);
    await copyTree(from, to);
    for (const name of await readdir(to)) {
      const info = await lstat(join(to, name));
      if (info.isDirectory()) expect(await readdir(join(to, name))).toEqual([]);
    }
  }
  over = true;
  await flipping;
});
