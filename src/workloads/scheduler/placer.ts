import type { Cluster } from './cluster.ts';
import type { NodeInfo } from './node-info.ts';
import type { Filter, Plugin, Refusal, Scorer } from './plugin.ts';
import type { PodInfo } from './pod-info.ts';

/** Where a pod goes, or why nowhere. */
export type Decision = { readonly node: NodeInfo } | Unplaced;

export interface Unplaced {
  /** Set when the pod was refused whatever the node. */
  readonly refusal?: Refusal;
  readonly refusals: ReadonlyMap<NodeInfo, Refusal>;
  /** The plugin that left the other nodes out because the pod asks for some by name. */
  readonly leftOutBy?: string;
  readonly filter: Filter;
}

/** Of this many nodes that may take a pod, or this share of all, one is good enough (percentageOfNodesToScore). */
const [leastNodes, leastPercent] = [100, 5];

/** Finds nodes for pods. */
export interface Placer {
  readonly pluginNames: ReadonlySet<string>;
  place(pod: PodInfo): Decision;
}

export function createPlacer(cluster: Cluster, plugins: readonly Plugin[]): Placer {
  /** Where the next search begins, so that all nodes get their turn. */
  let begin = 0;

  function judge(pod: PodInfo): { refusal?: Refusal; filter: Filter; only?: ReadonlySet<string>; leftOutBy?: string } {
    const filters: Filter[] = [];
    let only: ReadonlySet<string> | undefined;
    let leftOutBy: string | undefined;
    const filter = chain(filters);
    for (const plugin of plugins) {
      const verdict = plugin.judge?.(pod, cluster);
      if (!verdict) continue;
      if (verdict.refusal) return { refusal: verdict.refusal, filter };
      if (verdict.only) [only, leftOutBy] = [verdict.only, plugin.name];
      if (verdict.filter) filters.push(verdict.filter);
    }
    return only && leftOutBy ? { filter, only, leftOutBy } : { filter };
  }

  /** Nodes that may take a pod, as many as are enough to choose from. */
  function search(
    nodes: readonly NodeInfo[],
    enough: number,
    admits: Filter,
    refusals: Map<NodeInfo, Refusal>,
  ): NodeInfo[] {
    const found: NodeInfo[] = [];
    let looked = 0;
    while (looked < nodes.length && found.length < enough) {
      const node = nodes[(begin + looked) % nodes.length];
      looked += 1;
      if (!node) continue;
      const refusal = admits(node);
      if (refusal) refusals.set(node, refusal);
      else found.push(node);
    }
    begin = (begin + looked) % Math.max(1, cluster.nodes.length);
    return found;
  }

  function best(pod: PodInfo, nodes: readonly NodeInfo[]): NodeInfo | undefined {
    if (nodes.length <= 1) return nodes[0];
    const scorers = plugins.map((plugin) => plugin.scorer?.(pod, cluster, nodes)).filter((each) => each !== undefined);
    return pickBest(nodes, scorers);
  }

  return {
    pluginNames: new Set(plugins.map(({ name }) => name)),
    place(pod) {
      const { refusal, filter, only, leftOutBy } = judge(pod);
      const refusals = new Map<NodeInfo, Refusal>();
      if (refusal) return { refusal, refusals, filter };
      const admits = withNominated(pod, cluster, filter);
      const own = cluster.node(pod.pod.status?.nominatedNodeName ?? '');
      if (own && !admits(own)) return { node: own };
      const nodes = only ? [...only].map(cluster.node).filter((node) => node !== undefined) : cluster.nodes;
      const enough = nodesToFind(nodes.length, pod);
      const node = best(pod, search(nodes, enough, admits, refusals));
      if (node) return { node };
      return leftOutBy ? { refusals, filter: admits, leftOutBy } : { refusals, filter: admits };
    },
  };
}

function chain(filters: readonly Filter[]): Filter {
  return (node) => {
    for (const filter of filters) {
      const refusal = filter(node);
      if (refusal) return refusal;
    }
    return undefined;
  };
}

/** A node must do with the pods that room is being made for on it, and without: they may yet go elsewhere. */
function withNominated(pod: PodInfo, cluster: Cluster, filter: Filter): Filter {
  if (cluster.nominated.size === 0) return filter;
  return (node) => {
    const waiting = [...(cluster.nominated.get(node.name)?.values() ?? [])].filter(
      ({ key, priority }) => key !== pod.key && priority >= pod.priority && !node.pods.has(key),
    );
    if (waiting.length === 0) return filter(node);
    for (const other of waiting) cluster.count(other, node.name, 1);
    const refusal = filter(node);
    for (const other of waiting) cluster.count(other, node.name, -1);
    return refusal ?? filter(node);
  };
}

/** A pod that says what it prefers is worth a longer search: kube-scheduler's half of the nodes, less if they are many. */
function nodesToFind(count: number, { pod, affinity, antiAffinity }: PodInfo): number {
  const prefers =
    pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution !== undefined ||
    affinity.preferred.length + antiAffinity.preferred.length > 0;
  const percent = prefers ? Math.max(leastPercent, 50 - Math.trunc(count / 125)) : leastPercent;
  return Math.max(leastNodes, Math.trunc((count * percent) / 100));
}

/** The node with the highest score; of equals any. */
function pickBest(nodes: readonly NodeInfo[], scorers: readonly Scorer[]): NodeInfo | undefined {
  const totals = new Array<number>(nodes.length).fill(0);
  const scores = new Array<number>(nodes.length);
  for (const { weight, score, normalize } of scorers) {
    for (let index = 0; index < nodes.length; index++) scores[index] = score(nodes[index] as NodeInfo);
    normalize?.(scores, nodes);
    for (let index = 0; index < nodes.length; index++)
      totals[index] = (totals[index] ?? 0) + weight * (scores[index] ?? 0);
  }
  let best = 0;
  let equals = 1;
  for (let index = 1; index < totals.length; index++) {
    const difference = (totals[index] ?? 0) - (totals[best] ?? 0);
    if (difference > 0) [best, equals] = [index, 1];
    else if (difference === 0) {
      equals += 1;
      if (Math.random() * equals < 1) best = index;
    }
  }
  return nodes[best];
}
