import {
  type Client,
  type Controller,
  createController,
  type PlatformContext,
  type ReconcileResult,
} from '../client/index.ts';
import { type KubeObject, keyOf, timestamp } from '../machinery/index.ts';
import { isFinished } from './pods.ts';
import { ignoringAbsence } from './refusals.ts';
import { nodes, pods } from './resources.ts';
import type { Node, Pod } from './types.ts';

/** Milliseconds for which a node must be missing before its pods are given up. */
const QUARANTINE = 40_000;
/** Pods that have ended are kept to be looked at; beyond so many the oldest go (upstream's --terminated-pod-gc-threshold). */
const KEPT_ENDED = 12_500;
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';
const endedIndex = 'ended';

/**
 * Removes the pods that no node is ever going to remove: those whose node has gone or is out of service, and those that are
 * deleted and were never bound to one.
 */
export function podGarbageCollector(context: PlatformContext, quarantine = QUARANTINE): Controller {
  const { client, informers } = context;
  const podInformer = informers.for(pods);
  const nodeInformer = informers.for(nodes);
  /** Since when nodes are missing, in milliseconds since the epoch. */
  const missing = new Map<string, number>();

  async function reconcile(key: string): Promise<ReconcileResult | undefined> {
    const pod = podInformer.get(key) as Pod | undefined;
    if (!pod) return undefined;
    const { deletionTimestamp } = pod.metadata;
    const nodeName = pod.spec?.nodeName;
    if (!nodeName) {
      if (deletionTimestamp) await removePod(client, pod);
      return undefined;
    }
    const node = nodeInformer.get(nodeName) as Node | undefined;
    if (!node) return removeOrphan(pod, nodeName);
    if (deletionTimestamp && isOutOfService(node)) await removePod(client, pod);
    return undefined;
  }

  async function removeOrphan(pod: Pod, nodeName: string): Promise<ReconcileResult | undefined> {
    const since = missing.get(nodeName) ?? Date.now();
    missing.set(nodeName, since);
    const left = since + quarantine - Date.now();
    if (left > 0) return { requeueAfter: left };
    // The cache may only be behind.
    if (await client.find(nodes, { name: nodeName })) return { requeueAfter: quarantine };
    await removePod(client, pod, { reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' });
    return undefined;
  }

  function keysOfPod(pod: KubeObject, { deleted }: { deleted: boolean }): string[] {
    if (deleted) return [];
    const nodeName = (pod as Pod).spec?.nodeName;
    const concerned = pod.metadata.deletionTimestamp || (nodeName && !nodeInformer.get(nodeName));
    return concerned ? [keyOf(pod)] : [];
  }

  /** The pods of a node that has gone or is out of service: rare enough to look for them among all. */
  function keysOfNode(node: KubeObject, { deleted }: { deleted: boolean }): string[] {
    const { name } = node.metadata;
    if (!deleted) missing.delete(name);
    if (!deleted && !isOutOfService(node as Node)) return [];
    return (podInformer.list() as Pod[]).filter(({ spec }) => spec?.nodeName === name).map(keyOf);
  }

  return createController({
    name: 'pod-garbage-collector',
    context,
    sources: [
      { resource: pods, keys: keysOfPod },
      { resource: nodes, keys: keysOfNode },
    ],
    reconcile,
  });
}

/** Removes the oldest of the pods that have ended, those that were evicted first, when they are too many. */
export function endedPodCollector(context: PlatformContext, kept = KEPT_ENDED): Controller {
  const podInformer = context.informers.for(pods);
  podInformer.addIndex(endedIndex, (pod) => (isFinished(pod as Pod) ? [''] : []));

  async function reconcile(): Promise<undefined> {
    const ended = podInformer.byIndex(endedIndex, '').filter(({ metadata }) => !metadata.deletionTimestamp) as Pod[];
    if (ended.length <= kept) return;
    const oldest = ended.toSorted(leastMissed).slice(0, ended.length - kept);
    for (const pod of oldest) await removePod(context.client, pod);
  }

  return createController({
    name: 'ended-pod-collector',
    context,
    sources: [{ resource: pods, keys: (pod, { deleted }) => (!deleted && isFinished(pod as Pod) ? ['ended'] : []) }],
    reconcile,
    workers: 1,
  });
}

function leastMissed(a: Pod, b: Pod): number {
  const wasEvicted = ({ status }: Pod): boolean => status?.phase === 'Failed' && status.reason === 'Evicted';
  const first = Number(wasEvicted(b)) - Number(wasEvicted(a));
  if (first !== 0) return first;
  const [one, other] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp} ${metadata.name}`);
  return (one ?? '') < (other ?? '') ? -1 : 1;
}

function isOutOfService({ spec, status }: Node): boolean {
  const isReady = status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True');
  return !isReady && (spec?.taints?.some(({ key }) => key === OUT_OF_SERVICE) ?? false);
}

/** Says that a pod has failed, if it has not ended, and deletes it without waiting for anybody. */
async function removePod(client: Client, pod: Pod, why?: { reason: string; message: string }): Promise<void> {
  const { uid } = pod.metadata;
  if (!isFinished(pod)) {
    const observedGeneration = pod.metadata.generation;
    const condition = { type: 'DisruptionTarget', status: 'True', lastTransitionTime: timestamp(), observedGeneration };
    // The others are named to say that this one comes last.
    const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== condition.type);
    const conditions = why ? { conditions: [...others.map(({ type }) => ({ type })), { ...condition, ...why }] } : {};
    const patch = { metadata: { uid }, status: { phase: 'Failed', observedGeneration, ...conditions } };
    await ignoringAbsence(client.patch(pods, pod.metadata, 'strategic', patch, { subresource: 'status' }));
  }
  await ignoringAbsence(client.delete(pods, pod.metadata, { gracePeriodSeconds: 0, ...(uid ? { uid } : {}) }));
}
