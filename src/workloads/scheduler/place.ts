import type { Pod } from '../types.ts';
import type { NodeState } from './cluster.ts';
import { type Refusal, refusalOf, scoreOf } from './filters.ts';
import { requestsOf } from './resources.ts';

/** The node for a pod, or why there is none, worded as kube-scheduler words it. */
export type Placement = { node: string } | { message: string };

export function place(pod: Pod, states: readonly NodeState[]): Placement {
  const requests = requestsOf(pod);
  const refusals: Refusal[] = [];
  let best: { state: NodeState; score: number } | undefined;
  for (const state of states) {
    const refusal = refusalOf(pod, requests, state);
    if (refusal) {
      refusals.push(refusal);
      continue;
    }
    const score = scoreOf(requests, state);
    if (!best || isBetter({ state, score }, best)) best = { state, score };
  }
  return best ? { node: best.state.node.metadata.name } : { message: explain(refusals) };
}

/** Of equals the node with fewer pods, so that pods that ask for nothing spread out too. */
function isBetter(a: { state: NodeState; score: number }, b: { state: NodeState; score: number }): boolean {
  const podsOn = ({ requested }: NodeState) => requested.get('pods') ?? 0;
  return a.score !== b.score ? a.score > b.score : podsOn(a.state) < podsOn(b.state);
}

function explain(refusals: readonly Refusal[]): string {
  const count = refusals.length;
  if (count === 0) return 'no nodes available to schedule pods';
  const reasons = tally(refusals.flatMap((refusal) => refusal.reasons));
  const helpless = refusals.map(({ final }) =>
    final ? 'Preemption is not helpful for scheduling' : 'No preemption victims found for incoming pod',
  );
  return `0/${count} nodes are available: ${reasons}. preemption: 0/${count} nodes are available: ${tally(helpless)}.`;
}

/** '1 Insufficient cpu, 2 Too many pods'. */
function tally(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}
