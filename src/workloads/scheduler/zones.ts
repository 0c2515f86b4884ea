import type { NodeInfo } from './node-info.ts';

/** The nodes with one of each zone at a time (kube-scheduler's node tree). */
export function inTurns(nodes: readonly NodeInfo[]): NodeInfo[] {
  const zones = Map.groupBy(nodes, zoneOf);
  if (zones.size <= 1) return [...nodes];
  const ordered: NodeInfo[] = [];
  for (let turn = 0; ordered.length < nodes.length; turn++) {
    for (const zone of zones.values()) {
      const node = zone[turn];
      if (node) ordered.push(node);
    }
  }
  return ordered;
}

function zoneOf({ labels }: NodeInfo): string {
  return `${labels['topology.kubernetes.io/region'] ?? ''}\n${labels['topology.kubernetes.io/zone'] ?? ''}`;
}
