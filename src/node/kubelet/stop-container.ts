import type { Handler } from '../pod.ts';
import { type HandlerTarget, runHandler } from './handler.ts';
import type { HandlerResult } from './handler-result.ts';
import type { ContainerRecord, Running } from './record.ts';
import type { StartContext } from './start-container.ts';

export interface LifeContext extends StartContext {
  /** Something of the pod's state changed: look at it again. */
  changed(): void;
  emit(type: 'Normal' | 'Warning', reason: string, message: string): void;
  /** The pod is to go: start nothing more. */
  terminating(): boolean;
}

/** The longest that a timer can wait, in milliseconds: a postStart hook has no time limit. */
export const longest = 2 ** 31 - 1;
/** Every container gets this many seconds between SIGTERM and SIGKILL, however little of its grace period is left. */
const leastGrace = 2;

/** Seconds that a pod's containers have to end. */
export const gracePeriod = (context: LifeContext): number => context.pod.spec?.terminationGracePeriodSeconds ?? 30;

/** What a handler of a container that runs is run against. @param purpose for the user agent: 'kube-probe/1.34' */
export function targetOf(
  record: ContainerRecord,
  state: Running,
  context: LifeContext,
  purpose: 'probe' | 'lifecycle',
): HandlerTarget {
  const userAgent = `kube-${purpose}/${context.deps.kubernetes}`;
  return { container: record.container, running: state.handle, podIp: context.sandbox.ip, userAgent };
}

/** Whether a hook has failed: one that is an HTTP request is content with any answer. */
export function failedHook(hook: Handler, { outcome, output }: HandlerResult): boolean {
  if (hook.httpGet && output.startsWith('HTTP probe failed with statuscode')) return false;
  return outcome === 'failure' || outcome === 'error';
}

/**
 * Ends a container: preStop hook, SIGTERM, and SIGKILL when the grace period (in seconds) is over. Called again, it only
 * shortens the time that is left. Resolves when the container has ended.
 * @param message of the Killing event
 * @param turn resolves when the containers that need this one to the end are gone
 */
export async function stopContainer(
  record: ContainerRecord,
  context: LifeContext,
  grace: number,
  message = `Stopping container ${record.container.name}`,
  turn: Promise<unknown> = Promise.resolve(),
): Promise<void> {
  const { state } = record;
  if (state.is !== 'running') return;
  const deadline = Date.now() + grace * 1000;
  const left = () => Math.max(0, deadline - Date.now());
  if (state.stopping) {
    // Its end is under way: what is new is how long it may take.
    const killer = setTimeout(() => state.handle.signal('SIGKILL'), Math.max(left(), leastGrace * 1000));
    return state.over.then(() => clearTimeout(killer));
  }
  state.stopping = true;
  // Whether it takes requests until the end is still asked.
  state.stopProbes('deadly');
  context.emit('Normal', 'Killing', message);
  const gone = state.handle.exited;
  await within(left(), Promise.race([gone, preStop(record, state, context, left())]));
  await within(left(), Promise.race([gone, turn]));
  const killer = setTimeout(() => state.handle.signal('SIGKILL'), Math.max(left(), leastGrace * 1000));
  state.handle.signal('SIGTERM');
  await state.over;
  clearTimeout(killer);
}

async function preStop(record: ContainerRecord, state: Running, context: LifeContext, time: number): Promise<void> {
  const hook = record.container.lifecycle?.preStop;
  if (!hook || time <= 0 || !context.deps.runtime.runsPrograms) return;
  const result = await runHandler(hook, targetOf(record, state, context, 'lifecycle'), time);
  // What it said may hold secrets, and is for no Event. One that the grace period cut short has not failed.
  const cut = hook.exec !== undefined && result.output.startsWith('command timed out');
  if (failedHook(hook, result) && !cut) context.emit('Warning', 'FailedPreStopHook', 'PreStopHook failed');
}

/** Waits for something, but not longer than this. @param time in milliseconds */
async function within(time: number, action: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(time, longest));
  });
  await Promise.race([action, over]);
  clearTimeout(timer);
}
