import { timestamp } from '../../machinery/index.ts';
import type { LogFile } from '../logs/write-log.ts';
import type { Container, ContainerStateStatus, ContainerStatus } from '../pod.ts';
import type { RunningContainer } from '../runtime.ts';

/** What the kubelet knows about one container of a pod. */
export interface ContainerRecord {
  container: Container;
  /** An init container with restartPolicy Always is a sidecar: it starts in turn and goes on running. */
  readonly kind: 'init' | 'sidecar' | 'main';
  state: ContainerState;
  /** How it ended the last time, once it was started again. */
  last: Terminated | undefined;
  restarts: number;
  ready: boolean;
  started: boolean;
  imageId: string;
  /** The reference that the status shows. */
  image: string;
  containerId: string;
  /** Milliseconds to wait after an end before the next start; 0 before the first restart. */
  backOff: number;
  imageBackOff: { delay: number; until: number; failure: string } | undefined;
  /** Its image was changed: it starts once more, whatever the restart policy says. */
  replaced: boolean;
}

export type ContainerState = Waiting | Running | Terminated;

export interface Waiting {
  is: 'waiting';
  reason: string;
  message?: string;
}

export interface Running {
  is: 'running';
  handle: RunningContainer;
  log: LogFile | undefined;
  stopProbes: () => void;
  /** Set when it is being ended. */
  stopping: boolean;
}

export interface Terminated {
  is: 'terminated';
  code: number;
  reason: string;
  message?: string;
  startedAt?: string;
  finishedAt: string;
  containerId: string;
}

export function newRecord(container: Container, kind: ContainerRecord['kind']): ContainerRecord {
  return {
    container,
    kind,
    state: { is: 'waiting', reason: kind === 'main' ? 'ContainerCreating' : 'PodInitializing' },
    last: undefined,
    restarts: 0,
    ready: false,
    started: false,
    imageId: '',
    image: container.image ?? '',
    containerId: '',
    backOff: 0,
    imageBackOff: undefined,
    replaced: false,
  };
}

/**
 * Takes over what an earlier Homeport wrote about a container: its processes went with that one, so one that ran then
 * has ended since.
 */
export function restoreRecord(record: ContainerRecord, status: ContainerStatus): void {
  record.restarts = status.restartCount;
  record.last = terminatedOf(status.lastState.terminated);
  if (status.state.terminated) {
    record.state = terminatedOf(status.state.terminated) ?? record.state;
  } else if (status.state.running) {
    record.state = {
      is: 'terminated',
      code: 137,
      reason: 'ContainerStatusUnknown',
      message: 'The container could not be located when Homeport was started again',
      startedAt: status.state.running.startedAt,
      finishedAt: timestamp(),
      containerId: status.containerID ?? '',
    };
  } else return;
  record.imageId = status.imageID;
  record.image = status.image;
  record.containerId = status.containerID ?? '';
}

function terminatedOf(state: ContainerStateStatus['terminated']): Terminated | undefined {
  if (!state) return undefined;
  return {
    is: 'terminated',
    code: state.exitCode,
    reason: state.reason ?? 'Error',
    ...(state.message ? { message: state.message } : {}),
    ...(state.startedAt ? { startedAt: state.startedAt } : {}),
    finishedAt: state.finishedAt ?? timestamp(),
    containerId: state.containerID ?? '',
  };
}

/**
 * The sandbox is made anew, and what an init container did in the old one went with it: it runs once more (the kubelet's
 * computePodActions). That is no restart of a program that failed.
 */
export function forgetInit(record: ContainerRecord): void {
  if (record.kind === 'main' || record.state.is !== 'terminated') return;
  record.last = record.state;
  record.state = { is: 'waiting', reason: 'PodInitializing' };
  record.backOff = 0;
}

/** An init container that has done its part. Only such a one is ready after its end. */
export function isCompleted({ kind, state }: ContainerRecord): boolean {
  return kind === 'init' && state.is === 'terminated' && state.code === 0;
}

/** Where the container stands in its pod, as Events about it say it. */
export function fieldPathOf({ kind, container }: ContainerRecord): string {
  return `spec.${kind === 'main' ? 'containers' : 'initContainers'}{${container.name}}`;
}

/** The containerStatuses entry of a record. */
export function statusOf(record: ContainerRecord): ContainerStatus {
  const { container, state } = record;
  return {
    name: container.name,
    image: record.image,
    imageID: record.imageId,
    ...(record.containerId ? { containerID: record.containerId } : {}),
    state: stateStatus(state),
    lastState: record.last ? stateStatus(record.last) : {},
    ready: record.ready || isCompleted(record),
    started: record.started,
    restartCount: record.restarts,
  };
}

function stateStatus(state: ContainerState): ContainerStateStatus {
  if (state.is === 'waiting')
    return { waiting: { reason: state.reason, ...(state.message ? { message: state.message } : {}) } };
  if (state.is === 'running') return { running: { startedAt: timestamp(state.handle.startedAt) } };
  const { code, reason, message, startedAt, finishedAt, containerId } = state;
  return {
    terminated: {
      exitCode: code,
      reason,
      ...(message ? { message } : {}),
      ...(startedAt ? { startedAt } : {}),
      finishedAt,
      ...(containerId ? { containerID: containerId } : {}),
    },
  };
}
