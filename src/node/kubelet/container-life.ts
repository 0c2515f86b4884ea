import { timestamp } from '../../machinery/index.ts';
import type { NodeImage } from '../images.ts';
import type { Probe } from '../pod.ts';
import { type ContainerExit, StartError } from '../runtime.ts';
import { runHandler } from './handler.ts';
import { podLabel } from './identity.ts';
import { backOffFirst, backOffMost, findImage } from './image.ts';
import { terminationMessage } from './last-words.ts';
import { startProbes } from './probes.ts';
import type { ContainerRecord, Running } from './record.ts';
import { ConfigError, type StartContext, type Started, startContainer, terminationFile } from './start-container.ts';

export interface LifeContext extends StartContext {
  /** Something of the pod's state changed: look at it again. */
  changed(): void;
  emit(type: 'Normal' | 'Warning', reason: string, message: string): void;
  /** The pod is to go: start nothing more. */
  terminating(): boolean;
}

/**
 * Brings a container to run if it should and may now.
 * @returns after how many milliseconds to try again, or undefined when only a change makes a difference.
 */
export async function ensureRunning(record: ContainerRecord, context: LifeContext): Promise<number | undefined> {
  if (record.state.is === 'running') return undefined;
  const wait = restartDelay(record, context);
  if (wait > 0) return wait;
  const found = await findImage(record, context.deps, context.emit);
  if ('waiting' in found) {
    wasEnded(record);
    record.state = found.waiting;
    return found.retryAfter;
  }
  return start(record, found.image, context);
}

/** An ended container becomes one that waits; how it ended is kept. */
function wasEnded(record: ContainerRecord): void {
  if (record.state.is === 'terminated') record.last = record.state;
}

/** Milliseconds until an ended container may start again. */
function restartDelay(record: ContainerRecord, context: LifeContext): number {
  const end = record.state.is === 'terminated' ? record.state : record.last;
  if (!end || record.backOff === 0) return 0;
  const wait = Date.parse(end.finishedAt) + record.backOff - Date.now();
  if (wait <= 0) return 0;
  const { name } = record.container;
  const label = podLabel(context.pod);
  if (record.state.is === 'terminated') {
    context.emit('Warning', 'BackOff', `Back-off restarting failed container ${name} in pod ${label}`);
    record.last = record.state;
    const message = `back-off ${durationText(record.backOff)} restarting failed container=${name} pod=${label}`;
    record.state = { is: 'waiting', reason: 'CrashLoopBackOff', message };
  }
  return wait;
}

/** Go's way to write a duration of whole seconds: '10s', '1m20s', '5m0s'. */
function durationText(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

async function start(record: ContainerRecord, image: NodeImage, context: LifeContext): Promise<number | undefined> {
  const { name } = record.container;
  const again = record.state.is === 'terminated' || record.last !== undefined;
  const attempt = { ...record, restarts: again ? record.restarts + 1 : record.restarts };
  record.replaced = false;
  let started: Started;
  try {
    started = await startContainer(attempt, image, context);
  } catch (error) {
    return failedToStart(record, again, error, context);
  }
  wasEnded(record);
  if (again) {
    record.restarts += 1;
    record.backOff = record.backOff === 0 ? backOffFirst : Math.min(record.backOff * 2, backOffMost);
  }
  context.emit('Normal', 'Created', `Created container: ${name}`);
  context.emit('Normal', 'Started', `Started container ${name}`);
  record.image = image.reference;
  record.imageId = `${image.reference.replace(/[:@][^/]*$/, '')}@${image.digest}`;
  record.containerId = `homeport://${started.handle.id}`;
  const state: Running = { is: 'running', ...started, stopProbes: () => undefined, stopping: false };
  record.state = state;
  record.started = !record.container.startupProbe;
  const complain = (error: Error) =>
    context.deps.log.warn({ container: name, error: error.message }, 'following a container');
  void started.handle.exited.then((exit) => ended(record, state, exit, context)).catch(complain);
  void afterStart(record, state, context).catch(complain);
  return undefined;
}

function failedToStart(record: ContainerRecord, again: boolean, error: unknown, context: LifeContext): number {
  const message = error instanceof Error ? error.message : String(error);
  const reason =
    error instanceof ConfigError
      ? 'CreateContainerConfigError'
      : error instanceof StartError
        ? error.reason
        : 'CreateContainerError';
  const isNew = record.state.is !== 'waiting' || record.state.reason !== reason || record.state.message !== message;
  if (isNew) context.emit('Warning', 'Failed', `Error: ${message}`);
  wasEnded(record);
  if (reason !== 'StartError') {
    record.state = { is: 'waiting', reason, message };
    return backOffFirst;
  }
  // The program could not be executed: that is an end of the container, with back-off like any other.
  const now = timestamp();
  if (again) {
    record.restarts += 1;
    record.backOff = record.backOff === 0 ? backOffFirst : Math.min(record.backOff * 2, backOffMost);
  }
  record.state = {
    is: 'terminated',
    code: 128,
    reason,
    message,
    startedAt: '1970-01-01T00:00:00Z',
    finishedAt: now,
    containerId: '',
  };
  return 0;
}

async function afterStart(record: ContainerRecord, state: Running, context: LifeContext): Promise<void> {
  const { container } = record;
  const target = { container, running: state.handle, podIp: context.sandbox.ip, userAgent: context.deps.userAgent };
  const hook = container.lifecycle?.postStart;
  if (hook && context.deps.runtime.name === 'linux') {
    const result = await runHandler(hook, target, 60_000);
    if (!result.ok) {
      context.emit('Warning', 'FailedPostStartHook', `PostStartHook failed: ${result.output}`);
      return stopContainer(record, context, gracePeriod(context), 'FailedPostStartHook');
    }
  }
  if (record.state !== state || state.stopping) return;
  if (context.deps.runtime.name === 'simulated') {
    record.started = true;
    record.ready = true;
    return context.changed();
  }
  state.stopProbes = startProbes(target, {
    started() {
      record.started = true;
      context.changed();
    },
    ready(is) {
      if (record.ready === is) return;
      record.ready = is;
      context.changed();
    },
    failed: (kind, output) => context.emit('Warning', 'Unhealthy', `${kind} probe failed: ${output}`),
    unhealthy(kind, probe) {
      context.emit(
        'Normal',
        'Killing',
        `Container ${container.name} failed ${kind.toLowerCase()} probe, will be restarted`,
      );
      void stopContainer(record, context, graceOf(probe, context), kind);
    },
  });
}

const gracePeriod = (context: LifeContext) => context.pod.spec?.terminationGracePeriodSeconds ?? 30;

const graceOf = (probe: Probe, context: LifeContext) => probe.terminationGracePeriodSeconds ?? gracePeriod(context);

async function ended(
  record: ContainerRecord,
  state: Running,
  exit: ContainerExit,
  context: LifeContext,
): Promise<void> {
  state.stopProbes();
  const failed = exit.code !== 0;
  const file = terminationFile(context.deps, context.pod, record.container.name);
  // Last words that cannot be read must not hide the end itself.
  const message = await terminationMessage(record.container, file, state.log, failed).catch(() => '');
  record.ready = false;
  record.started = false;
  record.state = {
    is: 'terminated',
    code: exit.code,
    reason: exit.oomKilled ? 'OOMKilled' : failed ? 'Error' : 'Completed',
    ...(message ? { message } : {}),
    startedAt: timestamp(state.handle.startedAt),
    finishedAt: timestamp(exit.finishedAt),
    containerId: record.containerId,
  };
  // One that has run well for long starts over with a short back-off (twice the longest one, as the kubelet).
  if (exit.finishedAt.getTime() - state.handle.startedAt.getTime() > 2 * backOffMost) record.backOff = 0;
  context.changed();
  await state.handle.remove();
}

/** Ends a container: preStop hook, SIGTERM, and SIGKILL when the grace period (in seconds) is over. Resolves when it has ended. */
export async function stopContainer(
  record: ContainerRecord,
  context: LifeContext,
  grace: number,
  why: string,
): Promise<void> {
  const { state, container } = record;
  if (state.is !== 'running') return;
  const { handle } = state;
  const deadline = Date.now() + grace * 1000;
  const killer = setTimeout(() => handle.signal('SIGKILL'), Math.max(0, deadline - Date.now()));
  try {
    if (!state.stopping) {
      state.stopping = true;
      state.stopProbes();
      if (why === 'Deleted') context.emit('Normal', 'Killing', `Stopping container ${container.name}`);
      const hook = container.lifecycle?.preStop;
      if (hook && grace > 0 && context.deps.runtime.name === 'linux') {
        const target = { container, running: handle, podIp: context.sandbox.ip, userAgent: context.deps.userAgent };
        const result = await runHandler(hook, target, Math.max(1, deadline - Date.now()));
        if (!result.ok) context.emit('Warning', 'FailedPreStopHook', `PreStopHook failed: ${result.output}`);
      }
      handle.signal('SIGTERM');
    }
    await handle.exited;
  } finally {
    clearTimeout(killer);
  }
}
