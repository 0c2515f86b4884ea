import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isRunning, startTime } from './process.ts';

/** What a lock file says: who holds it. */
interface Holder {
  pid: number;
  started?: string;
}

/**
 * Takes the lock for this process if nobody alive holds it; a lock left by a process that died is taken over. It is
 * given back by removing the file.
 * @returns undefined when taken, or the id of the process that holds it, which may be this one.
 */
export function takeLock(path: string): number | undefined {
  const mine = `${path}.${process.pid}`;
  const started = startTime(process.pid);
  const holder: Holder = { pid: process.pid, ...(started === undefined ? {} : { started }) };
  writeFileSync(mine, JSON.stringify(holder), { mode: 0o600 });
  try {
    for (;;) {
      // A link appears whole or not at all, and only where nothing is.
      if (linked(mine, path)) return undefined;
      const pid = lockHolder(path);
      if (pid !== undefined) return pid;
      takeAway(path, `${mine}.stale`);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** The id of the live process that holds the lock, if there is one. */
export function lockHolder(path: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const holder = parse(text);
  return holder && isRunning(holder.pid, holder.started) ? holder.pid : undefined;
}

/** A torn lock is nobody's: its writer died while writing it. */
function parse(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the lock of a process that died, but not one that another process took in the meantime. */
function takeAway(path: string, to: string): void {
  try {
    renameSync(path, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (lockHolder(to) !== undefined) linked(to, path);
  rmSync(to);
}
