import { type Controller, createController, type PlatformContext } from '../client/index.ts';
import { type Condition, type KubeObject, keyOf, resourceOf, timestamp } from '../machinery/index.ts';

const nodes = resourceOf('v1', 'Node');
const pods = resourceOf('v1', 'Pod');

/** Room for whatever a test asks for, unless it asks for the impossible. */
const AMPLE = { cpu: '64', memory: '64Gi', pods: '5000' };

/** Makes a node that is ready and has nothing but room. */
export async function addNode(
  { client }: PlatformContext,
  name: string,
  allocatable: Record<string, string> = AMPLE,
): Promise<void> {
  const conditions = [{ type: 'Ready', status: 'True', reason: 'Test', message: '' }];
  // As a kubelet does: replicas are spread over what has different values of it.
  const labels = { 'kubernetes.io/hostname': name };
  await client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } });
  const status = { allocatable, capacity: allocatable, conditions };
  await client.patch(nodes, { name }, 'merge', { status }, { subresource: 'status' });
}

/**
 * Says of every pod that is bound to a node that it runs, and lets go at once of those that are deleted.
 * @param isReady whether a pod is to be Ready.
 */
export function seemingKubelet(context: PlatformContext, isReady: (pod: KubeObject) => boolean): Controller {
  const { client, informers } = context;
  let addresses = 0;
  return createController({
    name: 'seeming-kubelet',
    context,
    sources: [{ resource: pods, keys: (pod) => (pod.spec?.['nodeName'] ? [keyOf(pod)] : []) }],
    workers: 8,
    async reconcile(key) {
      const pod = informers.for(pods).get(key);
      if (!pod) return undefined;
      if (pod.metadata.deletionTimestamp) {
        // Whoever holds the pod back waits for its containers to end.
        if (pod.metadata.finalizers && pod.status?.['phase'] === 'Running') {
          await client.patch(pods, pod.metadata, 'merge', { status: { phase: 'Failed' } }, { subresource: 'status' });
        }
        await client.delete(pods, pod.metadata, { gracePeriodSeconds: 0, uid: pod.metadata.uid });
        return undefined;
      }
      const status = isReady(pod) ? 'True' : 'False';
      const conditions = (pod.status?.['conditions'] ?? []) as Condition[];
      if (conditions.some((each) => each.type === 'Ready' && each.status === status)) return undefined;
      addresses += 1;
      const podIP = pod.status?.['podIP'] ?? `10.1.${addresses >> 8}.${addresses & 255}`;
      const ready = { type: 'Ready', status, lastTransitionTime: timestamp() };
      const patch = { status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions: [ready] } };
      await client.patch(pods, pod.metadata, 'strategic', patch, { subresource: 'status' });
      return undefined;
    },
  });
}
