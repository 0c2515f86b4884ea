import type { Client, EventRecorder } from '../../client/index.ts';
import { isReason, resourcePath, timestamp } from '../../machinery/index.ts';
import { pods } from '../resources.ts';
import type { Pod } from '../types.ts';
import type { PodInfo } from './pod-info.ts';

/** Writes down what was decided about pods. */
export interface Binder {
  bind(pod: Pod, node: string): Promise<void>;
  /**
   * Says in the condition PodScheduled and in an Event why a pod is on no node.
   * @param nominated the node where room is being made for it; null for none any more, undefined to leave what is there.
   */
  explain(pod: Pod, reason: string, message: string, nominated?: string | null): Promise<void>;
  /** Has a pod make room on its node for a more important one. */
  evict(victim: Pod, inFavourOf: PodInfo, node: string): Promise<void>;
  /** Takes back that room is being made for a pod. */
  withdraw(pod: Pod): Promise<void>;
}

export function createBinder(client: Client, recorder: EventRecorder, component: string): Binder {
  const patchStatus = async (pod: Pod, status: object): Promise<void> => {
    const patch = { metadata: { uid: pod.metadata.uid }, status };
    try {
      await client.patch(pods, pod.metadata, 'strategic', patch, { subresource: 'status' });
    } catch (error) {
      // Deleted, or another pod of that name by now: there is nobody to tell.
      if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) throw error;
    }
  };

  return {
    async bind(pod, node) {
      const { namespace, name, uid } = pod.metadata;
      await client.post(`${resourcePath(pods, { namespace, name })}/binding`, {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { namespace, name, uid },
        target: { apiVersion: 'v1', kind: 'Node', name: node },
      });
      recorder.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${node}`);
    },
    async explain(pod, reason, message, nominated) {
      recorder.event(pod, 'Warning', 'FailedScheduling', message);
      const nomination = nominated === undefined ? {} : { nominatedNodeName: nominated };
      const present = pod.status?.nominatedNodeName ?? null;
      const isKnown = saysSo(pod, reason, message) && (nominated === undefined || nominated === present);
      if (!isKnown) await patchStatus(pod, { conditions: [unscheduled(pod, reason, message)], ...nomination });
    },
    async evict(victim, inFavourOf, node) {
      if (!victim.metadata.deletionTimestamp) {
        await patchStatus(victim, { conditions: [preempted(victim, component)] });
        try {
          await client.delete(pods, victim.metadata, { uid: victim.metadata.uid });
        } catch (error) {
          if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) throw error;
        }
      }
      recorder.event(victim, 'Normal', 'Preempted', `Preempted by pod ${inFavourOf.uid} on node ${node}`);
    },
    withdraw: (pod) => patchStatus(pod, { nominatedNodeName: null }),
  };
}

function scheduledCondition(pod: Pod) {
  return pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
}

function saysSo(pod: Pod, reason: string, message: string): boolean {
  const current = scheduledCondition(pod);
  return current?.status === 'False' && current.reason === reason && current.message === message;
}

function unscheduled(pod: Pod, reason: string, message: string) {
  const current = scheduledCondition(pod);
  return {
    type: 'PodScheduled',
    status: 'False',
    reason,
    message,
    observedGeneration: pod.metadata.generation,
    lastProbeTime: null,
    lastTransitionTime: current?.status === 'False' ? current.lastTransitionTime : timestamp(),
  };
}

function preempted(pod: Pod, component: string) {
  return {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'PreemptionByScheduler',
    message: `${component}: preempting to accommodate a higher priority pod`,
    observedGeneration: pod.metadata.generation,
    lastProbeTime: null,
    lastTransitionTime: timestamp(),
  };
}
