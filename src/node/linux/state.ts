import { createHash } from 'node:crypto';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from '../remove-tree.ts';
import { isAlive, type KnownProcess, knownProcess, signalKnown } from './process.ts';
import { type Found, findSandboxes } from './records.ts';

/** Where the linux runtime of one data folder keeps its things. */
export interface RuntimeState {
  /** Eight hexadecimal digits that stand for the data folder. */
  readonly instance: string;
  readonly dir: string;
  readonly sandboxes: string;
  /** In memory, 0700: secrets, start scripts, and what is written down of sandboxes. */
  readonly memoryDir: string;
  /** Folder of the records of all sandboxes, below memoryDir. */
  readonly records: string;
  /** Instances of other data folders on this machine that run, or whose pods do. */
  readonly others: ReadonlySet<string>;
  /** What an earlier process of this data folder has left, running or not. */
  readonly found: readonly Found[];
}

const tmpfsMagic = 0x01021994;

/** Says whose folder in memory it is. */
interface Owner {
  process: KnownProcess;
  /** The instance's folder on disk. */
  dir: string;
}

/**
 * Opens the state of a data folder with what an earlier process of it has left behind: pods go on when it is killed. Pods of
 * instances whose data folder is gone are ended. Mounts need no cleaning: they go with their namespaces.
 */
export async function openState(dataDir: string): Promise<RuntimeState> {
  const dir = join(realpathSync(dataDir), 'node');
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const instance = createHash('sha256').update(dir).digest('hex').slice(0, 8);
  const sandboxes = join(dir, 'sandboxes');
  await mkdir(sandboxes, { recursive: true, mode: 0o755 });
  const others = new Set<string>();
  const memoryDir = await openMemory(dir, instance, others);
  const records = join(memoryDir, 'sandboxes');
  await mkdir(records, { recursive: true, mode: 0o700 });
  return { instance, others, dir, sandboxes, memoryDir, records, found: await findSandboxes(records) };
}

/** Ends all processes of a sandbox that nobody takes over, and removes what is written down of it. */
export async function endSandbox(found: Found): Promise<void> {
  for (const { keeper } of found.containers) if (keeper) signalKnown(keeper, 'SIGKILL');
  if (found.pause) signalKnown(found.pause, 'SIGKILL');
  await removeTree(found.folder);
}

/** The instance's folder in memory. Those whose data folders are gone are removed: they may hold secrets. */
async function openMemory(dir: string, instance: string, others: Set<string>): Promise<string> {
  for (const place of ['/dev/shm', '/run']) {
    if (!existsSync(place) || (await statfs(place)).type !== tmpfsMagic) continue;
    for (const name of readdirSync(place)) {
      const id = /^homeport-([0-9a-f]{8})$/.exec(name)?.[1];
      if (id === undefined || id === instance) continue;
      if (await isLeftOver(join(place, name))) await removeLeftOver(join(place, name));
      else others.add(id);
    }
    return take(join(place, `homeport-${instance}`), dir);
  }
  // No file system in memory to be had: the data folder is readable by root only.
  return take(join(dir, 'memory'), dir);
}

async function take(folder: string, dir: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Start scripts and pipes of starts that were cut short.
  for (const name of await readdir(folder)) if (/^(?:start|pipe)-/.test(name)) await rm(join(folder, name));
  const owner: Owner = { process: knownProcess(process.pid), dir };
  await writeFile(join(folder, 'owner.json'), JSON.stringify(owner), { mode: 0o600 });
  return folder;
}

async function isLeftOver(folder: string): Promise<boolean> {
  try {
    const owner = JSON.parse(await readFile(join(folder, 'owner.json'), 'utf8')) as Owner;
    return !isAlive(owner.process) && !existsSync(owner.dir);
  } catch {
    return false; // One that is only being made, or that is not of this version.
  }
}

async function removeLeftOver(folder: string): Promise<void> {
  for (const found of await findSandboxes(join(folder, 'sandboxes'))) await endSandbox(found);
  await removeTree(folder);
}
