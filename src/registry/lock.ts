import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, open, readFile, rename, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

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
    if (await tryCreate(path)) return;
    const owner = await readFile(path, 'utf8').catch(() => '');
    if (owner !== '' && !isAlive(owner)) await takeAway(path, owner);
    else if (Date.now() > deadline)
      throw new Error(`waiting for the lock ${path}, held by ${owner.trim()}: gave up after 30 s`);
    else await delay(pause);
  }
}

async function tryCreate(path: string): Promise<boolean> {
  // Written aside and linked into place, so that a lock is never seen without its owner.
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  const file = await open(aside, 'wx', 0o600);
  try {
    await file.writeFile(identity(process.pid));
    await link(aside, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await file.close();
    await rm(aside, { force: true });
  }
}

/** Removes a dead owner's lock; puts it back if another process replaced it in the meantime. */
async function takeAway(path: string, deadOwner: string): Promise<void> {
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  if ((await readFile(aside, 'utf8')) !== deadOwner) await link(aside, path);
  await rm(aside, { force: true });
}

/** A process's id with its start time, so that a reused id is not taken for it. */
function identity(pid: number): string {
  return `${pid} ${startTime(pid)}`;
}

function isAlive(owner: string): boolean {
  const pid = Number(owner.split(' ')[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return identity(pid) === owner;
}

function startTime(pid: number): string {
  if (process.platform !== 'linux') return '';
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name (field 2) may hold spaces and parentheses: count from its end. Start time is field 22.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return ''; // The process is gone.
  }
}
