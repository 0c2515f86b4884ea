import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Usage } from '../runtime.ts';
import type { Hierarchy } from './cgroup.ts';
import { descendantsOf } from './process.ts';

const microsecond = 1000;
/** A tick of the clock that /proc counts CPU time in: USER_HZ, 100 on every Linux. */
const tick = 1e7;
const pageSize = 4096;

/** What the processes of one container's control groups have used; undefined where no group of it counts both. */
export async function usageOfGroups(groups: readonly Hierarchy[]): Promise<Usage | undefined> {
  const memory = groups.find((group) => group.controllers.includes('memory'));
  const cpu = groups.find(
    ({ version, controllers }) => (version === 2 && controllers.includes('cpu')) || controllers.includes('cpuacct'),
  );
  if (!memory || !cpu) return undefined;
  const [memoryBytes, cpuNanos] = await Promise.all([workingSet(memory), cpuTime(cpu)]);
  return { cpuNanos, memoryBytes };
}

/** Usage without the pages of files that nobody has used lately: what cAdvisor calls the working set. */
async function workingSet({ version, folder }: Hierarchy): Promise<number> {
  const [total, inactive] =
    version === 1 ? ['memory.usage_in_bytes', 'total_inactive_file'] : ['memory.current', 'inactive_file'];
  const [used, stat] = await Promise.all([
    readFile(join(folder, total), 'utf8'),
    readFile(join(folder, 'memory.stat'), 'utf8'),
  ]);
  return Math.max(0, Number(used) - field(stat, inactive));
}

async function cpuTime({ version, folder }: Hierarchy): Promise<number> {
  if (version === 1) return Number(await readFile(join(folder, 'cpuacct.usage'), 'utf8'));
  return field(await readFile(join(folder, 'cpu.stat'), 'utf8'), 'usage_usec') * microsecond;
}

const field = (text: string, name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);

/**
 * What a process and its descendants have used, from /proc: for where control groups may not be made. The CPU time of
 * children counts once they have been waited for.
 */
export async function usageOfProcesses(pid: number): Promise<Usage | undefined> {
  const all = await Promise.all([pid, ...descendantsOf(pid)].map(usageOfProcess));
  return sum(all);
}

async function usageOfProcess(pid: number): Promise<Usage | undefined> {
  try {
    const [stat, statm] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'latin1'),
      readFile(`/proc/${pid}/statm`, 'latin1'),
    ]);
    // After the name, which may contain anything: utime, stime, cutime, cstime (proc(5), fields 14 to 17).
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const ticks = fields.slice(11, 15).reduce((total, each) => total + each, 0);
    const [, resident = 0, shared = 0] = statm.split(' ').map(Number);
    return { cpuNanos: ticks * tick, memoryBytes: (resident - shared) * pageSize };
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

/** The sum of what is known; undefined when nothing is. */
export function sum(all: readonly (Usage | undefined)[]): Usage | undefined {
  const known = all.filter((each) => each !== undefined);
  if (known.length === 0) return undefined;
  return {
    cpuNanos: known.reduce((total, each) => total + each.cpuNanos, 0),
    memoryBytes: known.reduce((total, each) => total + each.memoryBytes, 0),
  };
}
