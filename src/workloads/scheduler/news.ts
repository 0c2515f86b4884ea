import { isFinished } from '../pods.ts';
import type { Node, Pod } from '../types.ts';

/** The spec.schedulerName of the pods that this scheduler places, and its name in Events. */
export const schedulerName = 'default-scheduler';

/** Whether a pod is ours to place, and may be placed now. */
export function isPending(pod: Pod): boolean {
  const { nodeName, schedulerName: wanted = schedulerName, schedulingGates } = pod.spec ?? {};
  const gated = (schedulingGates?.length ?? 0) > 0;
  return !nodeName && wanted === schedulerName && !gated && !pod.metadata.deletionTimestamp && !isFinished(pod);
}

/** A change of status is no reason to look again: what would help is a change elsewhere. */
export function isNews(pod: Pod, old: Pod | undefined): boolean {
  if (!old || old.metadata.uid !== pod.metadata.uid || !isPending(old)) return true;
  return (
    JSON.stringify(old.spec) !== JSON.stringify(pod.spec) ||
    JSON.stringify(old.metadata.labels) !== JSON.stringify(pod.metadata.labels)
  );
}

/** Heartbeats change a node's status all the time; only what a plugin reads may help a waiting pod. */
export function isRelevantChange(node: Node, old: Node): boolean {
  const read = ({ metadata, spec, status }: Node) => [
    metadata.labels,
    spec?.unschedulable,
    spec?.taints,
    status?.allocatable,
    status?.images,
    status?.conditions?.find(({ type }) => type === 'Ready')?.status,
  ];
  return JSON.stringify(read(node)) !== JSON.stringify(read(old));
}
