import { rank } from '../replicaset/ranking.ts';
import type { Pod } from '../types.ts';
import { indexOf } from './pods.ts';
import type { JobSpec } from './types.ts';

/**
 * The active pods to delete when there are at least `excess` too many. Of an Indexed job these are first of all the pods
 * without an index that the job has, and all but one of each index.
 */
export function podsToRemove(spec: JobSpec, active: readonly Pod[], excess: number): Pod[] {
  const { misplaced, left } =
    spec.completionMode === 'Indexed' ? sortOut(spec, active) : { misplaced: [], left: active };
  const more = Math.max(0, excess - misplaced.length);
  return [...misplaced, ...(more > 0 ? earliestStages(left).slice(0, more) : [])];
}

function sortOut({ completions = 0 }: JobSpec, active: readonly Pod[]): { misplaced: Pod[]; left: Pod[] } {
  const misplaced: Pod[] = [];
  const left: Pod[] = [];
  for (const [index, pods] of Map.groupBy(active, indexOf)) {
    const inOrder = earliestStages(pods);
    if (index !== undefined && index < completions) left.push(...inOrder.splice(-1));
    misplaced.push(...inOrder);
  }
  return { misplaced, left };
}

/** Those that have come the least far first (controller.ActivePods upstream). */
function earliestStages(pods: readonly Pod[]): Pod[] {
  const ranked = pods.map((pod) => rank(pod, new Map()));
  ranked.sort(
    (a, b) =>
      Number(a.assigned) - Number(b.assigned) ||
      a.phase - b.phase ||
      Number(a.ready) - Number(b.ready) ||
      b.readySince - a.readySince ||
      b.restarts - a.restarts ||
      b.created - a.created,
  );
  return ranked.map(({ pod }) => pod);
}
