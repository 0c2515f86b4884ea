import { readFileSync } from 'node:fs';

/** The resident memory of a process in megabytes (proc(5), VmRSS). */
export function residentMegabytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) / 1024;
}
