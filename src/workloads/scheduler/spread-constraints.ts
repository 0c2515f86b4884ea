import { type LabelSelector, labelSelectorOf, parseLabelSelector } from '../../machinery/index.ts';
import { isTolerated } from '../taints.ts';
import type { TopologySpreadConstraint } from '../types.ts';
import { constrainsNodes, matchesNode } from './affinity.ts';
import type { Cluster } from './cluster.ts';
import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';
import { type PodSet, podsOfNamespace } from './pod-terms.ts';

/** A topology spread constraint, read. */
export interface Constraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  /** The pods that it spreads. */
  readonly set: PodSet;
  /** Only nodes count that the pod's node affinity allows. */
  readonly byAffinity: boolean;
  /** Only nodes count whose taints the pod tolerates. */
  readonly byTaints: boolean;
}

/** The constraints of a pod (or the defaults in place of them) that are to be met so. */
export function constraintsOf(
  { pod, labels, namespace }: PodInfo,
  whenUnsatisfiable: string,
  constraints: readonly TopologySpreadConstraint[] = pod.spec?.topologySpreadConstraints ?? [],
  selector?: LabelSelector,
): Constraint[] {
  if (constraints.length === 0) return [];
  return constraints
    .filter((constraint) => constraint.whenUnsatisfiable === whenUnsatisfiable)
    .map((constraint) => ({
      topologyKey: constraint.topologyKey,
      maxSkew: constraint.maxSkew,
      minDomains: constraint.minDomains ?? 1,
      set: podsOfNamespace(namespace, selector ?? selectorWithKeys(constraint, labels)),
      byAffinity: (constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor',
      byTaints: constraint.nodeTaintsPolicy === 'Honor',
    }));
}

/** The selector, and the pod's own values of the keys that are to be equal. */
function selectorWithKeys(
  { labelSelector, matchLabelKeys = [] }: TopologySpreadConstraint,
  labels: PodInfo['labels'],
): LabelSelector {
  const selector = labelSelectorOf(labelSelector);
  const own = matchLabelKeys.filter((key) => labels[key] !== undefined).map((key) => `${key}=${labels[key]}`);
  if (own.length === 0 || !labelSelector) return selector;
  return parseLabelSelector([...own, ...(selector.empty ? [] : [String(selector)])].join());
}

export function hasAllKeys({ labels }: NodeInfo, constraints: readonly Constraint[]): boolean {
  return constraints.every(({ topologyKey }) => labels[topologyKey] !== undefined);
}

/** 1 if the pod is one of those that the constraint spreads. */
export function selfCount({ set }: Constraint, { labels }: PodInfo): 0 | 1 {
  return set.selector.matches(labels) ? 1 : 0;
}

/** The pods of a constraint by value of its label, and how many values there are, over the nodes that count. */
export interface Counted {
  counts: ReadonlyMap<string, number>;
  domains: number;
}

/** @param required nodes count only if they have the labels of all of these. */
export function counted(
  constraint: Constraint,
  pod: PodInfo,
  required: readonly Constraint[],
  cluster: Cluster,
): Counted {
  const { podCounts, nodes } = cluster;
  const key = constraint.topologyKey;
  const pods = podCounts.of([constraint.set], true);
  if (allNodesCount(constraint, pod, required, cluster)) {
    return { counts: pods.by(key), domains: cluster.domains(key).size };
  }
  const counts = new Map<string, number>();
  for (const node of nodes) {
    const value = node.labels[key];
    if (value === undefined || !hasAllKeys(node, required) || !isCounted(constraint, pod, node)) continue;
    counts.set(value, (counts.get(value) ?? 0) + pods.on(node.name));
  }
  return { counts, domains: counts.size };
}

function allNodesCount(
  { byAffinity, byTaints, topologyKey }: Constraint,
  { pod }: PodInfo,
  required: readonly Constraint[],
  cluster: Cluster,
): boolean {
  if (byTaints || (byAffinity && constrainsNodes(pod))) return false;
  return required.every((each) => each.topologyKey === topologyKey || isOnAll(each.topologyKey, cluster));
}

function isOnAll(label: string, cluster: Cluster): boolean {
  let nodes = 0;
  for (const count of cluster.domains(label).values()) nodes += count;
  return nodes === cluster.nodes.length;
}

function isCounted({ byAffinity, byTaints }: Constraint, { pod, tolerations }: PodInfo, node: NodeInfo): boolean {
  if (byAffinity && !matchesNode(pod, node.node)) return false;
  return !byTaints || node.repelling.every((taint) => isTolerated(taint, tolerations));
}
