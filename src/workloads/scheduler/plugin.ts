import type { Cluster, PodChange } from './cluster.ts';
import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';

/** Why a node does not take a pod, in kube-scheduler's words. */
export interface Refusal {
  readonly plugin: string;
  readonly reasons: readonly string[];
  /** Not even an empty node of this kind would do: making room does not help. */
  readonly final: boolean;
}

/** undefined if the pod may run on the node. Reads the cluster as it is at that moment. */
export type Filter = (node: NodeInfo) => Refusal | undefined;

/** What a plugin says about one pod before it looks at nodes. */
export interface Verdict {
  /** Set when no node will do, whatever the node. */
  readonly refusal?: Refusal;
  /** Left out when any node will do. */
  readonly filter?: Filter;
  /** The only nodes worth a look, by name; left out for all. */
  readonly only?: ReadonlySet<string>;
}

/** How well nodes suit a pod. */
export interface Scorer {
  readonly weight: number;
  score(node: NodeInfo): number;
  /** What becomes of the scores of all nodes, in place; left out if they are between 0 and 100 already. */
  normalize?(scores: number[], nodes: readonly NodeInfo[]): void;
}

/** Something that happened, as far as it may help a pod that no node took. */
export type ClusterEvent =
  | ({ readonly kind: 'pod' } & PodChange)
  /** `old` is undefined for a new node. */
  | { readonly kind: 'node'; readonly node: NodeInfo['node']; readonly old: NodeInfo['node'] | undefined }
  /** The PersistentVolumeClaim of this key: only pods that use it are asked about. */
  | { readonly kind: 'claim'; readonly claim: string }
  /** A PersistentVolume or a StorageClass. */
  | { readonly kind: 'storage' }
  | { readonly kind: 'namespace' };

/** One thing to consider about where a pod may run (a scheduling framework plugin, KEP-624). */
export interface Plugin {
  readonly name: string;
  /** undefined if it has nothing to say about where this pod may run. */
  judge?(pod: PodInfo, cluster: Cluster): Verdict | undefined;
  /** undefined if all nodes are alike to it. `nodes` are those that may take the pod, more than one. */
  scorer?(pod: PodInfo, cluster: Cluster, nodes: readonly NodeInfo[]): Scorer | undefined;
  /** By the kind of event: whether a pod that it refused may be taken after that. Kinds that never help are left out. */
  readonly helps?: Helps;
}

type Helps = {
  readonly [Kind in ClusterEvent['kind']]?: (event: ClusterEvent & { kind: Kind }, pod: PodInfo) => boolean;
};

/** Whether a plugin that refused a pod takes it after the event, as far as it can tell. */
export function mayHelp<Kind extends ClusterEvent['kind']>(
  { helps }: Plugin,
  event: ClusterEvent & { kind: Kind },
  pod: PodInfo,
): boolean {
  const asked: Helps[Kind] = helps?.[event.kind];
  return asked?.(event, pod) ?? false;
}

export const bestScore = 100;

/** Stretches scores so that the best is 100; `reversed` makes the lowest of them the best. */
export function stretch(scores: number[], reversed = false): void {
  const most = Math.max(...scores);
  for (let index = 0; index < scores.length; index++) {
    const score = most === 0 ? 0 : Math.trunc(((scores[index] ?? 0) * bestScore) / most);
    scores[index] = reversed ? bestScore - score : score;
  }
}

/** A refusal for one reason; refusals are shared, not made anew for each node. */
export function refusal(plugin: string, reason: string, { final }: { final: boolean }): Refusal {
  return { plugin, reasons: [reason], final };
}
