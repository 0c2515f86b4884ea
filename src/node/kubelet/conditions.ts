import { type Condition, timestamp } from '../../machinery/index.ts';
import type { Pod } from '../pod.ts';
import type { Reported } from './phase.ts';

/** The conditions of a pod that are the kubelet's to write (its status/generate.go), from its containers' statuses. */
export function conditionsOf(
  pod: Pod,
  containers: readonly Reported[],
  facts: { phase: string; hasSandbox: boolean },
): Condition[] {
  const ready = containersReady(containers, facts.phase);
  const own = [
    facts.hasSandbox ? isTrue('PodReadyToStartContainers') : notTrue('PodReadyToStartContainers'),
    initialized(containers, facts.phase),
    podReady(pod, ready),
    ready,
    isTrue('PodScheduled'),
  ];
  return merge(pod, own);
}

function initialized(containers: readonly Reported[], phase: string): Condition {
  if (phase === 'Succeeded') return { ...isTrue('Initialized'), reason: 'PodCompleted' };
  const before = containers.filter(({ record }) => record.kind === 'init' || record.kind === 'sidecar');
  const incomplete = names(
    before.filter(({ record, status }) => (record.kind === 'init' ? !status.ready : !status.started)),
  );
  const begun = containers.some(({ record }) => record.kind === 'main' && record.ran);
  if (begun || incomplete === '') return isTrue('Initialized');
  return notTrue('Initialized', 'ContainersNotInitialized', `containers with incomplete status: ${incomplete}`);
}

function containersReady(containers: readonly Reported[], phase: string): Condition {
  if (phase === 'Succeeded') return notTrue('ContainersReady', 'PodCompleted');
  if (phase === 'Failed') return notTrue('ContainersReady', 'PodFailed');
  const unready = names(
    containers.filter(({ record, status }) => (record.kind === 'main' || record.kind === 'sidecar') && !status.ready),
  );
  if (unready === '') return isTrue('ContainersReady');
  return notTrue('ContainersReady', 'ContainersNotReady', `containers with unready status: ${unready}`);
}

function podReady(pod: Pod, ready: Condition): Condition {
  if (ready.status !== 'True') return { ...ready, type: 'Ready' };
  const problems = (pod.spec?.readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = pod.status?.conditions?.find((condition) => condition.type === conditionType);
    if (!found) return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    if (found.status === 'True') return [];
    return [`the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`];
  });
  return problems.length === 0 ? isTrue('Ready') : notTrue('Ready', 'ReadinessGatesNotReady', problems.join(', '));
}

const names = (some: readonly Reported[]) =>
  some.length === 0 ? '' : `[${some.map(({ record }) => record.container.name).join(' ')}]`;

const isTrue = (type: string): Condition => ({ type, status: 'True' });

const notTrue = (type: string, reason = '', message = ''): Condition => ({
  type,
  status: 'False',
  ...(reason ? { reason } : {}),
  ...(message ? { message } : {}),
});

/** Conditions of others stay, and a condition's time changes only with its status. */
function merge(pod: Pod, own: readonly Condition[]): Condition[] {
  const present = pod.status?.conditions ?? [];
  const { generation } = pod.metadata;
  const now = timestamp();
  const others = present.filter((condition) => !own.some((mine) => mine.type === condition.type));
  const mine = own.map((condition) => {
    const before = present.find((each) => each.type === condition.type);
    const same = before?.status === condition.status;
    return {
      ...condition,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      lastTransitionTime: (same && before?.lastTransitionTime) || now,
    };
  });
  return [...others, ...mine];
}
