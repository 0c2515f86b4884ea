import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerLimits } from '../runtime.ts';
import { signalProcess } from './process.ts';

/** The control groups of one container. */
export interface Cgroup {
  /** Folders whose cgroup.procs a process joins by writing its id. */
  readonly folders: readonly string[];
  /** The same with what each of them counts. */
  readonly groups: readonly Hierarchy[];
  /** How many processes the kernel has killed here for want of memory. */
  oomKills(): Promise<number>;
  /** Sets other limits; those that are not given are lifted. */
  setLimits(limits: ContainerLimits): Promise<void>;
  /** Kills what is left in it and removes it. */
  remove(): Promise<void>;
}

/** The control groups of one instance, below those it runs in itself. */
export interface CgroupTree {
  /** Why limits are not enforced, or undefined. */
  readonly obstacle: string | undefined;
  readonly folders: readonly string[];
  create(name: string, limits: ContainerLimits): Promise<Cgroup>;
  /** One that is there already. */
  open(name: string): Cgroup;
  /** Kills what is left in groups that nobody needs, and removes them. @param kept names of those to keep */
  removeOthers(kept: ReadonlySet<string>): Promise<void>;
  remove(): Promise<void>;
}

/** `cpuacct` counts CPU time in version 1; version 2 does so without being asked. */
type Controller = 'memory' | 'cpu' | 'pids' | 'cpuacct';

export interface Hierarchy {
  version: 1 | 2;
  controllers: Controller[];
  /** The folder of this instance in it. */
  folder: string;
}

/** Processes and threads one container may have: a fork bomb must not take the machine with it. */
const mostProcesses = 4096;
const cpuPeriod = 100_000;

/**
 * Finds the control groups that this process may divide further, version 1 or 2, and makes a group for the instance.
 * Empty groups of instances that were killed, and whose data folders are gone since, are removed.
 * @param others instances that are running
 */
export async function openCgroups(instance: string, others: ReadonlySet<string>): Promise<CgroupTree> {
  const hierarchies: Hierarchy[] = [];
  let obstacle = 'no control groups are mounted';
  for (const candidate of mountedHierarchies(`homeport-${instance}`)) {
    try {
      await removeLeftovers(dirname(candidate.folder), new Set([instance, ...others]));
      await prepare(candidate);
      hierarchies.push(candidate);
    } catch (error) {
      obstacle = error instanceof Error ? error.message : String(error);
    }
  }
  const has = (controller: Controller) => hierarchies.some((hierarchy) => hierarchy.controllers.includes(controller));
  return {
    obstacle: has('memory') && has('cpu') ? undefined : obstacle,
    folders: hierarchies.map((hierarchy) => hierarchy.folder),
    create: (name, limits) => createGroup(hierarchies, name, limits),
    open: (name) => groupOf(groupsNamed(hierarchies, name)),
    async removeOthers(kept) {
      for (const { folder } of hierarchies) {
        // Another instance that starts now may have taken the empty folder for one that was left; it is made again.
        for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
          if (entry.isDirectory() && !kept.has(entry.name)) await removeGroup(join(folder, entry.name));
        }
      }
    },
    async remove() {
      for (const { folder } of hierarchies) await removeGroup(folder);
    },
  };
}

async function removeLeftovers(folder: string, alive: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    const owner = /^homeport-([0-9a-f]{8})$/.exec(name)?.[1];
    if (owner !== undefined && !alive.has(owner)) await removeEmpty(join(folder, name));
  }
}

/** Removes a group and those below it unless there are processes in it. */
async function removeEmpty(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeEmpty(join(folder, entry.name));
  await rmdir(folder).catch(() => undefined); // Whoever is in there keeps it.
}

function mountedHierarchies(name: string): Hierarchy[] {
  const own = new Map(
    readFileSync('/proc/self/cgroup', 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line): [string, string] => {
        const [, controllers = '', path = '/'] = line.split(':');
        return [controllers, path];
      }),
  );
  const found: Hierarchy[] = [];
  const wanted: Controller[] = ['memory', 'cpu', 'pids', 'cpuacct'];
  for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
    const [, mount = '', type, options = ''] = line.split(' ');
    if (type !== 'cgroup' && type !== 'cgroup2') continue;
    const version = type === 'cgroup' ? 1 : 2;
    const named = [...own].find(([list]) =>
      version === 2 ? list === '' : list !== '' && list.split(',').every((c) => options.split(',').includes(c)),
    );
    // Below a namespace of control groups, the path in /proc may not exist in the mount: then the mount is our root.
    const base = [join(mount, named?.[1] ?? '/'), mount].find((path) => existsSync(path)) ?? mount;
    const offered = version === 1 ? options.split(',') : readControllers(base);
    const controllers = wanted.filter((c) => offered.includes(c) && !found.some((h) => h.controllers.includes(c)));
    if (controllers.length > 0) found.push({ version, controllers, folder: join(base, name) });
  }
  return found;
}

function readControllers(folder: string): string[] {
  try {
    return readFileSync(join(folder, 'cgroup.controllers'), 'utf8').trim().split(' ');
  } catch {
    return []; // Not a group of version 2 after all.
  }
}

async function prepare(hierarchy: Hierarchy): Promise<void> {
  if (hierarchy.version === 2) await delegate(join(hierarchy.folder, '..'), hierarchy.controllers);
  await mkdir(hierarchy.folder, { recursive: true });
  if (hierarchy.version === 2) await delegate(hierarchy.folder, hierarchy.controllers);
}

async function delegate(folder: string, controllers: readonly Controller[]): Promise<void> {
  const control = join(folder, 'cgroup.subtree_control');
  const enabled = (await readFile(control, 'utf8')).trim().split(' ');
  const missing = controllers.filter((controller) => !enabled.includes(controller));
  if (missing.length > 0) await writeFile(control, missing.map((controller) => `+${controller}`).join(' '));
}

const groupsNamed = (hierarchies: readonly Hierarchy[], name: string): Hierarchy[] =>
  hierarchies.map((hierarchy) => ({ ...hierarchy, folder: join(hierarchy.folder, name) }));

async function createGroup(hierarchies: readonly Hierarchy[], name: string, limits: ContainerLimits): Promise<Cgroup> {
  const groups = groupsNamed(hierarchies, name);
  for (const group of groups) {
    await mkdir(group.folder, { recursive: true });
    for (const [file, value] of settings(group, limits)) await writeFile(join(group.folder, file), value);
  }
  return groupOf(groups);
}

function groupOf(groups: readonly Hierarchy[]): Cgroup {
  const memory = groups.find((group) => group.controllers.includes('memory'));
  return {
    folders: groups.map((group) => group.folder),
    groups,
    async oomKills() {
      if (!memory) return 0;
      const file = memory.version === 1 ? 'memory.oom_control' : 'memory.events';
      return Number(/^oom_kill (\d+)$/m.exec(await readFile(join(memory.folder, file), 'utf8'))?.[1] ?? 0);
    },
    async setLimits({ memory: bytes = unlimited, cpu = unlimited }) {
      for (const group of groups)
        for (const [file, value] of settings(group, { memory: bytes, cpu }))
          await writeFile(join(group.folder, file), value);
    },
    async remove() {
      for (const group of groups) await removeGroup(group.folder);
    },
  };
}

const unlimited = Number.POSITIVE_INFINITY;

function settings(group: Hierarchy, { memory, cpu }: ContainerLimits): [string, string][] {
  const list: [string, string][] = [];
  const none = group.version === 1 ? '-1' : 'max';
  if (group.controllers.includes('pids')) list.push(['pids.max', String(mostProcesses)]);
  if (group.controllers.includes('memory') && memory !== undefined) {
    const bytes = memory === unlimited ? none : String(memory);
    list.push([group.version === 1 ? 'memory.limit_in_bytes' : 'memory.max', bytes]);
  }
  if (group.controllers.includes('cpu') && cpu !== undefined) {
    const quota = cpu === unlimited ? none : String(Math.max(1000, Math.round((cpu * cpuPeriod) / 1000)));
    if (group.version === 1) list.push(['cpu.cfs_period_us', String(cpuPeriod)], ['cpu.cfs_quota_us', quota]);
    else list.push(['cpu.max', `${quota} ${cpuPeriod}`]);
  }
  return list;
}

/**
 * Kills every process in a group and in those below it, and removes them.
 * @throws Error when processes stay for a second after SIGKILL.
 */
export async function removeGroup(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeGroup(join(folder, entry.name));
  for (let attempt = 0; ; attempt++) {
    for (const pid of await membersOf(folder)) signalProcess(pid, 'SIGKILL');
    try {
      return await rmdir(folder);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || attempt >= 100) throw error;
    }
    // The kernel takes a moment to let go of a killed process.
    await delay(10);
  }
}

async function membersOf(folder: string): Promise<number[]> {
  try {
    return (await readFile(join(folder, 'cgroup.procs'), 'utf8')).split('\n').filter(Boolean).map(Number);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENODEV')) return [];
    throw error;
  }
}
