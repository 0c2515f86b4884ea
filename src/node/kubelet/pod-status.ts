import type { ContainerStatus, Pod, PodStatus } from '../pod.ts';
import { conditionsOf } from './conditions.ts';
import { statusOf } from './container-status.ts';
import { phaseOf, type Reported } from './phase.ts';
import type { ContainerRecord } from './record.ts';

export interface PodFacts {
  pod: Pod;
  /** All of the pod's containers, in the order of its specification. */
  records: readonly ContainerRecord[];
  /** While there is a sandbox. */
  hasSandbox: boolean;
  podIp: string | undefined;
  hostIp: string;
  startTime: string;
  /** Set when the pod as a whole was given up or refused. */
  failure: { reason: string; message: string } | undefined;
  /** What has ended does not start again. */
  terminal: boolean;
}

/** The whole status that the node writes, from what it knows (the kubelet's generateAPIPodStatus). */
export function podStatus(facts: PodFacts): PodStatus {
  const { pod, podIp, hostIp, failure } = facts;
  const all = facts.records.map((record): Reported => ({ record, status: statusOf(record) }));
  const of = (...kinds: ContainerRecord['kind'][]) =>
    all.filter(({ record }) => kinds.includes(record.kind)).map(({ status }) => status);
  const inits = of('init', 'sidecar');
  const ephemeral = of('ephemeral').sort(byName);
  const phase = failure ? 'Failed' : (keptPhase(pod) ?? phaseOf(pod, all, facts.terminal));
  return {
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase,
    conditions: conditionsOf(pod, all, { phase, hasSandbox: facts.hasSandbox }),
    ...(failure ?? {}),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    ...(podIp ? { podIP: podIp, podIPs: [{ ip: podIp }] } : {}),
    startTime: facts.startTime,
    ...(inits.length > 0 ? { initContainerStatuses: inits } : {}),
    containerStatuses: of('main').sort(byName),
    ...(ephemeral.length > 0 ? { ephemeralContainerStatuses: ephemeral } : {}),
    qosClass: pod.status?.qosClass ?? qosClass(pod),
  };
}

const byName = (a: ContainerStatus, b: ContainerStatus) => (a.name < b.name ? -1 : 1);

/** A pod never leaves a phase that is an end. */
function keptPhase(pod: Pod) {
  const phase = pod.status?.phase;
  return phase === 'Succeeded' || phase === 'Failed' ? phase : undefined;
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
