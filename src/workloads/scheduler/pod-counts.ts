import type { PodInfo } from './pod-info.ts';
import { includesNamespace, isInSet, type NamespaceLabels, type PodSet } from './pod-terms.ts';
import { createSelectorIndex } from './selector-index.ts';
import { createTopologyCounts, type Topology, type TopologyCounts } from './topology-counts.ts';

/** The pods that are on nodes. */
export interface PlacedPods {
  in(namespace: string): Iterable<{ pod: PodInfo; node: string }>;
  namespaces(): Iterable<string>;
}

/**
 * How many pods of a set there are on each node. Counted once, when it is first asked for, and from then on pod by pod:
 * a thousand replicas that keep apart cost a count each, not a count of each other.
 */
export interface PodCounts {
  /**
   * @param sets only pods that are in all of them count.
   * @param live pods that are being deleted do not count.
   */
  of(sets: readonly PodSet[], live: boolean): TopologyCounts;
  count(pod: PodInfo, node: string, sign: 1 | -1): void;
  /** Forgets what depended on the labels of namespaces. */
  forgetNamespaces(): void;
}

interface Tally {
  sets: readonly PodSet[];
  live: boolean;
  counts: TopologyCounts;
}

/** Kept at most; the one that was not asked for the longest goes first. */
const most = 500;

export function createPodCounts(placed: PlacedPods, topology: Topology, namespaceLabels: NamespaceLabels): PodCounts {
  const tallies = new Map<string, Tally>();
  /** By the selector of the first of their sets. */
  const index = createSelectorIndex<Tally>();

  function counts({ sets, live }: Tally, pod: PodInfo): boolean {
    return !(live && pod.terminating) && sets.every((set) => isInSet(pod, set, namespaceLabels));
  }

  function begin(sets: readonly PodSet[], live: boolean): Tally {
    const tally = { sets, live, counts: createTopologyCounts(topology) };
    const [first] = sets;
    if (!first) return tally;
    for (const namespace of placed.namespaces()) {
      if (!includesNamespace(first, namespace, namespaceLabels)) continue;
      for (const { pod, node } of placed.in(namespace)) if (counts(tally, pod)) tally.counts.add(node, 1);
    }
    return tally;
  }

  function forget(id: string, tally: Tally): void {
    tallies.delete(id);
    const [first] = tally.sets;
    if (first) index.delete(first.selector, tally);
  }

  function forgetOldest(): void {
    for (const [id, tally] of tallies) {
      forget(id, tally);
      return;
    }
  }

  return {
    of(sets, live) {
      const id = `${live}\n${sets.map((set) => set.id).join('\n')}`;
      let tally = tallies.get(id);
      if (tally) tallies.delete(id);
      else {
        tally = begin(sets, live);
        const [first] = sets;
        if (first) index.add(first.selector, tally);
      }
      tallies.set(id, tally);
      if (tallies.size > most) forgetOldest();
      return tally.counts;
    },
    count(pod, node, sign) {
      for (const tally of index.candidates(pod.labels)) if (counts(tally, pod)) tally.counts.add(node, sign);
    },
    forgetNamespaces() {
      for (const [id, tally] of tallies) if (tally.sets.some((set) => set.namespaceSelector)) forget(id, tally);
    },
  };
}
