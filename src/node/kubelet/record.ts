import { timestamp } from '../../machinery/index.ts';
import type { NodeImage } from '../images.ts';
import type { LogFile } from '../logs/write-log.ts';
import type { Container, ContainerStateStatus, ContainerStatus, Pod, PodStatus, Resources } from '../pod.ts';
import type { ContainerUser, RunningContainer } from '../runtime.ts';

/** What the kubelet knows about one container of a pod. */
export interface ContainerRecord {
  container: Container;
  /**
   * An init container with restartPolicy Always is a sidecar: it starts in turn and goes on running. An ephemeral one is
   * added to a running pod to look at it, and starts once.
   */
  readonly kind: 'init' | 'sidecar' | 'main' | 'ephemeral';
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
  /** It has been started in the present sandbox. */
  ran: boolean;
  /** In the present sandbox, it let the next container start: an init container that is done, a sidecar that had started. */
  initialized: boolean;
  /** What it was started with. */
  resources: Resources | undefined;
  user: ContainerUser | undefined;
  /** A pull of its image that is under way, or whose outcome nobody has looked at yet. */
  pull: ImagePull | undefined;
  /** Its image was changed: it starts once more, whatever the restart policy says. */
  replaced: boolean;
}

export interface ImagePull {
  /** What is pulled. */
  name: string;
  outcome: { image: NodeImage } | { failure: string } | undefined;
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
  /** Settles once it has ended and its record says so. Never rejects. */
  over: Promise<void>;
  /** Ends its probes: all of them, or only those that could still end the container. */
  stopProbes: (which: 'all' | 'deadly') => void;
  /** Its postStart hook is under way. */
  hooking: boolean;
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

export function newRecord(container: Container, kind: ContainerRecord['kind'], reason: string): ContainerRecord {
  return {
    container,
    kind,
    state: { is: 'waiting', reason },
    last: undefined,
    restarts: 0,
    ready: false,
    started: false,
    imageId: '',
    image: container.image ?? '',
    containerId: '',
    backOff: 0,
    imageBackOff: undefined,
    ran: false,
    initialized: false,
    resources: undefined,
    user: undefined,
    pull: undefined,
    replaced: false,
  };
}

/** The records of a pod's containers in the order of its specification: those that are known already, and new ones. */
export function recordsOf(pod: Pod, known: readonly ContainerRecord[]): ContainerRecord[] {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const reason = initContainers.length > 0 ? 'PodInitializing' : 'ContainerCreating';
  const of = (container: Container, kind: ContainerRecord['kind']) =>
    known.find((record) => record.container.name === container.name) ?? newRecord(container, kind, reason);
  return [
    ...initContainers.map((each) => of(each, each.restartPolicy === 'Always' ? 'sidecar' : 'init')),
    ...containers.map((each) => of(each, 'main')),
    ...ephemeralContainers.map((each) => of(each, 'ephemeral')),
  ];
}

/** Takes over what an earlier Homeport wrote about containers. */
export function restoreRecords(records: readonly ContainerRecord[], status: PodStatus | undefined): void {
  const lists = [status?.initContainerStatuses, status?.containerStatuses, status?.ephemeralContainerStatuses];
  const known = lists.flatMap((list) => list ?? []);
  for (const record of records) {
    const before = known.find((each) => each.name === record.container.name);
    if (before) restoreRecord(record, before);
  }
}

/** Why a container is taken to have ended that nobody finds. */
export const unknownEnd = 'ContainerStatusUnknown';

/**
 * Takes over what an earlier Homeport wrote about a container. One that ran then has ended since, unless it is found to
 * be running still.
 */
function restoreRecord(record: ContainerRecord, status: ContainerStatus): void {
  record.restarts = status.restartCount;
  record.last = terminatedOf(status.lastState.terminated);
  if (status.state.terminated) {
    record.state = terminatedOf(status.state.terminated) ?? record.state;
  } else if (status.state.running) {
    record.state = {
      is: 'terminated',
      code: 137,
      reason: unknownEnd,
      message: 'The container could not be located when Homeport was started again',
      startedAt: status.state.running.startedAt,
      finishedAt: timestamp(),
      containerId: status.containerID ?? '',
    };
  } else return;
  record.started = status.started === true;
  record.ready = status.ready;
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
export function forgetSandbox(record: ContainerRecord): void {
  record.ran = false;
  record.initialized = false;
  record.started = false;
  record.ready = false;
  if (record.kind === 'main' || record.kind === 'ephemeral' || record.state.is !== 'terminated') return;
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
  const list = {
    main: 'containers',
    init: 'initContainers',
    sidecar: 'initContainers',
    ephemeral: 'ephemeralContainers',
  };
  return `spec.${list[kind]}{${container.name}}`;
}
