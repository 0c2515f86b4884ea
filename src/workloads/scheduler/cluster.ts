import { keyOf } from '../../machinery/index.ts';
import { isFinished } from '../pods.ts';
import type { Node, Pod } from '../types.ts';
import { countPod, factsOf, type NodeInfo, nodeInfoOf } from './node-info.ts';
import { createPlacedTerms, type PlacedTerms } from './placed-terms.ts';
import { createPodCounts, type PodCounts } from './pod-counts.ts';
import { type PodInfo, podInfoOf } from './pod-info.ts';
import type { NamespaceLabels } from './pod-terms.ts';
import { inTurns } from './zones.ts';

/** A pod that came, went or changed on a node. */
export interface PodChange {
  readonly before: PodInfo | undefined;
  readonly after: PodInfo | undefined;
}

/**
 * What the scheduler knows of nodes and of the pods on them, kept up to date pod by pod. A pod counts from the moment
 * it is assumed to be on a node, before the API says so.
 */
export interface Cluster {
  setNode(node: Node): void;
  removeNode(name: string): void;
  /** Takes in a pod as it is now; returns what that changed on nodes, or undefined. */
  setPod(pod: Pod): PodChange | undefined;
  removePod(pod: Pod): PodChange | undefined;
  /** Counts a pod as being on a node until setPod confirms it or `forget` takes it back. */
  assume(pod: PodInfo, node: string): void;
  forget(pod: PodInfo): void;
  isAssumed(pod: Pod): boolean;
  /** Zones in turns, so that any stretch of it holds nodes of all. */
  readonly nodes: readonly NodeInfo[];
  node(name: string): NodeInfo | undefined;
  /** How many nodes have each value of a label. */
  domains(label: string): ReadonlyMap<string, number>;
  /** How many nodes have an image. */
  nodesWithImage(name: string): number;
  readonly podCounts: PodCounts;
  readonly placedTerms: PlacedTerms;
  /** Pods that wait for room to be made for them, by the node where that happens and by key. */
  readonly nominated: ReadonlyMap<string, ReadonlyMap<string, PodInfo>>;
  /** Keeps room for a pod on a node; undefined ends that. */
  nominate(pod: PodInfo, node: string | undefined): void;
  readonly namespaceLabels: NamespaceLabels;
  /** Changes with every pod that comes or goes and every change of a node: what was worked out before may be wrong. */
  readonly version: number;
  /**
   * For asking "what if": takes pods off their nodes, or puts them on one, without that being so. Whoever does takes it
   * back before anybody else looks.
   */
  count(pod: PodInfo, node: string, sign: 1 | -1): void;
}

interface Placed {
  readonly pod: PodInfo;
  readonly node: string;
}

export function createCluster(namespaceLabels: NamespaceLabels): Cluster {
  const infos = new Map<string, NodeInfo>();
  /** All pods on nodes by namespace and key; on nodes that are not known (yet) too. */
  const placed = new Map<string, Map<string, Placed>>();
  const podsOn = new Map<string, Map<string, PodInfo>>();
  const assumed = new Set<string>();
  const nominated = new Map<string, Map<string, PodInfo>>();
  const nominations = new Map<string, string>();
  const imageNodes = new Map<string, number>();
  const domains = new Map<string, Map<string, number>>();
  const topology = { version: 0, labelsOf: (node: string) => infos.get(node)?.labels };
  let ordered: readonly NodeInfo[] | undefined;
  let version = 0;
  const podCounts = createPodCounts(
    { in: (namespace) => placed.get(namespace)?.values() ?? [], namespaces: () => placed.keys() },
    topology,
    namespaceLabels,
  );
  const placedTerms = createPlacedTerms(topology, namespaceLabels);

  function count(pod: PodInfo, node: string, sign: 1 | -1): void {
    version += 1;
    const info = infos.get(node);
    if (info) countPod(info, pod, sign);
    podCounts.count(pod, node, sign);
    placedTerms.count(pod, node, sign);
  }

  function place(pod: PodInfo, node: string): void {
    entry(placed, pod.namespace).set(pod.key, { pod, node });
    entry(podsOn, node).set(pod.key, pod);
    count(pod, node, 1);
  }

  function displace(key: string, namespace: string): PodInfo | undefined {
    assumed.delete(key);
    const found = placed.get(namespace)?.get(key);
    if (!found) return undefined;
    remove(placed, namespace, key);
    remove(podsOn, found.node, key);
    count(found.pod, found.node, -1);
    return found.pod;
  }

  function countImages(images: ReadonlyMap<string, number>, sign: 1 | -1): void {
    for (const name of images.keys()) imageNodes.set(name, (imageNodes.get(name) ?? 0) + sign);
  }

  /** Labels of nodes have changed, or which nodes there are. */
  function reorder(): void {
    ordered = undefined;
    domains.clear();
    topology.version += 1;
  }

  function goneFrom(pod: Pod): PodChange | undefined {
    const before = displace(keyOf(pod), pod.metadata.namespace ?? '');
    return before && { before, after: undefined };
  }

  return {
    podCounts,
    placedTerms,
    nominated,
    namespaceLabels,
    count,
    nominate(pod, node) {
      const before = nominations.get(pod.key);
      if (before !== undefined) remove(nominated, before, pod.key);
      nominations.delete(pod.key);
      if (node === undefined) return;
      nominations.set(pod.key, node);
      entry(nominated, node).set(pod.key, pod);
    },
    get version() {
      return version;
    },
    setNode(node) {
      version += 1;
      const { name } = node.metadata;
      const info = infos.get(name);
      if (info) {
        const { labels, images } = info;
        Object.assign(info, factsOf(node));
        if (!equalRecords(labels, info.labels)) reorder();
        countImages(images, -1);
        countImages(info.images, 1);
        return;
      }
      const added = nodeInfoOf(node);
      infos.set(name, added);
      reorder();
      countImages(added.images, 1);
      // Pods may be known before their node is.
      for (const pod of podsOn.get(name)?.values() ?? []) countPod(added, pod, 1);
    },
    removeNode(name) {
      const info = infos.get(name);
      if (!info) return;
      version += 1;
      infos.delete(name);
      countImages(info.images, -1);
      reorder();
    },
    setPod(pod) {
      const key = keyOf(pod);
      const node = pod.spec?.nodeName;
      if (isFinished(pod)) return goneFrom(pod);
      if (!node) return undefined;
      const present = placed.get(pod.metadata.namespace ?? '')?.get(key);
      if (present?.node === node && isSame(present.pod.pod, pod)) {
        assumed.delete(key);
        return undefined;
      }
      const before = displace(key, pod.metadata.namespace ?? '');
      const after = podInfoOf(pod);
      place(after, node);
      return { before, after };
    },
    removePod: goneFrom,
    assume(pod, node) {
      displace(pod.key, pod.namespace);
      place(pod, node);
      assumed.add(pod.key);
    },
    forget(pod) {
      if (assumed.has(pod.key)) displace(pod.key, pod.namespace);
    },
    isAssumed(pod) {
      const key = keyOf(pod);
      return assumed.has(key) && placed.get(pod.metadata.namespace ?? '')?.get(key)?.pod.uid === pod.metadata.uid;
    },
    get nodes() {
      ordered ??= inTurns([...infos.values()]);
      return ordered;
    },
    node: (name) => infos.get(name),
    domains(label) {
      let values = domains.get(label);
      if (!values) {
        values = new Map();
        for (const { labels } of infos.values()) {
          const value = labels[label];
          if (value !== undefined) values.set(value, (values.get(value) ?? 0) + 1);
        }
        domains.set(label, values);
      }
      return values;
    },
    nodesWithImage: (name) => imageNodes.get(name) ?? 0,
  };
}

/** Whether what counts about a pod on a node is what it was: who it is, its labels, its spec, and whether it is going. */
function isSame(before: Pod, now: Pod): boolean {
  return (
    before.metadata.uid === now.metadata.uid &&
    (before.metadata.deletionTimestamp === undefined) === (now.metadata.deletionTimestamp === undefined) &&
    equalRecords(before.metadata.labels ?? {}, now.metadata.labels ?? {}) &&
    // The spec changes its generation, but not when the pod is bound; deletion changes it, too.
    (before.metadata['generation'] === now.metadata['generation'] ||
      JSON.stringify(demandsOf(before)) === JSON.stringify(demandsOf(now)))
  );
}

/** What can change of a running pod's demands. */
const demandsOf = ({ spec }: Pod) => [spec?.containers.map(({ resources }) => resources), spec?.resources];

function equalRecords(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  if (a === b) return true;
  for (const key in a) if (a[key] !== b[key]) return false;
  for (const key in b) if (!Object.hasOwn(a, key)) return false;
  return true;
}

function entry<K, V>(maps: Map<string, Map<K, V>>, name: string): Map<K, V> {
  let found = maps.get(name);
  if (!found) {
    found = new Map();
    maps.set(name, found);
  }
  return found;
}

function remove<V>(maps: Map<string, Map<string, V>>, name: string, key: string): void {
  const found = maps.get(name);
  if (found?.delete(key) && found.size === 0) maps.delete(name);
}
