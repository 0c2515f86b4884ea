import { keyOf } from '../../machinery/index.ts';
import { isFinished } from '../pods.ts';
import type { Node, Pod } from '../types.ts';
import { type Amounts, add, amountsOf, requestsOf } from './resources.ts';

/** A node and what the pods on it leave free. */
export interface NodeState {
  node: Node;
  allocatable: Amounts;
  requested: Map<string, number>;
  /** Host ports in use ('TCP/0.0.0.0/80') and how many pods use each. */
  hostPorts: Map<string, number>;
}

/**
 * What the scheduler knows of nodes and of the pods on them, kept up to date pod by pod. A pod counts from the moment
 * it is assumed to be on a node, before the API says so.
 */
export interface Cluster {
  setNode(node: Node): void;
  removeNode(name: string): void;
  /** Takes in a pod as it is now; returns true if it no longer takes the room that it took. */
  setPod(pod: Pod): boolean;
  removePod(pod: Pod): boolean;
  /** Counts a pod as being on a node until setPod confirms it or `forget` takes it back. */
  assume(pod: Pod, node: string): void;
  forget(pod: Pod): void;
  isAssumed(pod: Pod): boolean;
  nodes(): NodeState[];
}

interface Placed {
  node: string;
  uid: string | undefined;
  requests: Amounts;
  ports: string[];
}

export function createCluster(): Cluster {
  const states = new Map<string, NodeState>();
  const placed = new Map<string, Placed>();
  const assumed = new Set<string>();

  function count(pod: Placed, sign: 1 | -1): void {
    const state = states.get(pod.node);
    if (!state) return;
    add(state.requested, pod.requests, sign);
    for (const port of pod.ports) {
      const uses = (state.hostPorts.get(port) ?? 0) + sign;
      if (uses > 0) state.hostPorts.set(port, uses);
      else state.hostPorts.delete(port);
    }
  }

  function place(pod: Pod, node: string): void {
    const entry = { node, uid: pod.metadata.uid, requests: requestsOf(pod), ports: hostPortsOf(pod) };
    placed.set(keyOf(pod), entry);
    count(entry, 1);
  }

  function displace(key: string): boolean {
    const entry = placed.get(key);
    if (!entry) return false;
    placed.delete(key);
    assumed.delete(key);
    count(entry, -1);
    return true;
  }

  return {
    setNode(node) {
      const { name } = node.metadata;
      const known = states.get(name);
      const state: NodeState = {
        node,
        allocatable: amountsOf(node.status?.allocatable),
        requested: known?.requested ?? new Map(),
        hostPorts: known?.hostPorts ?? new Map(),
      };
      states.set(name, state);
      if (known) return;
      // Pods may be known before their node is.
      for (const pod of placed.values()) if (pod.node === name) count(pod, 1);
    },
    removeNode: (name) => void states.delete(name),
    setPod(pod) {
      const key = keyOf(pod);
      const node = pod.spec?.nodeName;
      if (isFinished(pod)) return displace(key);
      if (!node) return false;
      const before = placed.get(key);
      assumed.delete(key);
      if (before?.node === node && before.uid === pod.metadata.uid) return false;
      const freed = displace(key);
      place(pod, node);
      return freed;
    },
    removePod: (pod) => displace(keyOf(pod)),
    assume(pod, node) {
      displace(keyOf(pod));
      place(pod, node);
      assumed.add(keyOf(pod));
    },
    forget(pod) {
      if (assumed.has(keyOf(pod))) displace(keyOf(pod));
    },
    isAssumed: (pod) => assumed.has(keyOf(pod)) && placed.get(keyOf(pod))?.uid === pod.metadata.uid,
    nodes: () => [...states.values()],
  };
}

/** The host ports a pod's containers take, as 'PROTOCOL/ADDRESS/PORT'. */
export function hostPortsOf({ spec }: Pod): string[] {
  return (spec?.containers ?? []).flatMap(({ ports = [] }) =>
    ports
      .filter(({ hostPort }) => hostPort)
      .map(({ hostPort, hostIP, protocol }) => `${protocol ?? 'TCP'}/${hostIP || '0.0.0.0'}/${hostPort}`),
  );
}
