import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataDirHolder, unlockDataDir } from '../host/index.ts';

/** What `homeport status -o json` prints: where a running Homeport is and how to reach it. */
export interface InstanceStatus {
  version: string;
  pid: number | null;
  ready: boolean;
  api: string | null;
  kubeconfig: string | null;
  apps: string | null;
  /** What stands before the names of images that are pushed here: 'registry.localhost:5000'. */
  registry: string | null;
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

const statusFile = (dataDir: string): string => join(dataDir, 'status.json');

/** Takes back what was published, and gives the data directory back. */
export function retire(dataDir: string): void {
  rmSync(statusFile(dataDir), { force: true });
  unlockDataDir(dataDir);
}

/** Publishes where this process is reached, whole or not at all. */
export function writeStatus(status: InstanceStatus): void {
  const file = statusFile(status.dataDir);
  writeFileSync(`${file}.new`, JSON.stringify(status), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** What the process that holds the data directory published; `ready` false and `pid` null when none is alive. */
export function readStatus(dataDir: string, version: string): InstanceStatus {
  const none = {
    version,
    pid: null,
    ready: false,
    api: null,
    kubeconfig: null,
    apps: null,
    registry: null,
    dataDir,
    capabilities: [],
  };
  const holder = dataDirHolder(dataDir);
  if (holder === undefined) return none;
  const status = readJson<InstanceStatus>(statusFile(dataDir));
  return status?.pid === holder ? status : { ...none, pid: holder };
}
