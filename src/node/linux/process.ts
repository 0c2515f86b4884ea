import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { startTime } from '../../host/index.ts';

/** A process that is not mistaken for another one that got its id later. */
export interface KnownProcess {
  pid: number;
  /** From startTime. */
  start: string;
}

/** @throws Error when it has ended already */
export function knownProcess(pid: number): KnownProcess {
  const start = startTime(pid);
  if (start === undefined) throw new Error(`process ${pid} has ended`);
  return { pid, start };
}

export const isAlive = ({ pid, start }: KnownProcess): boolean => startTime(pid) === start;

/** Sends a signal to this very process, if it still is there. */
export function signalKnown(known: KnownProcess, signal: NodeJS.Signals): void {
  if (isAlive(known)) signalProcess(known.pid, signal);
}

/** Sends a signal; a process that has ended already is as good as signalled. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/**
 * Asks a container's first process to end. The kernel drops a signal to the first process of a pid namespace that has
 * no handler for it (pid_namespaces(7)), which would leave a program that never learnt about SIGTERM, or is only
 * starting, to its whole grace period. Such a program gets what it would get anywhere else: the end.
 */
export function terminateFirstProcess(pid: number): void {
  signalProcess(pid, hasDefaultAction(pid, constants.signals.SIGTERM) ? 'SIGKILL' : 'SIGTERM');
}

/** Whether a process neither handles nor ignores a signal (proc(5), SigCgt and SigIgn). */
function hasDefaultAction(pid: number, signal: number): boolean {
  try {
    const masks = readFileSync(`/proc/${pid}/status`, 'utf8').matchAll(/^Sig(?:Cgt|Ign):\t([0-9a-f]+)$/gm);
    return [...masks].every(([, mask]) => (BigInt(`0x${mask}`) & (1n << BigInt(signal - 1))) === 0n);
  } catch {
    return false; // No such process.
  }
}

/** The ids of a process's children and of theirs, the nearest first. */
export function descendantsOf(pid: number): number[] {
  const children = childrenOf(pid);
  return [...children, ...children.flatMap(descendantsOf)];
}

/** The ids of a process's children. */
function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // No such process.
  }
}
