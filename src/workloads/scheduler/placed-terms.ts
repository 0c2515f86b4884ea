import type { PodInfo } from './pod-info.ts';
import { isInSet, type NamespaceLabels, type PodTerm } from './pod-terms.ts';
import { createSelectorIndex } from './selector-index.ts';
import { createTopologyCounts, type Topology, type TopologyCounts } from './topology-counts.ts';

/** What pods on nodes say about the pods near them: a term that some of them share, and where those are. */
export interface PlacedTerm {
  readonly term: PodTerm;
  /** What a pod that the term is about gains by a place where one such pod is; -Infinity if it must not go there. */
  readonly weight: number;
  readonly counts: TopologyCounts;
}

/** The terms of all pods that are on nodes. Pods of one template share theirs: they are looked at once. */
export interface PlacedTerms {
  count(pod: PodInfo, node: string, sign: 1 | -1): void;
  /** The terms that are about the pod. */
  about(pod: PodInfo): PlacedTerm[];
}

/** What a required affinity of a pod on a node is worth to the pods that it is about (hardPodAffinityWeight). */
const requiredWeight = 1;

export function createPlacedTerms(topology: Topology, namespaceLabels: NamespaceLabels): PlacedTerms {
  const terms = new Map<string, PlacedTerm>();
  const index = createSelectorIndex<PlacedTerm>();

  function add(term: PodTerm, weight: number, node: string, sign: 1 | -1): void {
    const id = `${weight} ${term.id}`;
    let found = terms.get(id);
    if (!found) {
      found = { term, weight, counts: createTopologyCounts(topology) };
      terms.set(id, found);
      index.add(term.selector, found);
    }
    found.counts.add(node, sign);
    if (!found.counts.isEmpty) return;
    terms.delete(id);
    index.delete(term.selector, found);
  }

  return {
    count({ affinity, antiAffinity }, node, sign) {
      for (const term of antiAffinity.required) add(term, Number.NEGATIVE_INFINITY, node, sign);
      for (const term of affinity.required) add(term, requiredWeight, node, sign);
      for (const { term, weight } of affinity.preferred) add(term, weight, node, sign);
      for (const { term, weight } of antiAffinity.preferred) add(term, -weight, node, sign);
    },
    about: (pod) => index.candidates(pod.labels).filter(({ term }) => isInSet(pod, term, namespaceLabels)),
  };
}
