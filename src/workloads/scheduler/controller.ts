import { type Controller, createController, type PlatformContext } from '../../client/index.ts';
import { isReason, type KubeObject, keyOf, resourcePath, timestamp } from '../../machinery/index.ts';
import { isFinished } from '../pods.ts';
import { nodes, pods } from '../resources.ts';
import type { Node, Pod } from '../types.ts';
import { createCluster } from './cluster.ts';
import { place } from './place.ts';

const name = 'default-scheduler';

/**
 * Assigns each pending pod to the node that suits it best. A pod that no node takes says why in its condition
 * PodScheduled and in an Event, and is tried again when a node changes or room becomes free.
 */
export function scheduler(context: PlatformContext): Controller {
  const { client, informers } = context;
  const recorder = context.recorder(name);
  const cluster = createCluster();
  const podInformer = informers.for(pods);
  const nodeInformer = informers.for(nodes);
  const unschedulable = new Set<string>();
  let detach: (() => void)[] = [];
  let stopped = false;

  function retryUnschedulable(): void {
    for (const key of unschedulable) controller.enqueue(key);
    unschedulable.clear();
  }

  async function reconcile(key: string): Promise<undefined> {
    const pod = podInformer.get(key) as Pod | undefined;
    if (!pod || !isPending(pod) || cluster.isAssumed(pod)) return;
    const placement = place(pod, cluster.nodes());
    if ('message' in placement) {
      unschedulable.add(key);
      await explain(pod, placement.message);
      return;
    }
    // Decided and counted in one go: other workers place their pods around this one while it is being bound.
    cluster.assume(pod, placement.node);
    try {
      await bind(pod, placement.node);
    } catch (error) {
      cluster.forget(pod);
      // Deleted, or bound by someone else: the informer tells.
      if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) throw error;
    }
  }

  async function bind(pod: Pod, node: string): Promise<void> {
    const { namespace, name: podName, uid } = pod.metadata;
    await client.post(`${resourcePath(pods, { namespace, name: podName })}/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { namespace, name: podName, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    });
    recorder.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${podName} to ${node}`);
  }

  async function explain(pod: Pod, message: string): Promise<void> {
    recorder.event(pod, 'Warning', 'FailedScheduling', message);
    const current = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    if (current?.status === 'False' && current.message === message) return;
    const lastTransitionTime = current?.status === 'False' ? current.lastTransitionTime : timestamp();
    const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime };
    try {
      const patch = { status: { conditions: [condition] } };
      await client.patch(pods, pod.metadata, 'strategic', patch, { subresource: 'status' });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }

  const controller = createController({
    name,
    context,
    // A change of status is no reason to look again: what would help is a change elsewhere.
    sources: [{ resource: pods, keys: (pod, { deleted, old }) => (!deleted && isNews(pod, old) ? [keyOf(pod)] : []) }],
    reconcile,
    workers: 8,
  });

  return {
    name,
    activity: controller.activity,
    start() {
      detach = [
        nodeInformer.addHandler({
          upsert(node, old) {
            cluster.setNode(node as Node);
            if (!old || isRelevantChange(node as Node, old as Node)) retryUnschedulable();
          },
          remove: (node) => cluster.removeNode(node.metadata.name),
        }),
        podInformer.addHandler({
          upsert(pod) {
            if (cluster.setPod(pod as Pod)) retryUnschedulable();
          },
          remove(pod) {
            unschedulable.delete(keyOf(pod));
            if (cluster.removePod(pod as Pod)) retryUnschedulable();
          },
        }),
      ];
      // No pod is refused before the nodes are known.
      void nodeInformer.synced.then(() => {
        if (!stopped) controller.start();
      });
    },
    async stop() {
      stopped = true;
      for (const end of detach) end();
      await controller.stop();
    },
  };
}

function isPending(pod: Pod): boolean {
  const { nodeName, schedulerName, schedulingGates } = pod.spec ?? {};
  const gated = (schedulingGates?.length ?? 0) > 0;
  const ours = schedulerName === undefined || schedulerName === name;
  return !nodeName && ours && !gated && !pod.metadata.deletionTimestamp && !isFinished(pod);
}

function isNews(pod: KubeObject, old: KubeObject | undefined): boolean {
  if (!isPending(pod as Pod)) return false;
  return !old || old.metadata.uid !== pod.metadata.uid || JSON.stringify(old.spec) !== JSON.stringify(pod.spec);
}

/** Heartbeats change a node's status all the time; only what a filter reads may help a waiting pod. */
function isRelevantChange(node: Node, old: Node): boolean {
  const read = ({ metadata, spec, status }: Node) => [
    metadata.labels,
    spec?.unschedulable,
    spec?.taints,
    status?.allocatable,
    status?.conditions?.find(({ type }) => type === 'Ready')?.status,
  ];
  return JSON.stringify(read(node)) !== JSON.stringify(read(old));
}
