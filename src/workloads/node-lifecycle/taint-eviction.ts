import { type Controller, createController, type PlatformContext, type ReconcileResult } from '../../client/index.ts';
import { isReason, keyOf, timestamp } from '../../machinery/index.ts';
import { nodes, pods } from '../resources.ts';
import { isTolerated } from '../taints.ts';
import type { Node, Pod, Taint } from '../types.ts';
import { nodeIndex, podsOnNode } from './pods-on-node.ts';

/**
 * Sends pods away from nodes whose NoExecute taints they do not tolerate, or no longer: after as many seconds as the
 * shortest of the tolerations says (kube-controller-manager's taint-eviction-controller).
 */
export function taintEvictionController(context: PlatformContext): Controller {
  const name = 'taint-eviction-controller';
  const { client, informers } = context;
  const recorder = context.recorder(name);
  const podInformer = informers.for(pods);
  const nodeInformer = informers.for(nodes);
  podInformer.addIndex('node', nodeIndex);
  /** Since when pods are to go, in milliseconds: a taint that comes to others does not give them more time. */
  const doomed = new Map<string, { uid: string | undefined; since: number }>();

  async function reconcile(key: string): Promise<ReconcileResult | undefined> {
    const pod = podInformer.get(key) as Pod | undefined;
    const node = pod?.spec?.nodeName ? (nodeInformer.get(pod.spec.nodeName) as Node | undefined) : undefined;
    const patience = pod && !pod.metadata.deletionTimestamp ? patienceOf(pod, executing(node)) : undefined;
    if (!pod || patience === undefined) return reprieve(key, pod);
    const now = Date.now();
    let fate = doomed.get(key);
    if (fate?.uid !== pod.metadata.uid) fate = undefined;
    if (!fate) {
      fate = { uid: pod.metadata.uid, since: now };
      doomed.set(key, fate);
    }
    const left = fate.since + patience - now;
    if (left > 0) return { requeueAfter: left };
    doomed.delete(key);
    await evict(pod);
    return undefined;
  }

  function reprieve(key: string, pod: Pod | undefined): undefined {
    const fate = doomed.get(key);
    doomed.delete(key);
    if (!fate || !pod || pod.metadata.deletionTimestamp) return;
    recorder.event(pod, 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${key}`);
  }

  async function evict(pod: Pod): Promise<void> {
    recorder.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${keyOf(pod)}`);
    const { uid, generation } = pod.metadata;
    const condition = {
      ...{ type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager' },
      message: 'Taint manager: deleting due to NoExecute taint',
      ...{ observedGeneration: generation, lastProbeTime: null, lastTransitionTime: timestamp() },
    };
    try {
      const patch = { metadata: { uid }, status: { conditions: [condition] } };
      await client.patch(pods, pod.metadata, 'strategic', patch, { subresource: 'status' });
      await client.delete(pods, pod.metadata, { uid });
    } catch (error) {
      if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) throw error;
    }
  }

  return createController({
    name,
    context,
    sources: [
      {
        resource: nodes,
        keys: (node, { old }) =>
          sameTaints(node as Node, old as Node | undefined)
            ? []
            : podsOnNode(podInformer, node.metadata.name).map(keyOf),
      },
      {
        resource: pods,
        keys(pod, { deleted }) {
          const on = nodeInformer.get((pod as Pod).spec?.nodeName ?? '') as Node | undefined;
          return executing(on).length > 0 || (deleted && doomed.has(keyOf(pod))) ? [keyOf(pod)] : [];
        },
      },
    ],
    reconcile,
  });
}

function executing(node: Node | undefined): Taint[] {
  return node?.spec?.taints?.filter(({ effect }) => effect === 'NoExecute') ?? [];
}

function sameTaints(node: Node, old: Node | undefined): boolean {
  const text = (of: Node | undefined) => JSON.stringify(executing(of).map(({ key, value }) => [key, value]));
  return text(node) === text(old);
}

/** How many milliseconds a pod may stay on a node with these taints: 0 if it tolerates one of them not at all; undefined for ever. */
function patienceOf({ spec }: Pod, taints: readonly Taint[]): number | undefined {
  if (taints.length === 0) return undefined;
  const used = (spec?.tolerations ?? []).filter((toleration) =>
    taints.some((taint) => isTolerated(taint, [toleration])),
  );
  if (!taints.every((taint) => isTolerated(taint, used))) return 0;
  const seconds = used.map(({ tolerationSeconds }) => tolerationSeconds).filter((each) => each !== undefined);
  return seconds.length === 0 ? undefined : Math.max(0, Math.min(...seconds)) * 1000;
}
