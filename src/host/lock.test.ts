import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockHolder, startTime, takeLock } from './index.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'homeport-lock-'));
  path = join(folder, 'lock');
});
afterEach(() => rmSync(folder, { recursive: true }));

test('is one process’s at a time, and leaves nothing but itself', () => {
  expect(takeLock(path)).toBeUndefined();
  expect(takeLock(path)).toBe(process.pid);
  expect(lockHolder(path)).toBe(process.pid);
  expect(readdirSync(folder)).toEqual(['lock']);
  rmSync(path);
  expect(lockHolder(path)).toBeUndefined();
});

test('of a process that died, of another that got its id, or torn, is taken over', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  for (const text of [
    `{"pid":${child.pid},"started":"1"}`,
    `{"pid":${process.pid},"started":"1"}`,
    '{"pid":',
    '{"pid":0}',
  ]) {
    writeFileSync(path, text);
    expect(lockHolder(path), text).toBeUndefined();
    expect(takeLock(path), text).toBeUndefined();
    rmSync(path);
  }
});

test('a process that is gone has no start time', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  expect(startTime(child.pid ?? 0)).toBeUndefined();
});
