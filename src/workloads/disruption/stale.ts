import { type Controller, createController, type PlatformContext, type ReconcileResult } from '../../client/index.ts';
import { type Condition, keyOf, timestamp } from '../../machinery/index.ts';
import { isFinished } from '../pods.ts';
import { ignoringAbsence } from '../refusals.ts';
import { pods } from '../resources.ts';
import type { Pod } from '../types.ts';

/** For so many milliseconds a pod may be called the target of a disruption without being deleted. */
const TIMEOUT = 2 * 60_000;

/** Takes back that pods are about to be disrupted, of those that were not. */
export function staleDisruptionController(context: PlatformContext): Controller {
  const { client, informers } = context;
  const informer = informers.for(pods);

  async function reconcile(key: string): Promise<ReconcileResult | undefined> {
    const pod = informer.get(key) as Pod | undefined;
    const target = pod && targetOf(pod);
    if (!pod || !target) return undefined;
    const left = (Date.parse(target.lastTransitionTime ?? '') || 0) + TIMEOUT - Date.now();
    if (left > 0) return { requeueAfter: left };
    const { uid, generation, resourceVersion } = pod.metadata;
    const taken = { type: target.type, status: 'False', lastTransitionTime: timestamp(), reason: null, message: null };
    const conditions = [{ ...taken, observedGeneration: generation }];
    const patch = { metadata: { uid, resourceVersion }, status: { conditions } };
    await ignoringAbsence(client.patch(pods, pod.metadata, 'strategic', patch, { subresource: 'status' }));
    return undefined;
  }

  return createController({
    name: 'stale-disruption-controller',
    context,
    sources: [{ resource: pods, keys: (pod, { deleted }) => (!deleted && targetOf(pod as Pod) ? [keyOf(pod)] : []) }],
    reconcile,
  });
}

/** What says that a pod is about to go that is there to stay. A kubelet may take longer, and has the last word. */
function targetOf(pod: Pod): Condition | undefined {
  if (pod.metadata.deletionTimestamp || isFinished(pod)) return undefined;
  const target = pod.status?.conditions?.find(({ type, status }) => type === 'DisruptionTarget' && status === 'True');
  return target?.reason === 'TerminationByKubelet' ? undefined : target;
}
