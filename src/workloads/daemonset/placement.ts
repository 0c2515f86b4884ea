import { isFinished } from '../pods.ts';
import { matchesNode } from '../scheduler/affinity.ts';
import { isTolerated } from '../taints.ts';
import type { Node, Pod } from '../types.ts';
import { nodeOf, tolerationsOf } from './daemon-pod.ts';
import type { DaemonSet } from './types.ts';

/** run: the node is to have the set's pod. stay: it keeps one that is there, and gets none. leave: it is to have none. */
export type Placement = 'run' | 'stay' | 'leave';

export function placementOn(set: DaemonSet, node: Node): Placement {
  const { spec } = set.spec?.template ?? {};
  if (!spec || (spec.nodeName && spec.nodeName !== node.metadata.name)) return 'leave';
  if (!matchesNode({ apiVersion: 'v1', kind: 'Pod', metadata: set.metadata, spec }, node)) return 'leave';
  const tolerations = tolerationsOf(set);
  const untolerated = (node.spec?.taints ?? []).filter((taint) => !isTolerated(taint, tolerations));
  if (untolerated.some(({ effect }) => effect === 'NoExecute')) return 'leave';
  return untolerated.some(({ effect }) => effect === 'NoSchedule') ? 'stay' : 'run';
}

/** A DaemonSet with the nodes of the cluster and its own pods on them, as one reconcile sees them. */
export interface Daemons {
  set: DaemonSet;
  /** The hash of the present template's revision. */
  hash: string;
  nodes: readonly { name: string; placement: Placement }[];
  /** The pods by the node that they run on or are meant for. Those that have finished and are going away do not count. */
  pods: ReadonlyMap<string, readonly Pod[]>;
  now: number;
}

export function daemonsOf(set: DaemonSet, hash: string, nodes: readonly Node[], pods: readonly Pod[]): Daemons {
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods) {
    const node = nodeOf(pod);
    if (node === undefined || (pod.metadata.deletionTimestamp && isFinished(pod))) continue;
    const there = byNode.get(node);
    if (there) there.push(pod);
    else byNode.set(node, [pod]);
  }
  const placed = nodes.map((node) => ({ name: node.metadata.name, placement: placementOn(set, node) }));
  return { set, hash, nodes: placed, pods: byNode, now: Date.now() };
}

/** Those of these pods that nobody has deleted. */
export function staying(pods: readonly Pod[] | undefined): Pod[] {
  return (pods ?? []).filter(({ metadata }) => !metadata.deletionTimestamp);
}
