import type { LabelSelector } from '../../../machinery/index.ts';
import type { Cluster, PodChange } from '../cluster.ts';
import type { NodeInfo } from '../node-info.ts';
import { bestScore, type ClusterEvent, type Filter, type Plugin, refusal, type Scorer } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';
import { type Constraint, constraintsOf, counted, hasAllKeys, selfCount } from '../spread-constraints.ts';

const name = 'PodTopologySpread';
const skewed = refusal(name, "node(s) didn't match pod topology spread constraints", { final: false });
const keyless = refusal(name, "node(s) didn't match pod topology spread constraints (missing required label)", {
  final: true,
});

/** What a pod without constraints of its own is held to, softly. */
const systemDefaults = [
  { topologyKey: 'kubernetes.io/hostname', maxSkew: 3, whenUnsatisfiable: 'ScheduleAnyway' },
  { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5, whenUnsatisfiable: 'ScheduleAnyway' },
];

const hostname = 'kubernetes.io/hostname';

/**
 * Spreads pods over zones, nodes and the like (KEP-895).
 * @param selectorFor which pods are replicas of the same thing as this one; undefined if that is not known.
 */
export function podTopologySpread(selectorFor: (pod: PodInfo) => LabelSelector | undefined): Plugin {
  return {
    name,
    judge(pod, cluster) {
      const constraints = constraintsOf(pod, 'DoNotSchedule');
      return constraints.length === 0 ? undefined : { filter: filterFor(pod, constraints, cluster) };
    },
    scorer(pod, cluster, nodes) {
      const own = pod.pod.spec?.topologySpreadConstraints ?? [];
      if (own.length > 0) return scorerFor(pod, constraintsOf(pod, 'ScheduleAnyway'), cluster, nodes, true);
      const selector = selectorFor(pod);
      if (!selector || selector.empty) return undefined;
      const constraints = constraintsOf(pod, 'ScheduleAnyway', systemDefaults, selector);
      // A node without a zone is still a node: pods are spread over those.
      return scorerFor(pod, constraints, cluster, nodes, false);
    },
    helps: { node: helpsByNode, pod: helpsByPod },
  };
}

/** A constraint, and the pods there are by value of its label, as of one version of the cluster. */
interface Spread {
  constraint: Constraint;
  counts: ReadonlyMap<string, number>;
  lowest: number;
  self: number;
}

function filterFor(pod: PodInfo, constraints: readonly Constraint[], cluster: Cluster): Filter {
  let version = -1;
  let spreads: Spread[] = [];
  return ({ labels }) => {
    if (version !== cluster.version) {
      spreads = constraints.map((constraint) => spreadOf(constraint, pod, constraints, cluster));
      ({ version } = cluster);
    }
    for (const { constraint, counts, lowest, self } of spreads) {
      const value = labels[constraint.topologyKey];
      if (value === undefined) return keyless;
      if ((counts.get(value) ?? 0) + self - lowest > constraint.maxSkew) return skewed;
    }
    return undefined;
  };
}

function spreadOf(constraint: Constraint, pod: PodInfo, all: readonly Constraint[], cluster: Cluster): Spread {
  const { counts, domains } = counted(constraint, pod, all, cluster);
  let lowest = 0;
  if (domains >= constraint.minDomains && counts.size >= domains) {
    lowest = Number.POSITIVE_INFINITY;
    for (const count of counts.values()) if (count < lowest) lowest = count;
  }
  // Without any domain nothing is the lowest, and no node is refused for it.
  return { constraint, counts, lowest, self: selfCount(constraint, pod) };
}

function scorerFor(
  pod: PodInfo,
  constraints: readonly Constraint[],
  cluster: Cluster,
  nodes: readonly NodeInfo[],
  needsAllKeys: boolean,
): Scorer | undefined {
  if (constraints.length === 0) return undefined;
  const isIgnored = (node: NodeInfo): boolean => needsAllKeys && !hasAllKeys(node, constraints);
  const scored = needsAllKeys ? nodes.filter((node) => !isIgnored(node)) : nodes;
  const parts = constraints.map((constraint) => {
    const { topologyKey: key, maxSkew } = constraint;
    const size = key === hostname ? scored.length : new Set(scored.map(({ labels }) => labels[key])).size;
    const counts =
      key === hostname ? undefined : counted(constraint, pod, needsAllKeys ? constraints : [], cluster).counts;
    const onNode = cluster.podCounts.of([constraint.set], true);
    return { key, counts, onNode, factor: Math.log(size + 2), addend: maxSkew - 1 };
  });
  return {
    weight: 2,
    score(node) {
      if (isIgnored(node)) return Number.NaN;
      let score = 0;
      for (const { key, counts, onNode, factor, addend } of parts) {
        const value = node.labels[key];
        if (value === undefined) continue;
        score += (counts ? (counts.get(value) ?? 0) : onNode.on(node.name)) * factor + addend;
      }
      return Math.round(score);
    },
    normalize: fewestFirst,
  };
}

/** The fewer pods of its kind, the better. Nodes that are ignored (NaN) come last. */
function fewestFirst(scores: number[]): void {
  let lowest = Number.POSITIVE_INFINITY;
  let highest = 0;
  for (const score of scores) {
    if (Number.isNaN(score)) continue;
    lowest = Math.min(lowest, score);
    highest = Math.max(highest, score);
  }
  for (let index = 0; index < scores.length; index++) {
    const score = scores[index] ?? Number.NaN;
    if (Number.isNaN(score)) scores[index] = 0;
    else scores[index] = highest === 0 ? bestScore : Math.trunc((bestScore * (highest + lowest - score)) / highest);
  }
}

type NodeEvent = ClusterEvent & { kind: 'node' };

function helpsByNode({ node, old }: NodeEvent, pod: PodInfo): boolean {
  const keys = constraintsOf(pod, 'DoNotSchedule').map(({ topologyKey }) => topologyKey);
  if (!old) return keys.every((key) => node.metadata.labels?.[key] !== undefined);
  return (
    keys.some((key) => node.metadata.labels?.[key] !== old.metadata.labels?.[key]) ||
    JSON.stringify(node.spec?.taints) !== JSON.stringify(old.spec?.taints)
  );
}

/** One more raises the lowest count, one less lowers the highest. */
function helpsByPod({ before, after }: PodChange, pod: PodInfo): boolean {
  const others = [before, after].filter((other) => other?.namespace === pod.namespace);
  if (others.length === 0) return false;
  const constraints = constraintsOf(pod, 'DoNotSchedule');
  return others.some((other) => constraints.some(({ set }) => set.selector.matches(other?.labels)));
}
