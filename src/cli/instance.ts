import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

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

/** Who holds a data directory. A pid alone could have been given to another process since. */
interface Holder {
  pid: number;
  started: string;
}

/**
 * When a process started, in clock ticks since boot (proc(5), stat field 22); '' where that cannot be told, and for a
 * process that is dead but not yet reaped.
 */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? '' : (fields[19] ?? '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return startOf(holder.pid) === holder.started;
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
  const file = lockFile(dataDir);
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, JSON.stringify({ pid: process.pid, started: startOf(process.pid) } satisfies Holder), {
    mode: 0o600,
  });
  try {
    for (;;) {
      // A link appears whole or not at all, and only where nothing is.
      if (linked(mine, file)) return undefined;
      const holder = readJson<Holder>(file);
      if (holder && isAlive(holder)) return holder.pid;
      takeAway(file, `${mine}.stale`);
    }
  } finally {
    rmSync(mine, { force: true });
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

/** Removes the lock of a process that was killed, but not one that another starter took in the meantime. */
function takeAway(file: string, to: string): void {
  try {
    renameSync(file, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const holder = readJson<Holder>(to);
  if (holder && isAlive(holder)) linked(to, file);
  rmSync(to);
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
  const holder = readJson<Holder>(lockFile(dataDir));
  if (!holder || !isAlive(holder)) return none;
  const status = readJson<InstanceStatus>(statusFile(dataDir));
  return status?.pid === holder.pid ? status : { ...none, pid: holder.pid };
}
