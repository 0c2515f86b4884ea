import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { lockHolder, takeLock } from './lock.ts';

const lockFile = (dataDir: string): string => join(dataDir, 'lock');

/** Makes a folder (mode 0700) and those above it. Node's own way reports ENOENT for a read-only disk, and in /proc never ends. */
function makeFolder(folder: string): void {
  if (!existsSync(dirname(folder))) makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(folder).isDirectory()) throw error;
  }
}

/**
 * Takes a data directory for this process, making it if need be (mode 0700).
 * @returns undefined when taken, or the pid of the live process that holds it.
 */
export function lockDataDir(dataDir: string): number | undefined {
  makeFolder(dataDir);
  return takeLock(lockFile(dataDir));
}

/** Gives a data directory back. */
export function unlockDataDir(dataDir: string): void {
  rmSync(lockFile(dataDir), { force: true });
}

/** The id of the live process that holds a data directory, if there is one. */
export function dataDirHolder(dataDir: string): number | undefined {
  return lockHolder(lockFile(dataDir));
}
