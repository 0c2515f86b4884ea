import type { Refusal } from './plugin.ts';

/** What a plugin's refusal of all nodes says when there is nothing that could be taken back for the pod's sake. */
const noClaims = 'no new claims to deallocate';

/** Nodes that were not looked at, because the pod asked for others by name. */
export interface Unseen {
  readonly count: number;
  readonly plugin: string;
}

/** Why no node takes a pod, in kube-scheduler's words (framework FitError). */
export function explainRefusals(refusals: Iterable<Refusal>, nodes: number, unseen?: Unseen): string {
  const reasons = new Map<string, number>();
  for (const refusal of refusals) {
    for (const reason of refusal.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  if (unseen && unseen.count > 0) reasons.set(`node(s) didn't satisfy plugin(s) [${unseen.plugin}]`, unseen.count);
  return `0/${nodes} nodes are available: ${tally(reasons)}.`;
}

/** The same when the pod was refused before any node was looked at. */
export function explainRefusal({ reasons }: Refusal, nodes: number): string {
  return `0/${nodes} nodes are available: ${reasons.join(', ')}. not found`;
}

/** What is added when other pods cannot be made to give way either. */
export function withPreemption(message: string, why: string): string {
  return `${message} ${noClaims}, preemption: ${why}`;
}

/** '1 Insufficient cpu, 2 Too many pods': sorted as texts, as upstream sorts them. */
function tally(reasons: ReadonlyMap<string, number>): string {
  return [...reasons]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}
