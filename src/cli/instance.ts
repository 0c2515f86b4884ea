import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { lockHolder, takeLock } from '../host/index.ts';

/** What `homeport status -o json` prints: where a running Homeport is and how to reach it. */
export interface InstanceStatus {
  version: string;
  pid: number | null;
  ready: boolean;
  api: string | null;
  kubeconfig: string | null;
  apps: string | null;
  dataDir: string;
  capabilities: string[];
}

function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (error) {
    // A missing file: nobody was here. A torn one: its writer died while writing it.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const lockFile = (dataDir: string): string => join(dataDir, 'lock');
const statusFile = (dataDir: string): string => join(dataDir, 'status.json');

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
 * Takes the data directory for this process, making it if need be (mode 0700).
 * @returns undefined when taken, or the pid of the live process that holds it.
 */
export function lockDataDir(dataDir: string): number | undefined {
  makeFolder(dataDir);
  return takeLock(lockFile(dataDir));
}

/** Gives the data directory back. */
export function unlockDataDir(dataDir: string): void {
  rmSync(statusFile(dataDir), { force: true });
  rmSync(lockFile(dataDir), { force: true });
}

/** Publishes where this process is reached, whole or not at all. */
export function writeStatus(status: InstanceStatus): void {
  const file = statusFile(status.dataDir);
  writeFileSync(`${file}.new`, JSON.stringify(status), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** What the process that holds the data directory published; `ready` false and `pid` null when none is alive. */
export function readStatus(dataDir: string, version: string): InstanceStatus {
  const none = { version, pid: null, ready: false, api: null, kubeconfig: null, apps: null, dataDir, capabilities: [] };
  const holder = lockHolder(lockFile(dataDir));
  if (holder === undefined) return none;
  const status = readJson<InstanceStatus>(statusFile(dataDir));
  return status?.pid === holder ? status : { ...none, pid: holder };
}
