import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { takeLock } from '../host/index.ts';

const patience = 30_000;

/**
 * Runs one action at a time among all processes that lock the same path. A lock left by a process that died is taken
 * over.
 * @throws Error when the lock is held by a living process for 30 seconds.
 */
export async function withLock<T>(path: string, action: () => Promise<T>): Promise<T> {
  await acquire(path);
  try {
    return await action();
  } finally {
    await rm(path, { force: true });
  }
}

async function acquire(path: string): Promise<void> {
  const deadline = Date.now() + patience;
  for (let pause = 2; ; pause = Math.min(pause * 2, 100)) {
    const holder = takeLock(path);
    if (holder === undefined) return;
    if (Date.now() > deadline)
      throw new Error(`waiting for the lock ${path}, held by process ${holder}: gave up after 30 s`);
    await delay(pause);
  }
}
