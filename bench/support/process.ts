import { readFileSync } from 'node:fs';

/** Clock ticks a second, in which the kernel counts CPU time (USER_HZ, 100 on every Linux that Node runs on). */
const TICKS = 100;

/** The resident memory of processes, in megabytes (proc(5)): all of it, or only what is mapped from files. */
export function residentMegabytes(pids: readonly number[], what: 'VmRSS' | 'RssFile' = 'VmRSS'): number {
  const line = new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm');
  const kilobytes = pids.map((pid) => Number(line.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]));
  return kilobytes.reduce((sum, each) => sum + each, 0) / 1024;
}

/** The CPU time that processes have used so far, all their threads together, in seconds (proc(5), utime and stime). */
export function cpuSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    // The program's name, in parentheses, may hold spaces.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS;
}
