import type { ReconcileResult } from '../client/index.ts';
import type { Container, Pod } from './types.ts';

/** Neither finished nor on its way out: a pod that counts as a replica. */
export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && !pod.metadata.deletionTimestamp;
}

/** Succeeded or Failed: its containers will not run again. */
export function isFinished(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return phase === 'Succeeded' || phase === 'Failed';
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** The init containers that go on running beside the others. */
export function sidecarsOf({ spec }: Pod): Container[] {
  return (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
}

/** Those that run for as long as the pod does. */
export function lastingContainers(pod: Pod): Container[] {
  return [...(pod.spec?.containers ?? []), ...sidecarsOf(pod)];
}

/** When the pod became ready, in milliseconds since the epoch; undefined if it is not. */
export function readySince(pod: Pod): number | undefined {
  const condition = pod.status?.conditions?.find(({ type, status }) => type === 'Ready' && status === 'True');
  return condition ? Date.parse(condition.lastTransitionTime ?? '') || 0 : undefined;
}

/** In how many milliseconds the pod will have been ready for `minReadySeconds`: 0 if it has, undefined if not ready. */
export function availableIn(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  const since = readySince(pod);
  if (since === undefined) return undefined;
  return minReadySeconds === 0 ? 0 : Math.max(0, since + minReadySeconds * 1000 - now);
}

/** Comes back when the next ready pod will have been ready for long enough to count as available. */
export function nextAvailability(
  pods: readonly Pod[],
  minReadySeconds: number,
  now: number,
): ReconcileResult | undefined {
  const waits = pods.map((pod) => availableIn(pod, minReadySeconds, now) ?? 0).filter((wait) => wait > 0);
  return waits.length > 0 ? { requeueAfter: Math.min(...waits) } : undefined;
}
