import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockDataDir } from '../host/index.ts';
import { readStatus, retire, writeStatus } from './instance.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'homeport-instance-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const status = (pid: number) => ({
  version: '1',
  pid,
  ready: true,
  api: 'https://127.0.0.1:1',
  kubeconfig: 'k',
  registry: 'registry.localhost:5000',
  apps: 'http://127.0.0.1:2',
  dataDir,
  capabilities: [],
});

test('a folder that cannot be made is an error at once, with its code', () => {
  writeFileSync(join(dataDir, 'file'), '');
  expect(() => lockDataDir(join(dataDir, 'file'))).toThrow(/EEXIST/);
  expect(() => lockDataDir(join(dataDir, 'file', 'below'))).toThrow(/ENOTDIR/);
  expect(() => lockDataDir('/proc/homeport/below')).toThrow(/ENOENT/);
  expect(lockDataDir(join(dataDir, 'deeply', 'below'))).toBeUndefined();
});

test('a second lock names the holder until the first is given back', () => {
  expect(lockDataDir(dataDir)).toBeUndefined();
  expect(lockDataDir(dataDir)).toBe(process.pid);
  retire(dataDir);
  expect(lockDataDir(dataDir)).toBeUndefined();
  expect(readdirSync(dataDir)).toEqual(['lock']);
});

test('the lock of a process that is dead is taken over, and its status is not believed', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => child.once('exit', resolve));
  writeFileSync(join(dataDir, 'lock'), JSON.stringify({ pid: child.pid, started: '1' }));
  writeStatus(status(child.pid ?? 0));
  expect(readStatus(dataDir, '1')).toMatchObject({ ready: false, pid: null, api: null });
  expect(lockDataDir(dataDir)).toBeUndefined();
});

test('a pid that another process has by now is not the holder', () => {
  writeFileSync(join(dataDir, 'lock'), JSON.stringify({ pid: process.pid, started: 'long ago' }));
  expect(lockDataDir(dataDir)).toBeUndefined();
});

test('a torn lock is taken over', () => {
  writeFileSync(join(dataDir, 'lock'), '{"pid":');
  expect(lockDataDir(dataDir)).toBeUndefined();
});

test('status is what the holder published, and not ready before that', () => {
  lockDataDir(dataDir);
  expect(readStatus(dataDir, '1')).toMatchObject({ ready: false, pid: process.pid });
  writeStatus(status(process.pid));
  expect(readStatus(dataDir, '1')).toEqual(status(process.pid));
});
