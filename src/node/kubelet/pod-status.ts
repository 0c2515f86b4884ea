import { type Condition, timestamp } from '../../machinery/index.ts';
import type { Pod, PodStatus } from '../pod.ts';
import { type ContainerRecord, isCompleted, statusOf } from './record.ts';

export interface PodFacts {
  pod: Pod;
  inits: readonly ContainerRecord[];
  mains: readonly ContainerRecord[];
  podIp: string | undefined;
  hostIp: string;
  startTime: string;
  /** Set when the pod as a whole was given up or refused. */
  failure: { reason: string; message: string } | undefined;
  terminating: boolean;
}

/**
 * The whole status that the node writes, from what it knows (the kubelet's generateAPIPodStatus). Conditions of others
 * (PodScheduled, readiness gates) stay, and a condition's time changes only with its status.
 */
export function podStatus(facts: PodFacts): PodStatus {
  const { pod, inits, mains, podIp, hostIp, failure } = facts;
  const phase = failure ? 'Failed' : phaseOf(facts);
  const conditions = mergeConditions(pod.status?.conditions ?? [], conditionsOf(facts, phase));
  return {
    phase,
    conditions,
    ...(failure ?? {}),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    ...(podIp ? { podIP: podIp, podIPs: [{ ip: podIp }] } : {}),
    startTime: facts.startTime,
    ...(inits.length > 0 ? { initContainerStatuses: inits.map(statusOf) } : {}),
    containerStatuses: mains.map(statusOf),
    qosClass: pod.status?.qosClass ?? qosClass(pod),
  };
}

/** An init container that has done its part. */
export function isInitialized(record: ContainerRecord): boolean {
  if (record.kind === 'sidecar') return record.started || record.state.is === 'terminated';
  return isCompleted(record);
}

function phaseOf({ pod, inits, mains }: PodFacts): NonNullable<PodStatus['phase']> {
  const policy = pod.spec?.restartPolicy ?? 'Always';
  const failedInit = inits.some(
    (record) => record.kind === 'init' && record.state.is === 'terminated' && record.state.code !== 0,
  );
  if (failedInit && policy === 'Never') return 'Failed';
  const neverStarted = mains.some((record) => record.state.is === 'waiting' && !record.last);
  if (neverStarted) return 'Pending';
  if (mains.some((record) => record.state.is === 'running') || policy === 'Always') return 'Running';
  const ends = mains.map((record) => (record.state.is === 'terminated' ? record.state : record.last));
  if (ends.every((end) => end?.code === 0)) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

function conditionsOf(facts: PodFacts, phase: string): Condition[] {
  const { pod, inits, mains, podIp } = facts;
  const over = phase === 'Succeeded' ? 'PodCompleted' : phase === 'Failed' ? 'PodFailed' : undefined;
  const uninitialized = names(inits.filter((record) => !isInitialized(record)));
  const unready = names(mains.filter((record) => !record.ready));
  const containersReady = over
    ? notTrue('ContainersReady', over, '')
    : unready
      ? notTrue('ContainersReady', 'ContainersNotReady', `containers with unready status: ${unready}`)
      : isTrue('ContainersReady');
  return [
    podIp ? isTrue('PodReadyToStartContainers') : notTrue('PodReadyToStartContainers', '', ''),
    uninitialized && phase !== 'Succeeded'
      ? notTrue('Initialized', 'ContainersNotInitialized', `containers with incomplete status: ${uninitialized}`)
      : { ...isTrue('Initialized'), ...(phase === 'Succeeded' ? { reason: 'PodCompleted' } : {}) },
    ready(pod, containersReady),
    containersReady,
    isTrue('PodScheduled'),
  ];
}

function ready(pod: Pod, containersReady: Condition): Condition {
  if (containersReady.status !== 'True') return { ...containersReady, type: 'Ready' };
  const closed = (pod.spec?.readinessGates ?? []).find(
    ({ conditionType }) =>
      pod.status?.conditions?.find((condition) => condition.type === conditionType)?.status !== 'True',
  );
  if (!closed) return isTrue('Ready');
  return notTrue(
    'Ready',
    'ReadinessGatesNotReady',
    `the status of pod readiness gate "${closed.conditionType}" is not "True"`,
  );
}

const names = (records: readonly ContainerRecord[]) =>
  records.length === 0 ? '' : `[${records.map((record) => record.container.name).join(' ')}]`;

const isTrue = (type: string): Condition => ({ type, status: 'True' });

const notTrue = (type: string, reason: string, message: string): Condition => ({
  type,
  status: 'False',
  ...(reason ? { reason } : {}),
  ...(message ? { message } : {}),
});

function mergeConditions(present: readonly Condition[], own: readonly Condition[]): Condition[] {
  const now = timestamp();
  const others = present.filter((condition) => !own.some((mine) => mine.type === condition.type));
  const mine = own.map((condition) => {
    const before = present.find((each) => each.type === condition.type);
    const same = before?.status === condition.status;
    // What the scheduler says about the pod is its own.
    if (condition.type === 'PodScheduled' && same && before) return before;
    return { ...condition, lastTransitionTime: (same && before?.lastTransitionTime) || now };
  });
  return [...mine, ...others];
}

function qosClass(pod: Pod): string {
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].map(
    (container) => container.resources ?? {},
  );
  if (all.every(({ limits = {}, requests = {} }) => Object.keys(limits).length + Object.keys(requests).length === 0))
    return 'BestEffort';
  const guaranteed = all.every(({ limits = {}, requests = {} }) =>
    ['cpu', 'memory'].every(
      (name) => limits[name] !== undefined && String(requests[name] ?? limits[name]) === String(limits[name]),
    ),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
