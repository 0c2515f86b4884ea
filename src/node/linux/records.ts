import { renameSync } from 'node:fs';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerSpec, SandboxSpec } from '../runtime.ts';
import { isAlive, type KnownProcess } from './process.ts';

/**
 * What is written down of a sandbox and its containers, for the next process of this instance to take them over. It lies in
 * memory, where only root reads it: a container's variables may be secrets, and after a boot there is nothing to take over.
 */
export interface SandboxRecord {
  spec: SandboxSpec;
  ip: string;
  /** Of the address in its range. */
  number: number;
  cable: string;
  pause: KnownProcess;
}

export interface ContainerRecord {
  /** Without what only a start needs. */
  spec: SavedSpec;
  startedAt: string;
  /** The first process of the container. */
  pid: number;
  keeper: KnownProcess;
  stdinHolder: number | undefined;
  /** The namespace of processes that it joined. */
  pidNamespace: string | undefined;
  /** Folder of its root, on disk. */
  folder: string;
  cgroup: string;
}

export type SavedSpec = Omit<ContainerSpec, 'output' | 'env'> & { env: Record<string, string> };

const sandboxFile = 'sandbox.json';
const endingFile = 'ending.json';
const containerFile = 'container.json';
/** The line of /proc/PID/stat that a keeper writes before it does anything. */
export const keeperFile = 'keeper';

export const saveSandbox = (folder: string, record: SandboxRecord): Promise<void> =>
  save(join(folder, sandboxFile), record);

export const saveContainer = (folder: string, record: ContainerRecord): Promise<void> =>
  save(join(folder, containerFile), record);

/** No longer to be taken over, from now on: what a next process finds of it, it ends. */
export function forgetSandbox(folder: string): void {
  renameSync(join(folder, sandboxFile), join(folder, endingFile));
}

/** Whole or not at all. */
async function save(path: string, record: object): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

export interface Found {
  id: string;
  /** Of the sandbox, in memory. */
  folder: string;
  /** undefined for one that cannot be taken over: it was not finished, or it is over. */
  sandbox: SandboxRecord | undefined;
  /** What holds its namespaces, as far as that is known. */
  pause: KnownProcess | undefined;
  containers: { folder: string; record: ContainerRecord | undefined; keeper: KnownProcess | undefined }[];
}

/** What earlier processes have left. @param dir folder of the records of all sandboxes */
export async function findSandboxes(dir: string): Promise<Found[]> {
  const ids = await readdir(dir).catch(() => []);
  return Promise.all(
    ids.map(async (id) => {
      const folder = join(dir, id);
      const record = await read<SandboxRecord>(join(folder, sandboxFile));
      const ending = record ?? (await read<SandboxRecord>(join(folder, endingFile)));
      const entries = await readdir(folder, { withFileTypes: true });
      const containers = entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
      return {
        id,
        folder,
        sandbox: record && isAlive(record.pause) ? record : undefined,
        pause: ending?.pause,
        containers: await Promise.all(containers.map(findContainer)),
      };
    }),
  );
}

async function findContainer(folder: string): Promise<Found['containers'][number]> {
  const [record, stat] = await Promise.all([
    read<ContainerRecord>(join(folder, containerFile)),
    readFile(join(folder, keeperFile), 'latin1').catch(() => ''),
  ]);
  return { folder, record, keeper: parseStat(stat) };
}

/** The process that a line of /proc/PID/stat is of. */
export function parseStat(line: string): KnownProcess | undefined {
  const start = line.slice(line.lastIndexOf(')') + 2).split(' ')[19];
  const pid = Number.parseInt(line, 10);
  return start === undefined || !(pid > 1) ? undefined : { pid, start };
}

async function read<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error && error.code === 'ENOENT'))
      return undefined;
    throw error;
  }
}
