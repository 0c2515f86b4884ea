// Copies of the database through the command line: made while the platform runs and is written to, and put back.
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { homeport, startHomeport, type TestHomeport } from './support/homeport.ts';

let folder: string;
let dataDir: string;
let platform: TestHomeport;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'homeport-snapshot-'));
  dataDir = join(folder, 'data');
  platform = await startHomeport(['--runtime', 'simulated'], dataDir);
});
afterAll(async () => {
  await platform.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('back to a copy: what was written after it is gone, Secrets can be read, and the rest is kept beside', {
  timeout: 180_000,
}, async () => {
  const file = join(folder, 'before.snapshot');
  await platform.kubectl('create secret generic s --from-literal=password=correct-horse');
  const [saved] = await Promise.all([
    platform.homeport(['snapshot', 'save', file]),
    platform.kubectl('create configmap while-saving'),
  ]);
  expect(saved.stdout).toMatch(/: revision \d+, \d+ records, with the key of Secrets: keep it safe/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect((await platform.homeport(['snapshot', 'save', file])).stderr).toContain(
    'is there already; --force replaces it',
  );
  expect((await platform.homeport(['check'])).stdout).toMatch(/✓ \d+ objects .* it is in use/);
  const status = await homeport(['snapshot', 'status', file, '-o', 'json']);
  expect(JSON.parse(status.stdout)).toMatchObject({ key: true, size: statSync(file).size });
  await platform.kubectl('create configmap after');

  const running = await platform.homeport(['snapshot', 'restore', file, '--force']);
  expect(running.stderr).toMatch(/Homeport is running on .* \(process \d+\): stop it/);
  await platform.stop();
  const without = await platform.homeport(['snapshot', 'restore', file]);
  expect([without.code, without.stderr]).toEqual([1, expect.stringContaining('holds a database already; --force')]);
  const restored = await platform.homeport(['snapshot', 'restore', file, '--force']);
  expect(restored.stdout).toMatch(/db: \d+ objects, at revision 1000\d+\nWhat was there before is in /);
  expect((await platform.homeport(['check'])).stdout).toMatch(/✓ \d+ objects in \d+ records, .*: all as written\.\n/);
  expect(readdirSync(dataDir).filter((name) => name.startsWith('db.before-'))).toHaveLength(1);

  platform = await startHomeport(['--runtime', 'simulated'], dataDir);
  expect(await platform.kubectl('get secret s -o jsonpath={.data.password}')).toBe(btoa('correct-horse'));
  expect((await platform.tryKubectl('get configmap after')).stderr).toContain('not found');
  await platform.kubectl('create configmap next');
  expect(existsSync(join(dataDir, 'lock'))).toBe(true);
});

test('a file that is no snapshot, and a folder without a database, are refused with what is wrong', async () => {
  const nowhere = join(folder, 'nowhere');
  const none = await homeport(['snapshot', 'save', join(folder, 'x'), '--data', nowhere]);
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('there is no database in')]);
  expect((await homeport(['check', '--data', nowhere])).stderr).toContain('there is no database in');
  const wrong = await homeport(['snapshot', 'restore', process.execPath, '--data', nowhere]);
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('is not a snapshot of Homeport')]);
  expect((await homeport(['snapshot', 'status', join(folder, 'absent')])).stderr).toContain('there is no such file');
});
