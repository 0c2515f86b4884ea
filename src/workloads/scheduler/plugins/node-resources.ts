import type { NodeInfo } from '../node-info.ts';
import { bestScore, type Plugin, type Refusal } from '../plugin.ts';
import type { PodInfo } from '../pod-info.ts';
import type { Resources } from '../resources.ts';

const name = 'NodeResourcesFit';

/** The pod's requests fit into what the node has left; emptier nodes are better. */
export const nodeResourcesFit: Plugin = {
  name,
  judge: ({ requests }) => ({ filter: (node) => (fits(requests, node) ? undefined : refusalOf(requests, node)) }),
  scorer({ scored }) {
    return {
      weight: 1,
      // Both count the same; what a node does not have at all counts for nothing.
      score({ allocatable, scored: requested }) {
        const cpu = leftShare(requested.cpu + scored.cpu, allocatable.cpu);
        const memory = leftShare(requested.memory + scored.memory, allocatable.memory);
        if (allocatable.cpu === 0) return memory;
        return allocatable.memory === 0 ? cpu : Math.trunc((cpu + memory) / 2);
      },
    };
  },
  helps: {
    node: ({ node, old }, { requests }) => fitsEmpty(requests, node, old),
    pod: ({ before, after }, pod) => before !== undefined && frees(before, after, pod),
  },
};

/** Nodes whose cpu and memory are used to the same degree are better (NodeResourcesBalancedAllocation). */
export const balancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  scorer({ requests }) {
    if (requests.cpu === 0 && requests.memory === 0) return undefined;
    return {
      weight: 1,
      score({ allocatable, requested }) {
        if (allocatable.cpu === 0 || allocatable.memory === 0) return bestScore;
        const cpu = Math.min(1, (requested.cpu + requests.cpu) / allocatable.cpu);
        const memory = Math.min(1, (requested.memory + requests.memory) / allocatable.memory);
        return Math.trunc((1 - Math.abs(cpu - memory) / 2) * bestScore);
      },
    };
  },
};

function leftShare(requested: number, allocatable: number): number {
  return requested > allocatable ? 0 : Math.trunc(((allocatable - requested) * bestScore) / allocatable);
}

/** The same question as refusalOf answers, in as few steps as possible: it is asked of every node for every pod. */
function fits(requests: Resources, { allocatable, requested, pods }: NodeInfo): boolean {
  if (pods.size + 1 > allocatable.pods) return false;
  if (requests.cpu > 0 && requested.cpu + requests.cpu > allocatable.cpu) return false;
  if (requests.memory > 0 && requested.memory + requests.memory > allocatable.memory) return false;
  const storage = requests['ephemeral-storage'];
  if (storage > 0 && requested['ephemeral-storage'] + storage > allocatable['ephemeral-storage']) return false;
  if (!requests.others) return true;
  for (const [other, amount] of requests.others) {
    const free = (allocatable.others?.get(other) ?? 0) - (requested.others?.get(other) ?? 0);
    if (amount > 0 && amount > free) return false;
  }
  return true;
}

/** Refusals by what is lacking: most nodes lack the same. */
const refusals = new Map<string, Refusal>();

function refusalOf(requests: Resources, { allocatable, requested, pods }: NodeInfo): Refusal {
  const reasons: string[] = [];
  let final = false;
  const check = (what: string, amount: number, used: number, capacity: number): void => {
    if (amount === 0 || used + amount <= capacity) return;
    reasons.push(`Insufficient ${what}`);
    // Not even an empty node of this size would do.
    final ||= amount > capacity;
  };
  if (pods.size + 1 > allocatable.pods) reasons.push('Too many pods');
  for (const plain of ['cpu', 'memory', 'ephemeral-storage'] as const) {
    check(plain, requests[plain], requested[plain], allocatable[plain]);
  }
  for (const [other, amount] of requests.others ?? []) {
    check(other, amount, requested.others?.get(other) ?? 0, allocatable.others?.get(other) ?? 0);
  }
  const id = `${final} ${reasons.join()}`;
  let found = refusals.get(id);
  if (!found) {
    found = { plugin: name, reasons, final };
    if (refusals.size > 1000) refusals.clear();
    refusals.set(id, found);
  }
  return found;
}

type NodeObject = NodeInfo['node'];

/** A node helps if it is new or has grown; how much is free on it the next attempt sees. */
function fitsEmpty(requests: Resources, node: NodeObject, old: NodeObject | undefined): boolean {
  if (!old) return true;
  const [now, before] = [node.status?.allocatable ?? {}, old.status?.allocatable ?? {}];
  if (now['pods'] !== before['pods']) return true;
  const wanted = ['cpu', 'memory', 'ephemeral-storage'] as const;
  if (wanted.some((plain) => requests[plain] > 0 && now[plain] !== before[plain])) return true;
  return [...(requests.others?.keys() ?? [])].some((other) => now[other] !== before[other]);
}

/** Whether a pod that went, or asks for less now, gives back some of what the other wants. */
function frees(before: PodInfo, after: PodInfo | undefined, { requests }: PodInfo): boolean {
  if (!after) return true;
  if (after.terminating !== before.terminating) return false;
  const wanted = ['cpu', 'memory', 'ephemeral-storage'] as const;
  return wanted.some((plain) => requests[plain] > 0 && after.requests[plain] < before.requests[plain]);
}
