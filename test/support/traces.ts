// What a platform leaves on its machine: for tests that say it leaves nothing.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { TestHomeport } from './homeport.ts';

/** Everything that pods may leave behind, each as sorted names. Equal before and after means that nothing was left. */
export interface Traces {
  /** Programs that the platform started, by command line. */
  processes: string[];
  /** Mounts that the platform's own namespace has below the data directory and in memory. */
  mounts: string[];
  /** This machine's ends of what connects pods to it. */
  devices: string[];
  cgroups: string[];
  /** Of pods, below the node's folders. */
  files: string[];
  /** NAMESPACE/NAME of what the API server has. */
  objects: string[];
}

const kinds = ['pods', 'deployments', 'replicasets', 'controllerrevisions', 'endpointslices', 'persistentvolumeclaims'];
/** Folders of the data directory in which a pod has something of its own. */
const podFolders = ['pods', 'logs', 'sandboxes'];

export async function tracesOf(platform: TestHomeport): Promise<Traces> {
  const { dataDir } = platform;
  const { pid } = platform.status;
  const mounts = linesOf(`/proc/${pid}/mounts`).filter((line) => line.includes(dataDir) || line.includes('homeport-'));
  return {
    processes: descendantsOf(pid).map(commandOf).sort(),
    mounts: mounts.sort(),
    devices: devicesOf(dataDir),
    cgroups: cgroupsOf(pid, dataDir),
    files: podFolders.flatMap((folder) => filesBelow(join(dataDir, 'node', folder))).sort(),
    objects: (await platform.kubectl(['get', kinds.join(','), '-A', '-o', 'name'])).split('\n').filter(Boolean).sort(),
  };
}

/** File descriptors that the platform has open. */
export function openFilesOf({ status }: TestHomeport): number {
  return namesIn(`/proc/${status.pid}/fd`).length;
}

/** Its children and theirs, also those whose own parent has gone: they keep the platform's session. */
function descendantsOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of namesIn('/proc')) {
    const stat = /^\d+$/.test(name) ? textOf(`/proc/${name}/stat`) : '';
    if (stat) parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const isBelow = (at: number | undefined): boolean =>
    at === pid || (at !== undefined && at > 1 && isBelow(parents.get(at)));
  return [...parents.keys()].filter((each) => each !== pid && isBelow(each));
}

const commandOf = (pid: number): string => textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();

function devicesOf(dataDir: string): string[] {
  const record = textOf(join(dataDir, 'node', 'network.json'));
  if (!record) return [];
  const { index } = JSON.parse(record) as { index: number };
  return namesIn('/sys/class/net').filter((name) => name.startsWith(`hp${index}v`));
}

/** Groups of containers, in the group that the platform of this data directory has made below its own. */
function cgroupsOf(pid: number, dataDir: string): string[] {
  const instance = createHash('sha256')
    .update(join(realpathSync(dataDir), 'node'))
    .digest('hex')
    .slice(0, 8);
  const mounted = linesOf(`/proc/${pid}/mountinfo`).flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    return after.startsWith('cgroup') ? [before.split(' ')[4] ?? ''] : [];
  });
  // In a namespace of control groups what is mounted may be the platform's own group already.
  const own = ['/', ...linesOf(`/proc/${pid}/cgroup`).map((line) => line.split(':')[2] ?? '/')];
  const folders = mounted.flatMap((mount) => own.map((group) => join(mount, group, `homeport-${instance}`)));
  return [...new Set(folders)].flatMap(foldersIn).sort();
}

const foldersIn = (folder: string): string[] =>
  namesIn(folder).filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory());

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).map((entry) =>
    join(entry.parentPath, entry.name),
  );
}

/** None where there is no such folder, or it went meanwhile. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isGone(error)) return '';
    throw error;
  }
}

const linesOf = (path: string): string[] => textOf(path).split('\n').filter(Boolean);

const isGone = (error: unknown): boolean =>
  ['ENOENT', 'ESRCH', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
