/** The labels of the nodes, and a number that changes whenever those of any node do. */
export interface Topology {
  readonly version: number;
  labelsOf(node: string): Readonly<Record<string, string>> | undefined;
}

/** A number of something for each node, and their sums over the nodes that share a value of a label. */
export interface TopologyCounts {
  add(node: string, amount: number): void;
  on(node: string): number;
  /** By value of the label; values without any are left out. Live: it follows what is added. */
  by(topologyKey: string): ReadonlyMap<string, number>;
  readonly isEmpty: boolean;
}

/** Sums are made when they are first asked for, and kept up to date from then on. */
export function createTopologyCounts(topology: Topology): TopologyCounts {
  const perNode = new Map<string, number>();
  const sums = new Map<string, Map<string, number>>();
  let version = topology.version;

  function increase(sum: Map<string, number>, value: string | undefined, amount: number): void {
    if (value === undefined) return;
    const next = (sum.get(value) ?? 0) + amount;
    if (next === 0) sum.delete(value);
    else sum.set(value, next);
  }

  /** Forgets sums that were made when nodes had other labels. */
  function refresh(): void {
    if (version === topology.version) return;
    version = topology.version;
    sums.clear();
  }

  return {
    add(node, amount) {
      refresh();
      increase(perNode, node, amount);
      if (sums.size === 0) return;
      const labels = topology.labelsOf(node);
      for (const [key, sum] of sums) increase(sum, labels?.[key], amount);
    },
    on: (node) => perNode.get(node) ?? 0,
    by(key) {
      refresh();
      let sum = sums.get(key);
      if (!sum) {
        sum = new Map();
        for (const [node, count] of perNode) increase(sum, topology.labelsOf(node)?.[key], count);
        sums.set(key, sum);
      }
      return sum;
    },
    get isEmpty() {
      return perNode.size === 0;
    },
  };
}
