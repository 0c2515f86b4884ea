import type { Cluster, PodChange } from '../cluster.ts';
import type { NodeInfo } from '../node-info.ts';
import { type ClusterEvent, type Filter, type Plugin, refusal } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';
import { isInSet, type PodTerm } from '../pod-terms.ts';

const name = 'InterPodAffinity';
const noFriend = refusal(name, "node(s) didn't match pod affinity rules", { final: true });
const foe = refusal(name, "node(s) didn't match pod anti-affinity rules", { final: false });
const unwelcome = refusal(name, "node(s) didn't satisfy existing pods anti-affinity rules", { final: false });

/** Which pods a pod must or had rather be near, or far from; and which pods on nodes say that of it. */
export const interPodAffinity: Plugin = {
  name,
  judge(pod, cluster) {
    const filters = [friends(pod, cluster), foes(pod, cluster), hosts(pod, cluster)].filter(
      (each) => each !== undefined,
    );
    if (filters.length === 0) return undefined;
    return {
      filter(node) {
        for (const filter of filters) {
          const refused = filter(node);
          if (refused) return refused;
        }
        return undefined;
      },
    };
  },
  scorer(pod, cluster) {
    const gains = gainsOf(pod, cluster);
    if (gains.length === 0) return undefined;
    return {
      weight: 2,
      score: ({ labels }) =>
        gains.reduce((sum, { key, weight, counts }) => sum + weight * (counts.get(labels[key] ?? '') ?? 0), 0),
      normalize: fromLowestToHighest,
    };
  },
  helps: { namespace: () => true, node: helpsByNode, pod: helpsByPod },
};

/** Every required affinity is met where a pod is that all of them are about; the first of its kind may go anywhere. */
function friends(pod: PodInfo, { podCounts, namespaceLabels }: Cluster): Filter | undefined {
  const terms = pod.affinity.required;
  if (terms.length === 0) return undefined;
  const isOwnFriend = terms.every((term) => isInSet(pod, term, namespaceLabels));
  const counts = podCounts.of(terms, false);
  return ({ labels }) => {
    let met = true;
    for (const { topologyKey } of terms) {
      const value = labels[topologyKey];
      if (value === undefined) return noFriend;
      met &&= (counts.by(topologyKey).get(value) ?? 0) > 0;
    }
    if (met) return undefined;
    const isFirst = isOwnFriend && terms.every(({ topologyKey }) => counts.by(topologyKey).size === 0);
    return isFirst ? undefined : noFriend;
  };
}

function foes(pod: PodInfo, { podCounts }: Cluster): Filter | undefined {
  const terms = pod.antiAffinity.required;
  if (terms.length === 0) return undefined;
  const all = terms.map((term) => ({ key: term.topologyKey, counts: podCounts.of([term], false) }));
  return ({ labels }) => {
    for (const { key, counts } of all) {
      const value = labels[key];
      if (value !== undefined && (counts.by(key).get(value) ?? 0) > 0) return foe;
    }
    return undefined;
  };
}

/** Pods on nodes that must not have this one near them. */
function hosts(pod: PodInfo, cluster: Cluster): Filter | undefined {
  const find = () => cluster.placedTerms.about(pod).filter(({ weight }) => weight === Number.NEGATIVE_INFINITY);
  let terms = find();
  let { version } = cluster;
  // Nobody says so of it, and nominated pods, which may, are put on nodes only while the cluster has some.
  if (terms.length === 0 && cluster.nominated.size === 0) return undefined;
  return ({ labels }) => {
    if (version !== cluster.version) [terms, version] = [find(), cluster.version];
    for (const { term, counts } of terms) {
      const value = labels[term.topologyKey];
      if (value !== undefined && (counts.by(term.topologyKey).get(value) ?? 0) > 0) return unwelcome;
    }
    return undefined;
  };
}

/** What each pod in a place that shares a node label's value is worth. */
interface Gain {
  readonly key: string;
  readonly weight: number;
  readonly counts: ReadonlyMap<string, number>;
}

function gainsOf(pod: PodInfo, { podCounts, placedTerms }: Cluster): Gain[] {
  const own = (term: PodTerm, weight: number): Gain => ({
    key: term.topologyKey,
    weight,
    counts: podCounts.of([term], false).by(term.topologyKey),
  });
  const gains = [
    ...pod.affinity.preferred.map(({ term, weight }) => own(term, weight)),
    ...pod.antiAffinity.preferred.map(({ term, weight }) => own(term, -weight)),
  ];
  for (const { term, weight, counts } of placedTerms.about(pod)) {
    if (Number.isFinite(weight)) gains.push({ key: term.topologyKey, weight, counts: counts.by(term.topologyKey) });
  }
  return gains.filter(({ counts }) => counts.size > 0);
}

function fromLowestToHighest(scores: number[], _nodes: readonly NodeInfo[]): void {
  const lowest = Math.min(...scores);
  const range = Math.max(...scores) - lowest;
  for (let index = 0; index < scores.length; index++) {
    scores[index] = range === 0 ? 0 : Math.trunc((100 * ((scores[index] ?? 0) - lowest)) / range);
  }
}

type NodeEvent = ClusterEvent & { kind: 'node' };

function helpsByNode({ node, old }: NodeEvent, { affinity, antiAffinity }: PodInfo): boolean {
  const terms = [...affinity.required, ...antiAffinity.required];
  // What existing pods do not want near them may be far from a node that is new or has other labels.
  if (!old || terms.length === 0) return true;
  return terms.some(({ topologyKey: key }) => node.metadata.labels?.[key] !== old.metadata.labels?.[key]);
}

function helpsByPod({ before, after }: PodChange, pod: PodInfo): boolean {
  // Namespaces are left to the next attempt: their labels are not at hand here.
  const wanted = (other: PodInfo) => pod.affinity.required.every(({ selector }) => selector.matches(other.labels));
  const unwanted = (other: PodInfo) => pod.antiAffinity.required.some(({ selector }) => selector.matches(other.labels));
  if (after && pod.affinity.required.length > 0 && wanted(after) && !(before && wanted(before))) return true;
  if (!before) return false;
  if (after) return unwanted(before) && !unwanted(after);
  return unwanted(before) || before.antiAffinity.required.some(({ selector }) => selector.matches(pod.labels));
}
