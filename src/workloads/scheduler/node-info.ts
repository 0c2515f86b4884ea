import type { Node, Taint } from '../types.ts';
import type { PodInfo } from './pod-info.ts';
import { addResources, noResources, type Resources, resourcesOf } from './resources.ts';

/** A node, and what the pods on it leave free. */
export interface NodeInfo {
  readonly name: string;
  node: Node;
  labels: Readonly<Record<string, string>>;
  /** Taints that keep pods away. */
  repelling: readonly Taint[];
  /** Taints that make pods rather go elsewhere. */
  discouraging: readonly Taint[];
  allocatable: Resources;
  readonly requested: Resources;
  /** What scoring takes the pods to ask for. */
  readonly scored: Resources;
  readonly pods: Map<string, PodInfo>;
  /** Host ports in use ('TCP/0.0.0.0/80') and how many pods use each. */
  readonly hostPorts: Map<string, number>;
  /** Bytes of the images on the node, by name. */
  images: ReadonlyMap<string, number>;
}

const noLabels: Readonly<Record<string, string>> = {};

export function nodeInfoOf(node: Node): NodeInfo {
  return {
    name: node.metadata.name,
    ...factsOf(node),
    requested: noResources(),
    scored: noResources(),
    pods: new Map(),
    hostPorts: new Map(),
  };
}

/** What the Node object says, without the pods. */
export function factsOf(node: Node) {
  const taints = taintsOf(node);
  return {
    node,
    labels: node.metadata.labels ?? noLabels,
    repelling: taints.filter(({ effect }) => effect !== 'PreferNoSchedule'),
    discouraging: taints.filter(({ effect }) => effect === 'PreferNoSchedule'),
    allocatable: resourcesOf(node.status?.allocatable),
    images: imagesOf(node),
  };
}

/** A node that is not ready counts as tainted so, whether or not a controller has got round to it. */
function taintsOf({ spec, status }: Node): readonly Taint[] {
  const taints = spec?.taints ?? [];
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  const isSaid = taints.some(
    ({ key }) => key === 'node.kubernetes.io/not-ready' || key === 'node.kubernetes.io/unreachable',
  );
  if (ready === 'True' || isSaid) return taints;
  return [...taints, { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }];
}

function imagesOf({ status }: Node): ReadonlyMap<string, number> {
  const images = new Map<string, number>();
  for (const { names = [], sizeBytes = 0 } of status?.images ?? []) {
    for (const name of names) images.set(name, sizeBytes);
  }
  return images;
}

/** Puts a pod on a node (1) or takes it off (-1). */
export function countPod(info: NodeInfo, pod: PodInfo, sign: 1 | -1): void {
  if (sign === 1) info.pods.set(pod.key, pod);
  else info.pods.delete(pod.key);
  addResources(info.requested, pod.requests, sign);
  info.scored.cpu += sign * pod.scored.cpu;
  info.scored.memory += sign * pod.scored.memory;
  for (const port of pod.hostPorts) {
    const uses = (info.hostPorts.get(port) ?? 0) + sign;
    if (uses > 0) info.hostPorts.set(port, uses);
    else info.hostPorts.delete(port);
  }
}
