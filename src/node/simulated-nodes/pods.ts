import { type Controller, createController, type PlatformContext } from '../../client/index.ts';
import { isReason, type KubeObject, keyOf } from '../../machinery/index.ts';
import { asPod, type Pod, pods } from '../pod.ts';
import { indexOf, prefixOf } from './node-object.ts';
import { runningStatus } from './pod-status.ts';

/** Pods of one node have addresses from PREFIX.2 to PREFIX.254. */
const [firstHost, lastHost] = [2, 254];

/**
 * The kubelets of all simulated nodes in one: pods on them run and are ready at once, and end at once when they are
 * deleted. It follows the pods that everybody follows, however many nodes there are.
 */
export function simulatedKubelets({ client, informers, ...context }: PlatformContext, count: number): Controller {
  const informer = informers.for(pods);
  /** The last number of the addresses in use, by node and by the pod's uid. */
  const addresses = new Map<number, Map<string, number>>();

  const nodeOf = ({ spec }: KubeObject): number | undefined => {
    const index = indexOf(String(spec?.['nodeName'] ?? ''));
    return index !== undefined && index <= count ? index : undefined;
  };

  function addressFor(node: number, pod: Pod): string {
    let used = addresses.get(node);
    if (!used) {
      used = new Map();
      addresses.set(node, used);
    }
    const prefix = prefixOf(node);
    const uid = pod.metadata.uid ?? '';
    const own = pod.status?.podIP?.startsWith(`${prefix}.`) ? Number(pod.status.podIP.slice(prefix.length + 1)) : 0;
    let host = used.get(uid) ?? own;
    if (host === 0) {
      const taken = new Set(used.values());
      host = firstHost;
      while (taken.has(host) && host < lastHost) host += 1;
    }
    used.set(uid, host);
    return `${prefix}.${host}`;
  }

  function free(object: KubeObject): void {
    const node = nodeOf(object);
    if (node !== undefined) addresses.get(node)?.delete(object.metadata.uid ?? '');
  }

  async function reconcile(key: string): Promise<undefined> {
    const object = informer.get(key);
    const node = object && nodeOf(object);
    if (!object || node === undefined) return;
    const pod = asPod(object);
    try {
      if (pod.metadata.deletionTimestamp) {
        await client.delete(pods, pod.metadata, { gracePeriodSeconds: 0, uid: pod.metadata.uid });
      } else if (!isOver(pod)) {
        const status = runningStatus(pod, addressFor(node, pod), `${prefixOf(node)}.1`);
        await client.patch(pods, pod.metadata, 'merge', { status }, { subresource: 'status' });
      }
    } catch (error) {
      // Deleted, or another pod of that name by now.
      if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) throw error;
    }
  }

  return createController({
    name: 'simulated-kubelets',
    context: { client, informers, ...context },
    sources: [
      {
        resource: pods,
        keys(pod, { deleted }) {
          if (deleted) free(pod);
          return !deleted && nodeOf(pod) !== undefined && isNews(asPod(pod)) ? [keyOf(pod)] : [];
        },
      },
    ],
    reconcile,
    workers: 64,
  });
}

const isOver = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';

/** A pod that is not known to run yet, is to end, or whose readiness waits for others. */
function isNews({ metadata, spec, status }: Pod): boolean {
  if (metadata.deletionTimestamp || status?.phase !== 'Running') return true;
  const isTrue = (type: string) => status.conditions?.some((each) => each.type === type && each.status === 'True');
  const isOpen = (spec?.readinessGates ?? []).every(({ conditionType }) => isTrue(conditionType));
  return isOpen !== (isTrue('Ready') ?? false);
}
