import type { Controller, PlatformContext } from '../../client/index.ts';
import { isReason, type KubeObject, keyOf } from '../../machinery/index.ts';
import {
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  pods,
  replicaSets,
  replicationControllers,
  services,
  statefulSets,
  storageClasses,
} from '../resources.ts';
import type { Node, Pod } from '../types.ts';
import { createBinder } from './binder.ts';
import type { PodDisruptionBudget } from './budgets.ts';
import { createCluster, type PodChange } from './cluster.ts';
import { decide, type Rejection } from './decide.ts';
import { isNews, isPending, isRelevantChange, schedulerName } from './news.ts';
import { type OwnerSources, ownerSelector } from './owner-selector.ts';
import { createPlacer } from './placer.ts';
import { defaultPlugins } from './plugins/index.ts';
import { type PodInfo, podInfoOf } from './pod-info.ts';
import { createSchedulingQueue } from './queue.ts';
import { createStorage, isBound, type StoragePlan, type StorageSources } from './storage.ts';

/** Pods that may be on their way to the API server at a time. More do not make it faster. */
const mostBindings = 256;
/** Milliseconds of decisions after which others get their turn. */
const slice = 5;

/**
 * Assigns each pending pod to the node that suits it best, as kube-scheduler with its default plugins does. A pod that no
 * node takes says why in its condition PodScheduled and in an Event, makes less important pods give way if that helps,
 * and is tried again when something changes that may help it.
 */
export function scheduler(context: PlatformContext): Controller {
  const { client, informers, log } = context;
  const recorder = context.recorder(schedulerName);
  const binder = createBinder(client, recorder, schedulerName);
  const podInformer = informers.for(pods);
  const nodeInformer = informers.for(nodes);
  const namespaceInformer = informers.for(namespaces, true);
  const budgets = informers.for(podDisruptionBudgets);
  const owners: OwnerSources = {
    services: informers.for(services),
    replicationControllers: informers.for(replicationControllers),
    replicaSets: informers.for(replicaSets),
    statefulSets: informers.for(statefulSets),
  };
  const cluster = createCluster((namespace) => namespaceInformer.get(namespace)?.metadata.labels);
  const sources: StorageSources = {
    claims: informers.for(persistentVolumeClaims),
    volumes: informers.for(persistentVolumes),
    classes: informers.for(storageClasses),
  };
  const storage = createStorage(client, sources);
  const plugins = defaultPlugins((pod) => ownerSelector(pod, owners), storage);
  const placer = createPlacer(cluster, plugins);
  const queue = createSchedulingQueue(plugins, wake);
  /** Pods whose binding, or whose message, is on its way. */
  const inFlight = new Map<string, Promise<void>>();
  /** Pods that wait for their volumes, and the way to end that. */
  const waiting = new Map<string, { done: Promise<void>; end: AbortController }>();
  const settling: (() => void)[] = [];
  let detach: (() => void)[] = [];
  let isRunning = false;
  let isStarted = false;
  let stopped = false;

  function wake(): void {
    if (isRunning || !isStarted || stopped) return;
    isRunning = true;
    setImmediate(run);
  }

  /** Decides until nothing is left to decide, its time is over, or too much is on its way. */
  function run(): void {
    const until = performance.now() + slice;
    while (!stopped && inFlight.size < mostBindings && performance.now() < until) {
      const pod = queue.next();
      if (!pod) break;
      attempt(pod);
    }
    isRunning = false;
    if (queue.length > 0 && inFlight.size < mostBindings) wake();
    tellSettled();
  }

  function attempt(known: PodInfo): void {
    const pod = podInformer.get(known.key) as Pod | undefined;
    if (!pod || !isPending(pod) || cluster.isAssumed(pod)) {
      queue.placed(known);
      return;
    }
    const info = pod === known.pod ? known : podInfoOf(pod);
    const outcome = decide(info, placer, cluster, () => budgets.list() as PodDisruptionBudget[]);
    if ('node' in outcome) {
      const node = outcome.node.name;
      cluster.nominate(info, undefined);
      cluster.assume(info, node);
      queue.placed(info);
      const claims = info.claims.length > 0 ? storage.claimsOf(info).claims.filter((claim) => !isBound(claim)) : [];
      const plan = claims.length > 0 ? storage.plan(claims, outcome.node) : undefined;
      if (plan) bindLater(info, node, plan);
      else track(info, bind(info, node));
    } else track(info, giveUp(info, outcome));
  }

  function track(pod: PodInfo, work: Promise<void>): void {
    const done = work
      .catch((error: unknown) => {
        log.warn({ err: error, pod: pod.key }, `scheduling ${pod.key} failed and is tried again`);
        queue.failed(pod);
      })
      .then(() => {
        if (inFlight.get(pod.key) === done) inFlight.delete(pod.key);
        wake();
        tellSettled();
      });
    inFlight.set(pod.key, done);
  }

  async function bind(info: PodInfo, node: string): Promise<void> {
    try {
      await binder.bind(info.pod, node);
    } catch (error) {
      forget(info);
      // Deleted, or bound by someone else: the informer tells.
      if (isReason(error, 'NotFound') || isReason(error, 'Conflict')) return;
      await binder.explain(info.pod, 'SchedulerError', messageOf(error));
      throw error;
    }
  }

  /** Takes back that a pod is on a node. */
  function forget(info: PodInfo): void {
    cluster.forget(info);
    queue.happened({ kind: 'pod', before: info, after: undefined });
  }

  /** Has the pod's volumes bound first, which takes as long as it takes; the others go on meanwhile. */
  function bindLater(info: PodInfo, node: string, plan: StoragePlan): void {
    const end = new AbortController();
    const done = storage.carryOut(plan, node, end.signal).then(
      () => track(info, bind(info, node)),
      (error: unknown) => {
        forget(info);
        if (!end.signal.aborted) track(info, bindingFailed(info, error));
      },
    );
    waiting.set(info.key, { done, end });
    void done.then(() => waiting.delete(info.key));
  }

  async function bindingFailed(info: PodInfo, error: unknown): Promise<void> {
    const message = `running PreBind plugin "VolumeBinding": binding volumes: ${messageOf(error)}`;
    await binder.explain(info.pod, 'SchedulerError', message);
    throw new Error(message);
  }

  /** Says why, and has others make room if that helps. */
  async function giveUp(info: PodInfo, { message, refusedBy, room }: Rejection): Promise<void> {
    const nominated = room === null ? null : room?.node;
    if (!room) {
      if (room === null) cluster.nominate(info, undefined);
      queue.refused(info, refusedBy);
      await binder.explain(info.pod, 'Unschedulable', message, nominated);
      return;
    }
    const { node, victims } = room;
    const others = [...(cluster.nominated.get(node)?.values() ?? [])].filter(
      ({ priority }) => priority < info.priority,
    );
    const nominee = podInfoOf({ ...info.pod, status: { ...info.pod.status, nominatedNodeName: node } });
    cluster.nominate(nominee, node);
    queue.refused(nominee, refusedBy);
    await binder.explain(info.pod, 'Unschedulable', message, nominated);
    await Promise.all(victims.map((victim) => binder.evict(victim.pod, info, node)));
    // Less important pods that room was being made for there have to look elsewhere.
    for (const other of others) {
      cluster.nominate(other, undefined);
      queue.add(other);
      await binder.withdraw(other.pod);
    }
  }

  function upsertPod(object: KubeObject, old: KubeObject | undefined): void {
    const pod = object as Pod;
    tell(cluster.setPod(pod));
    if (!isPending(pod)) {
      if (old && isPending(old as Pod)) forgetPending(old as Pod);
      return;
    }
    if (isNews(pod, old as Pod | undefined)) queue.add(podInfoOf(pod));
    const { nominatedNodeName } = pod.status ?? {};
    if (nominatedNodeName !== (old as Pod | undefined)?.status?.nominatedNodeName && !cluster.isAssumed(pod)) {
      cluster.nominate(podInfoOf(pod), nominatedNodeName || undefined);
    }
  }

  function forgetPending(pod: Pod): void {
    queue.remove(keyOf(pod));
    cluster.nominate(podInfoOf(pod), undefined);
  }

  function removePod(object: KubeObject): void {
    forgetPending(object as Pod);
    waiting.get(keyOf(object))?.end.abort();
    tell(cluster.removePod(object as Pod));
  }

  function tell(change: PodChange | undefined): void {
    if (change) queue.happened({ kind: 'pod', ...change });
  }

  function upsertNode(node: KubeObject, old: KubeObject | undefined): void {
    if (old && !isRelevantChange(node as Node, old as Node)) return;
    cluster.setNode(node as Node);
    queue.happened({ kind: 'node', node: node as Node, old: old as Node | undefined });
  }

  function claimChanged(claim: KubeObject): void {
    storage.claimChanged(keyOf(claim));
    queue.happened({ kind: 'claim', claim: keyOf(claim) });
  }

  function volumesChanged(): void {
    queue.happened({ kind: 'storage' });
  }

  function unsettled(): { key: string }[] {
    return [...new Set([...queue.pending(), ...inFlight.keys()])].map((key) => ({ key }));
  }

  function tellSettled(): void {
    if (settling.length > 0 && unsettled().length === 0) for (const resolve of settling.splice(0)) resolve();
  }

  const begun = Promise.all(
    [podInformer, nodeInformer, namespaceInformer, budgets, ...Object.values({ ...owners, ...sources })].map(
      ({ synced }) => synced,
    ),
  );

  return {
    name: schedulerName,
    activity: {
      unsettled,
      async settled() {
        await begun;
        if (unsettled().length > 0 && !stopped) await new Promise<void>((resolve) => settling.push(resolve));
      },
    },
    start() {
      detach = [
        nodeInformer.addHandler({ upsert: upsertNode, remove: ({ metadata }) => cluster.removeNode(metadata.name) }),
        podInformer.addHandler({ upsert: upsertPod, remove: removePod }),
        sources.claims.addHandler({ upsert: claimChanged, remove: claimChanged }),
        sources.volumes.addHandler({ upsert: volumesChanged, remove: volumesChanged }),
        sources.classes.addHandler({ upsert: volumesChanged }),
        namespaceInformer.addHandler({
          upsert(namespace, old) {
            if (!old || JSON.stringify(old.metadata.labels) === JSON.stringify(namespace.metadata.labels)) return;
            cluster.podCounts.forgetNamespaces();
            queue.happened({ kind: 'namespace' });
          },
        }),
      ];
      // No pod is refused before the nodes are known.
      void begun.then(() => {
        isStarted = true;
        wake();
      });
    },
    async stop() {
      stopped = true;
      for (const end of detach) end();
      queue.stop();
      for (const { end } of waiting.values()) end.abort();
      await Promise.all([...waiting.values()].map(({ done }) => done));
      await Promise.all(inFlight.values());
      for (const resolve of settling.splice(0)) resolve();
    },
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
