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
import { seccompOf } from './refuse.ts';
import { ConfigError, type Started, startContainer, statusImage, terminationFile } from './start-container.ts';
import { failedHook, gracePeriod, type LifeContext, longest, stopContainer, targetOf } from './stop-container.ts';

/**
 * Brings a container to run if it should and may now.
 * @returns after how many milliseconds to try again, or undefined when only a change makes a difference.
 */
export async function ensureRunning(record: ContainerRecord, context: LifeContext): Promise<number | undefined> {
  if (record.state.is === 'running') return undefined;
  const wait = restartDelay(record, context);
  if (wait > 0) return wait;
  const found = await findImage(record, context);
  if ('pulling' in found) return undefined;
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
  if (again) countRestart(record);
  context.emit('Normal', 'Created', `Created container: ${name}`);
  context.emit('Normal', 'Started', `Started container ${name}`);
  warnOfMissingFilter(record, context);
  Object.assign(record, statusImage(image));
  record.containerId = `homeport://${started.handle.id}`;
  record.resources = record.container.resources ?? {};
  record.user = started.user;
  record.ran = true;
  follow(record, { handle: started.handle, log: started.log }, context, { hooked: false, started: false });
  return undefined;
}

/**
 * Follows a container that runs to its end: its hook, its probes, its exit.
 * @param known what is behind it already, when it was running before the node was started again
 */
export function follow(
  record: ContainerRecord,
  started: Pick<Running, 'handle' | 'log'>,
  context: LifeContext,
  known: { hooked: boolean; started: boolean },
): void {
  const { lifecycle, startupProbe, name } = record.container;
  const hooking = !known.hooked && lifecycle?.postStart !== undefined && context.deps.runtime.runsPrograms;
  const complain = (error: Error) =>
    context.deps.log.warn({ container: name, error: error.message }, 'following a container');
  const over = Promise.withResolvers<void>();
  const state: Running = {
    is: 'running',
    ...started,
    over: over.promise,
    stopProbes: () => undefined,
    hooking,
    stopping: false,
  };
  record.state = state;
  record.started = !hooking && (known.started || !startupProbe);
  void started.handle.exited
    .then((exit) => ended(record, state, exit, context))
    .catch(complain)
    .finally(over.resolve);
  void afterStart(record, state, context, known).catch(complain);
}

/** Nobody may take a container to be shielded that is not. */
function warnOfMissingFilter({ container }: ContainerRecord, { deps, pod, emit }: LifeContext): void {
  if (!deps.runtime.runsPrograms || deps.runtime.filtersSystemCalls || seccompOf(pod, container) !== 'RuntimeDefault')
    return;
  const message = `Container ${container.name} runs without the seccomp profile RuntimeDefault: this node does not filter system calls`;
  emit('Warning', 'SeccompNotEnforced', message);
}

function countRestart(record: ContainerRecord): void {
  record.restarts += 1;
  record.backOff = record.backOff === 0 ? backOffFirst : Math.min(record.backOff * 2, backOffMost);
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
  if (again) countRestart(record);
  record.ran = true;
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

async function afterStart(
  record: ContainerRecord,
  state: Running,
  context: LifeContext,
  known: { started: boolean },
): Promise<void> {
  const { container } = record;
  if (state.hooking && !(await ranPostStart(record, state, context))) return;
  if (record.state !== state || state.stopping) return;
  if (!context.deps.runtime.runsPrograms) {
    record.started = true;
    record.ready = record.kind !== 'init' && record.kind !== 'ephemeral';
    return context.changed();
  }
  if (record.kind === 'init' || record.kind === 'ephemeral') return context.changed();
  const target = targetOf(record, state, context, 'probe');
  const listener = {
    started() {
      record.started = true;
      context.changed();
    },
    ready(is: boolean) {
      if (record.ready === is) return;
      record.ready = is;
      context.changed();
    },
    said(kind: string, outcome: 'warning' | 'failure' | 'error', output: string) {
      const words = {
        warning: `${kind} probe warning: ${output}`,
        failure: `${kind} probe failed: ${output}`,
        error: `${kind} probe errored and resulted in unknown state: ${output}`,
      };
      context.emit('Warning', outcome === 'warning' ? 'ProbeWarning' : 'Unhealthy', words[outcome]);
    },
    unhealthy(kind: 'Liveness' | 'Startup', probe: Probe) {
      const restarts = record.kind === 'main' && context.pod.spec?.restartPolicy !== 'Never';
      const what = `${record.kind === 'sidecar' ? 'Init container' : 'Container'} ${container.name}`;
      const message = `${what} failed ${kind.toLowerCase()} probe${restarts ? ', will be restarted' : ''}`;
      void stopContainer(record, context, probe.terminationGracePeriodSeconds ?? gracePeriod(context), message);
    },
  };
  state.stopProbes = startProbes(target, listener, state.handle.startedAt, known);
}

/** Runs the postStart hook; a container whose hook fails is ended. */
async function ranPostStart(record: ContainerRecord, state: Running, context: LifeContext): Promise<boolean> {
  const { container } = record;
  const hook = container.lifecycle?.postStart ?? {};
  const result = await runHandler(hook, targetOf(record, state, context, 'lifecycle'), longest);
  state.hooking = false;
  if (!failedHook(hook, result)) {
    record.started = !container.startupProbe;
    context.changed();
    return true;
  }
  if (record.state === state) {
    // What it said may hold secrets, and is for no Event.
    context.emit('Warning', 'FailedPostStartHook', 'PostStartHook failed');
    await stopContainer(record, context, gracePeriod(context), 'FailedPostStartHook');
  }
  return false;
}

async function ended(
  record: ContainerRecord,
  state: Running,
  exit: ContainerExit,
  context: LifeContext,
): Promise<void> {
  state.stopProbes('all');
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
  // Nobody waits for what it leaves behind: the record is what is told.
  void state.handle.remove().catch((error: Error) => {
    context.deps.log.warn({ container: record.container.name, error: error.message }, 'removing a container');
  });
}
