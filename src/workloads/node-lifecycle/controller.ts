import { type Controller, createController, type PlatformContext, type ReconcileResult } from '../../client/index.ts';
import { type Condition, isReason, type KubeObject, timestamp } from '../../machinery/index.ts';
import { leases, nodes, pods } from '../resources.ts';
import type { Node, NodeCondition, Pod } from '../types.ts';
import { createHealthRecords, type Lease, type Patience, usualPatience } from './health.ts';
import { nodeIndex, podsOnNode } from './pods-on-node.ts';
import { wantedTaints } from './taints.ts';

/** The conditions of which nobody knows anything when the node is silent. */
const nodesOwn = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/**
 * Watches over nodes: one that has not been heard of for too long is in an unknown condition, what is wrong with a node
 * taints it, and pods on a node that is not ready are not ready (kube-controller-manager's node-lifecycle-controller).
 */
export function nodeLifecycleController(context: PlatformContext, patience: Patience = usualPatience): Controller {
  const { client, informers } = context;
  const recorder = context.recorder('node-controller');
  const nodeInformer = informers.for(nodes);
  const leaseInformer = informers.for(leases);
  const podInformer = informers.for(pods);
  podInformer.addIndex('node', nodeIndex);
  const health = createHealthRecords(patience);
  /** Nodes that are known, and whether each was ready at the last look. */
  const known = new Map<string, { node: Node; ready: boolean }>();

  async function reconcile(name: string): Promise<ReconcileResult | undefined> {
    const node = nodeInformer.get(name) as Node | undefined;
    if (!node) return forget(name);
    if (known.get(name)?.node.metadata.uid !== node.metadata.uid) {
      recorder.event(node, 'Normal', 'RegisteredNode', `Node ${name} event: Registered Node ${name} in Controller`);
    }
    const left = health.look(node, leaseInformer.get(`kube-node-lease/${name}`) as Lease | undefined);
    const current = left > 0 ? node : await markUnknown(node);
    const ready = isReady(current);
    const wasReady = known.get(name)?.ready ?? isReady(node);
    if (!ready && wasReady) await becameUnready(current);
    known.set(name, { node: current, ready });
    await taint(current);
    return left > 0 ? { requeueAfter: left } : undefined;
  }

  function forget(name: string): undefined {
    const gone = known.get(name)?.node;
    known.delete(name);
    health.forget(name);
    const message = `Node ${name} event: Removing Node ${name} from Controller`;
    if (gone) recorder.event(gone, 'Normal', 'RemovingNode', message);
  }

  async function markUnknown(node: Node): Promise<Node> {
    const present = node.status?.conditions ?? [];
    const changed = nodesOwn
      .map((type) =>
        unknown(
          type,
          present.find((condition) => condition.type === type),
          node,
        ),
      )
      .filter((condition) => condition !== undefined);
    if (changed.length === 0) return node;
    const patch = { status: { conditions: changed } };
    return client.patch<Node>(nodes, node.metadata, 'strategic', patch, { subresource: 'status' });
  }

  async function becameUnready(node: Node): Promise<void> {
    const { name } = node.metadata;
    recorder.event(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
    await Promise.all(podsOnNode(podInformer, name).map(markNotReady));
  }

  async function markNotReady(pod: Pod): Promise<void> {
    const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
    if (!ready || ready.status === 'False') return;
    const condition = { ...ready, status: 'False', lastTransitionTime: timestamp() };
    try {
      const patch = { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } };
      await client.patch(pods, pod.metadata, 'strategic', patch, { subresource: 'status' });
      recorder.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
    } catch (error) {
      if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) throw error;
    }
  }

  async function taint(node: Node): Promise<void> {
    // When no node is ready, the fault is not likely to be the nodes': nobody is sent away.
    const mayEvict = known.values().some((each) => each.ready);
    const taints = wantedTaints(node, mayEvict || isEvicting(node));
    if (!taints) return;
    const { resourceVersion } = node.metadata;
    await client.patch(nodes, node.metadata, 'merge', { metadata: { resourceVersion }, spec: { taints } });
  }

  return createController({
    name: 'node-lifecycle-controller',
    context,
    sources: [
      {
        resource: nodes,
        // Whether one node is ready decides whether pods are sent away from the others.
        keys: (node, { old }) => (old && isReady(old) !== isReady(node) ? known.keys() : [node.metadata.name]),
      },
      { resource: leases, keys: ({ metadata }) => (metadata.namespace === 'kube-node-lease' ? [metadata.name] : []) },
      // Only to follow them.
      { resource: pods, keys: () => [] },
    ],
    reconcile,
  });
}

const isReady = (node: KubeObject | undefined): boolean =>
  ((node?.status?.['conditions'] as Condition[] | undefined) ?? []).some(
    ({ type, status }) => type === 'Ready' && status === 'True',
  );

const isEvicting = ({ spec }: Node): boolean =>
  spec?.taints?.some(
    ({ key, effect }) =>
      effect === 'NoExecute' && (key === 'node.kubernetes.io/not-ready' || key === 'node.kubernetes.io/unreachable'),
  ) ?? false;

/** The condition when nobody knows; undefined if it says so already. */
function unknown(type: string, present: NodeCondition | undefined, node: Node): NodeCondition | undefined {
  if (present?.status === 'Unknown') return undefined;
  const told = present
    ? { reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' }
    : { reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' };
  const lastHeartbeatTime = present?.lastHeartbeatTime ?? node.metadata.creationTimestamp;
  return { type, status: 'Unknown', ...told, lastHeartbeatTime, lastTransitionTime: timestamp() };
}
