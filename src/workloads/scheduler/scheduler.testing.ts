import type { Client, Informer } from '../../client/index.ts';
import { type KubeObject, keyOf, parseLabelSelector } from '../../machinery/index.ts';
import type { Node, NodeSpec, Pod, PodSpec } from '../types.ts';
import type { PodDisruptionBudget } from './budgets.ts';
import { type Cluster, createCluster } from './cluster.ts';
import { decide, type Outcome } from './decide.ts';
import { createPlacer } from './placer.ts';
import { defaultPlugins } from './plugins/index.ts';
import { podInfoOf } from './pod-info.ts';
import { createStorage } from './storage.ts';

interface NodeFixture {
  spec?: NodeSpec;
  labels?: Record<string, string>;
  ready?: 'True' | 'False';
  allocatable?: Record<string, string>;
}

/** A node with two cores and 4 Gi, or what differs from that. */
export function node(name: string, { spec, labels = {}, ready = 'True', allocatable = {} }: NodeFixture = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec,
    status: {
      allocatable: { cpu: '2', memory: '4Gi', pods: '110', ...allocatable },
      conditions: [{ type: 'Ready', status: ready }],
    },
  };
}

let uids = 0;

/** A pod in the namespace 'a' whose only container asks for so much. */
export function pod(
  requests: Record<string, string> = {},
  spec: Partial<PodSpec> = {},
  labels: Record<string, string> = {},
): Pod {
  uids += 1;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `pod-${uids}`, namespace: 'a', uid: String(uids), labels },
    spec: { containers: [{ name: 'c', resources: { requests } }], ...spec },
  };
}

/** Deciding asks nothing of the API. */
const noClient = {} as Client;

/** Claims, volumes and classes by key, as an informer has them. */
function informerOf(objects: readonly KubeObject[]): Informer {
  const byKey = new Map(objects.map((object) => [keyOf(object), object]));
  return { get: (key: string) => byKey.get(key), list: () => [...objects] } as unknown as Informer;
}

export interface Scene {
  cluster: Cluster;
  /** Decides about a pod and, if a node takes it, puts it there. */
  place(pod: Pod): Outcome;
  /** The same, as the node's name or the message. */
  tell(pod: Pod): string;
}

/** A cluster of these nodes with these pods on them. */
export function sceneOf(
  nodes: readonly Node[],
  placed: readonly Pod[] = [],
  budgets: readonly PodDisruptionBudget[] = [],
  replicasOf?: string,
  storageObjects: readonly KubeObject[] = [],
): Scene {
  const storage = (kind: string) => informerOf(storageObjects.filter((object) => object.kind === kind));
  const cluster = createCluster((namespace) => ({ name: namespace }));
  for (const each of nodes) cluster.setNode(each);
  for (const each of placed) cluster.setPod(each);
  const placer = createPlacer(
    cluster,
    defaultPlugins(
      () => (replicasOf === undefined ? undefined : parseLabelSelector(replicasOf)),
      createStorage(noClient, {
        claims: storage('PersistentVolumeClaim'),
        volumes: storage('PersistentVolume'),
        classes: storage('StorageClass'),
      }),
    ),
  );
  const place = (wanted: Pod): Outcome => {
    const info = podInfoOf(wanted);
    const outcome = decide(info, placer, cluster, () => budgets);
    if ('node' in outcome) cluster.assume(info, outcome.node.name);
    return outcome;
  };
  const tell = (wanted: Pod): string => {
    const outcome = place(wanted);
    return 'node' in outcome ? outcome.node.name : outcome.message;
  };
  return { cluster, place, tell };
}
