import { type Condition, timestamp } from '../../machinery/index.ts';
import type { Container, Pod } from '../pod.ts';

/** The status of a pod that runs as well as can be, without running: every container has started and is ready. */
export function runningStatus(pod: Pod, podIP: string, hostIP: string): Record<string, unknown> {
  const now = timestamp();
  const { containers = [], initContainers = [], readinessGates = [] } = pod.spec ?? {};
  const present = pod.status?.conditions ?? [];
  const isMet = (type: string) => present.some((each) => each.type === type && each.status === 'True');
  const closed = readinessGates.find(({ conditionType }) => !isMet(conditionType))?.conditionType;
  const made: Condition[] = [
    { type: 'PodReadyToStartContainers', status: 'True' },
    { type: 'Initialized', status: 'True' },
    readyCondition(closed),
    { type: 'ContainersReady', status: 'True' },
  ];
  const own = made.map((condition) => {
    const before = present.find(({ type }) => type === condition.type);
    const since = before?.status === condition.status ? before.lastTransitionTime : undefined;
    return { ...condition, lastTransitionTime: since ?? now };
  });
  const others = present.filter(({ type }) => !own.some((condition) => condition.type === type));
  return {
    phase: 'Running',
    conditions: [...own, ...others],
    hostIP,
    hostIPs: [{ ip: hostIP }],
    podIP,
    podIPs: [{ ip: podIP }],
    startTime: pod.status?.startTime ?? now,
    containerStatuses: containers.map((container) => containerStatus(container, now)),
    ...(initContainers.length === 0
      ? {}
      : { initContainerStatuses: initContainers.map((container) => containerStatus(container, now, true)) }),
  };
}

function readyCondition(closedGate: string | undefined): Condition {
  if (closedGate === undefined) return { type: 'Ready', status: 'True' };
  return {
    type: 'Ready',
    status: 'False',
    reason: 'ReadinessGatesNotReady',
    message: `the status of pod readiness gate "${closedGate}" is not "True"`,
  };
}

/** Sidecars run on; other init containers have done their part. */
function containerStatus({ name, image = '', restartPolicy }: Container, now: string, init = false) {
  const terminated = { exitCode: 0, reason: 'Completed', startedAt: now, finishedAt: now };
  const isOver = init && restartPolicy !== 'Always';
  return {
    name,
    image,
    imageID: '',
    state: isOver ? { terminated } : { running: { startedAt: now } },
    lastState: {},
    ready: true,
    started: !isOver,
    restartCount: 0,
  };
}
