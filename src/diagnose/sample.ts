import { controllerOf, type KubeObject } from '../machinery/index.ts';
import { type HealthStatus, healthOf } from './health.ts';

/** Pods of one owner that are looked at: they come from one template, so what is wrong with one is wrong with its sisters. */
const podsOfOneOwner = 20;

const urgency: Record<HealthStatus, number> = {
  ...{ Degraded: 0, Missing: 0, Unknown: 1, Progressing: 2, Suspended: 3, Healthy: 4 },
};

/** Of many pods of one owner the worst, and of those the oldest; every other object. */
export function sample(objects: readonly KubeObject[]): readonly KubeObject[] {
  if (objects.length <= podsOfOneOwner) return objects;
  const chosen: KubeObject[] = [];
  for (const [owner, sisters] of Map.groupBy(objects, ownerOfPod)) {
    chosen.push(...(owner === undefined ? sisters : worst(sisters)));
  }
  return chosen;
}

/** The uid of what made a pod, '' for a pod of its own; undefined for what is no pod. */
function ownerOfPod(object: KubeObject): string | undefined {
  return object.kind === 'Pod' && object.apiVersion === 'v1' ? (controllerOf(object)?.uid ?? '') : undefined;
}

function worst(pods: readonly KubeObject[]): KubeObject[] {
  if (pods.length <= podsOfOneOwner) return [...pods];
  return pods
    .map((pod) => ({ pod, rank: urgency[healthOf(pod).status], born: pod.metadata.creationTimestamp ?? '' }))
    .sort((a, b) => a.rank - b.rank || (a.born < b.born ? -1 : a.born > b.born ? 1 : 0))
    .slice(0, podsOfOneOwner)
    .map(({ pod }) => pod);
}
