import type { Client, Informers } from '../../client/index.ts';
import {
  controllerOf,
  groupOf,
  groupResource,
  isReason,
  type KubeObject,
  type OwnerReference,
  objectKey,
} from '../../machinery/index.ts';
import { deployments, replicaSets } from '../resources.ts';
import { shareOf } from '../share.ts';
import type { Pod, ReplicaSet } from '../types.ts';
import type { Budget } from './types.ts';

export interface Expected {
  /** How many pods there are to be. */
  expected: number;
  /** How many of them are to be healthy at all times. */
  desired: number;
  /** Names of pods that no controller manages: nobody knows how many of them there are to be. */
  unmanaged: string[];
}

type Scaled = KubeObject<{ replicas?: number }>;

export interface Workloads {
  client: Client;
  informers: Informers;
}

/** What a budget asks for, of the pods that it selects. @throws Error for a pod whose controller's scale nobody knows. */
export async function expectedOf(workloads: Workloads, { spec }: Budget, pods: readonly Pod[]): Promise<Expected> {
  const { minAvailable, maxUnavailable } = spec ?? {};
  if (maxUnavailable === undefined && typeof minAvailable === 'number') {
    return { expected: pods.length, desired: minAvailable, unmanaged: [] };
  }
  if (maxUnavailable === undefined && minAvailable === undefined) return { expected: 0, desired: 0, unmanaged: [] };
  const { expected, unmanaged } = await scaleOf(workloads, pods);
  // A share is rounded up.
  const desired =
    maxUnavailable === undefined
      ? shareOf(minAvailable ?? 0, expected, Math.ceil)
      : Math.max(0, expected - shareOf(maxUnavailable, expected, Math.ceil));
  return { expected, desired, unmanaged };
}

/** How many pods the controllers of these pods want together. */
async function scaleOf(workloads: Workloads, pods: readonly Pod[]): Promise<Omit<Expected, 'desired'>> {
  const scales = new Map<string, number>();
  const unmanaged: string[] = [];
  /** Pods of one owner have one controller. */
  const asked = new Set<string>();
  for (const pod of pods) {
    const owner = controllerOf(pod);
    if (!owner) unmanaged.push(pod.metadata.name);
    if (!owner || asked.has(owner.uid)) continue;
    asked.add(owner.uid);
    const found = await controllerScale(workloads, owner, pod.metadata.namespace ?? '');
    if (!found) throw new Error(`found no controllers for pod ${JSON.stringify(pod.metadata.name)}`);
    scales.set(found.uid, found.replicas);
  }
  const expected = [...scales.values()].reduce((sum, replicas) => sum + replicas, 0);
  return { expected, unmanaged };
}

interface Found {
  uid: string;
  replicas: number;
}

/** Of a ReplicaSet's pods the Deployment counts, if it has one. Other kinds are asked for their scale. */
async function controllerScale(
  { client, informers }: Workloads,
  owner: OwnerReference,
  namespace: string,
): Promise<Found | undefined> {
  if (owner.kind !== 'ReplicaSet' || groupOf(owner.apiVersion) !== 'apps') return askScale(client, owner, namespace);
  const set = informers.for(replicaSets).get(objectKey(owner.name, namespace)) as ReplicaSet | undefined;
  if (set?.metadata.uid !== owner.uid) return undefined;
  const manager = controllerOf(set);
  if (manager?.kind !== 'Deployment') return foundIn(set as Scaled);
  const deployment = informers.for(deployments).get(objectKey(manager.name, namespace));
  return deployment?.metadata.uid === manager.uid ? foundIn(deployment as Scaled) : undefined;
}

async function askScale(client: Client, owner: OwnerReference, namespace: string): Promise<Found | undefined> {
  const resource = await client.resourceFor(owner.apiVersion, owner.kind);
  if (!resource) {
    throw new Error(`no matches for kind ${JSON.stringify(owner.kind)} in version ${JSON.stringify(owner.apiVersion)}`);
  }
  try {
    const scale = await client.get<Scaled>(resource, { name: owner.name, namespace }, 'scale');
    return scale.metadata.uid === owner.uid ? foundIn(scale) : undefined;
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
    if (!(await client.find(resource, { name: owner.name, namespace }))) return undefined;
    throw new Error(`${groupResource(resource)} does not implement the scale subresource`);
  }
}

function foundIn({ metadata, spec }: Scaled): Found {
  return { uid: metadata.uid ?? '', replicas: spec?.replicas ?? 0 };
}
