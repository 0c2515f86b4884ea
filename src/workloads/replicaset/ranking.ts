import { isReady, readySince } from '../pods.ts';
import type { Pod } from '../types.ts';

const phaseOrder: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };
const deletionCost = 'controller.kubernetes.io/pod-deletion-cost';

interface Ranked {
  pod: Pod;
  assigned: boolean;
  phase: number;
  ready: boolean;
  cost: number;
  /** Ready pods of the same owner on the pod's node. */
  neighbours: number;
  readySince: number;
  restarts: number;
  created: number;
}

/**
 * The pods to delete first when there are `count` too many, in the order that ReplicaSets promise: unassigned, pending,
 * not ready, cheap to delete, doubled up on a node, ready for a shorter time, restarted more often, younger. Times are
 * compared by order of magnitude, so that not always the youngest pods pay (KEP-2185).
 * @param related the active pods of all ReplicaSets with the same owner, for counting those on one node.
 */
export function podsToDelete(active: readonly Pod[], related: readonly Pod[], count: number, now = Date.now()): Pod[] {
  if (count >= active.length) return [...active];
  const readyOnNode = new Map<string, number>();
  for (const pod of related) {
    const node = pod.spec?.nodeName;
    if (node && isReady(pod)) readyOnNode.set(node, (readyOnNode.get(node) ?? 0) + 1);
  }
  const ranked = active.map((pod) => rank(pod, readyOnNode));
  ranked.sort((a, b) => compare(a, b, now));
  return ranked.slice(0, count).map(({ pod }) => pod);
}

/** How far a pod has come. */
export function rank(pod: Pod, readyOnNode: ReadonlyMap<string, number>): Ranked {
  const node = pod.spec?.nodeName ?? '';
  const since = readySince(pod);
  const cost = Number(pod.metadata.annotations?.[deletionCost] ?? 0);
  const restarts = (pod.status?.containerStatuses ?? []).map((container) => container.restartCount ?? 0);
  return {
    pod,
    assigned: node !== '',
    phase: phaseOrder[pod.status?.phase ?? 'Pending'] ?? 0,
    ready: since !== undefined,
    cost: Number.isInteger(cost) ? cost : 0,
    neighbours: readyOnNode.get(node) ?? 0,
    readySince: since ?? 0,
    restarts: Math.max(0, ...restarts),
    created: Date.parse(pod.metadata.creationTimestamp ?? '') || 0,
  };
}

/** Negative if `a` goes first. */
function compare(a: Ranked, b: Ranked, now: number): number {
  return (
    Number(a.assigned) - Number(b.assigned) ||
    a.phase - b.phase ||
    Number(a.ready) - Number(b.ready) ||
    a.cost - b.cost ||
    b.neighbours - a.neighbours ||
    (a.readySince === b.readySince ? 0 : magnitude(a.readySince, now) - magnitude(b.readySince, now)) ||
    b.restarts - a.restarts ||
    magnitude(a.created, now) - magnitude(b.created, now) ||
    ((a.pod.metadata.uid ?? '') < (b.pod.metadata.uid ?? '') ? -1 : 1)
  );
}

/** The order of magnitude of an age, as a power of two. */
function magnitude(at: number, now: number): number {
  return at >= now ? -1 : Math.floor(Math.log2(now - at));
}
