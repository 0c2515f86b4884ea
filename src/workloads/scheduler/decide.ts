import type { PodDisruptionBudget } from './budgets.ts';
import type { Cluster } from './cluster.ts';
import { explainRefusal, explainRefusals, withPreemption } from './explain.ts';
import type { NodeInfo } from './node-info.ts';
import type { Placer, Unplaced } from './placer.ts';
import type { PodInfo } from './pod-info.ts';
import { preempt } from './preemption.ts';

/** What is to be done about a pod: put it on a node, or say why not and perhaps make room for it. */
export type Outcome = { readonly node: NodeInfo } | Rejection;

export interface Rejection {
  readonly message: string;
  /** The plugins that refused it; all of them when there are no nodes. */
  readonly refusedBy: ReadonlySet<string>;
  /** Where room is to be made, and by whom. null if the pod is not to wait for any node, undefined if that stays as it is. */
  readonly room?: { readonly node: string; readonly victims: readonly PodInfo[] } | null;
}

/** Decides about a pod, without doing anything about it. */
export function decide(
  pod: PodInfo,
  placer: Placer,
  cluster: Cluster,
  budgets: () => readonly PodDisruptionBudget[],
): Outcome {
  const decision = placer.place(pod);
  if ('node' in decision) return decision;
  const count = cluster.nodes.length;
  if (count === 0) return { message: 'no nodes available to schedule pods', refusedBy: placer.pluginNames };
  const refusedBy = pluginsOf(decision);
  if (decision.refusal) return { message: explainRefusal(decision.refusal, count), refusedBy };
  const unseen = { plugin: decision.leftOutBy ?? '', count: decision.leftOutBy ? count - decision.refusals.size : 0 };
  const message = explainRefusals(decision.refusals.values(), count, unseen);
  const preemption = preempt(pod, decision, cluster, budgets());
  if ('victims' in preemption) return { message, refusedBy, room: preemption };
  const rejection = { message: withPreemption(message, preemption.why), refusedBy };
  return preemption.isHopeless ? { ...rejection, room: null } : rejection;
}

function pluginsOf({ refusal, refusals, leftOutBy }: Unplaced): Set<string> {
  const plugins = new Set<string>();
  if (refusal) plugins.add(refusal.plugin);
  if (leftOutBy) plugins.add(leftOutBy);
  for (const { plugin } of refusals.values()) plugins.add(plugin);
  return plugins;
}
