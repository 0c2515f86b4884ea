import { createHash } from 'node:crypto';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { mkdir, readdir, readFile, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startTime } from '../../host/index.ts';
import { removeTree } from '../remove-tree.ts';
import { removeGroup } from './cgroup.ts';
import { signalProcess } from './process.ts';

/** Where the linux runtime of one data folder keeps its things. */
export interface RuntimeState {
  /** Eight hexadecimal digits that stand for the data folder. */
  readonly instance: string;
  readonly dir: string;
  readonly sandboxes: string;
  /** In memory, 0700: secrets and start scripts. */
  readonly memoryDir: string;
  /** Instances of other data folders that are running on this machine. */
  readonly others: ReadonlySet<string>;
  /** Writes down what a next start has to clean up. */
  record(cgroupFolders: readonly string[]): Promise<void>;
}

const tmpfsMagic = 0x01021994;

/**
 * Opens the state of a data folder, and first removes what an earlier process of it left behind when it was killed:
 * processes, control groups, secrets in memory, sandboxes. Mounts need no cleaning: they went with their namespaces.
 */
export async function openState(dataDir: string): Promise<RuntimeState> {
  const dir = join(realpathSync(dataDir), 'node');
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const instance = createHash('sha256').update(dir).digest('hex').slice(0, 8);
  const sandboxes = join(dir, 'sandboxes');
  const record = join(dir, 'leftovers.json');
  await killPauses(sandboxes);
  for (const folder of await readRecord(record)) await removeGroup(folder);
  await removeTree(sandboxes);
  await mkdir(sandboxes, { recursive: true, mode: 0o755 });
  const others = new Set<string>();
  const memoryDir = await openMemory(dir, instance, others);
  return {
    instance,
    others,
    dir,
    sandboxes,
    memoryDir,
    record: (folders) => writeFile(record, JSON.stringify(folders)),
  };
}

async function killPauses(sandboxes: string): Promise<void> {
  if (!existsSync(sandboxes)) return;
  for (const name of await readdir(sandboxes)) {
    try {
      const { pid, start } = JSON.parse(await readFile(join(sandboxes, name, 'pause.json'), 'utf8'));
      if (typeof pid === 'number' && pid > 1 && startTime(pid) === start) signalProcess(pid, 'SIGKILL');
    } catch (error) {
      // A sandbox that was not finished has no record, or half of one.
      if (!(error instanceof SyntaxError) && !(error instanceof Error && 'code' in error)) throw error;
    }
  }
}

async function readRecord(path: string): Promise<string[]> {
  try {
    const folders: unknown = JSON.parse(await readFile(path, 'utf8'));
    // Only groups of ours: the file may be damaged.
    return Array.isArray(folders)
      ? folders.filter((folder) => typeof folder === 'string' && /\/homeport-[0-9a-f]{8}$/.test(folder))
      : [];
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error && error.code === 'ENOENT'))
      return [];
    throw error;
  }
}

/** A folder in memory. Those of instances that are gone are removed: they may hold secrets. @param others gets those that run */
async function openMemory(dir: string, instance: string, others: Set<string>): Promise<string> {
  for (const place of ['/dev/shm', '/run']) {
    if (!existsSync(place) || (await statfs(place)).type !== tmpfsMagic) continue;
    for (const name of readdirSync(place)) {
      const [, owner, pid, start] = /^homeport-([0-9a-f]{8})-(\d+)-(\d+)$/.exec(name) ?? [];
      if (owner === undefined) continue;
      if (owner === instance || startTime(Number(pid)) !== start) await removeTree(join(place, name));
      else others.add(owner);
    }
    const folder = join(place, `homeport-${instance}-${process.pid}-${startTime(process.pid)}`);
    await mkdir(folder, { mode: 0o700 });
    return folder;
  }
  // No file system in memory to be had: the data folder is readable by root only.
  const folder = join(dir, 'memory');
  await removeTree(folder);
  await mkdir(folder, { mode: 0o700 });
  return folder;
}
