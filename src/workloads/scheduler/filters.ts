import { isTolerated, type Taint } from '../taints.ts';
import type { Pod } from '../types.ts';
import { matchesNode } from './affinity.ts';
import { hostPortsOf, type NodeState } from './cluster.ts';
import type { Amounts } from './resources.ts';

/** Why a node does not take a pod, in upstream's words; `final` if making room would not change that. */
export interface Refusal {
  reasons: string[];
  final: boolean;
}

/** undefined if the pod may run on the node. */
export function refusalOf(pod: Pod, requests: Amounts, state: NodeState): Refusal | undefined {
  const reason = unsuitable(pod, state);
  if (reason) return { reasons: [reason], final: true };
  if (hasPortConflict(pod, state)) {
    return { reasons: ["node(s) didn't have free ports for the requested pod ports"], final: false };
  }
  return lackOf(requests, state);
}

/** The first thing about the node itself that keeps the pod away, in upstream's order of filters. */
function unsuitable(pod: Pod, { node }: NodeState): string | undefined {
  const tolerations = pod.spec?.tolerations ?? [];
  const unschedulable = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
  if (node.spec?.unschedulable && !isTolerated(unschedulable, tolerations)) return 'node(s) were unschedulable';
  const taint = taintsOf(node).find((each) => !isTolerated(each, tolerations));
  if (taint) return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`;
  return matchesNode(pod, node) ? undefined : "node(s) didn't match Pod's node affinity/selector";
}

/** A node that is not ready counts as tainted so, whether or not a controller has got round to it. */
function taintsOf({ spec, status }: NodeState['node']): Taint[] {
  const taints = (spec?.taints ?? []).filter(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute');
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True') return taints;
  return [...taints, { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }];
}

/** The address 0.0.0.0 stands for all addresses of the node. */
function hasPortConflict(pod: Pod, { hostPorts }: NodeState): boolean {
  const wanted = hostPortsOf(pod);
  if (wanted.length === 0 || hostPorts.size === 0) return false;
  const used = [...hostPorts.keys()];
  return wanted.some((want) => used.some((use) => overlaps(want, use)));
}

function overlaps(a: string, b: string): boolean {
  const [protocol, address, port] = a.split('/');
  const [otherProtocol, otherAddress, otherPort] = b.split('/');
  const sameAddress = address === otherAddress || address === '0.0.0.0' || otherAddress === '0.0.0.0';
  return protocol === otherProtocol && port === otherPort && sameAddress;
}

function lackOf(requests: Amounts, { allocatable, requested }: NodeState): Refusal | undefined {
  const reasons: string[] = [];
  let final = false;
  for (const [name, amount] of requests) {
    if (amount === 0) continue;
    const capacity = allocatable.get(name) ?? 0;
    if ((requested.get(name) ?? 0) + amount <= capacity) continue;
    reasons.push(name === 'pods' ? 'Too many pods' : `Insufficient ${name}`);
    // Not even an empty node of this size would do.
    if (amount > capacity) final = true;
  }
  return reasons.length > 0 ? { reasons, final } : undefined;
}

/** How much of the node's cpu and memory would stay free, from 0 to 1: the emptier, the better (LeastAllocated). */
export function scoreOf(requests: Amounts, { allocatable, requested }: NodeState): number {
  const free = ['cpu', 'memory'].map((name) => {
    const capacity = allocatable.get(name) ?? 0;
    const used = (requested.get(name) ?? 0) + (requests.get(name) ?? 0);
    return capacity === 0 ? 0 : Math.max(0, capacity - used) / capacity;
  });
  return free.reduce((sum, each) => sum + each, 0) / free.length;
}
