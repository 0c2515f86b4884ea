import { availableIn, isReady } from '../pods.ts';
import { byPlaceAndAge, isUpdated } from './daemon-pod.ts';
import type { Daemons } from './placement.ts';
import type { DaemonSetStatus } from './types.ts';

/** The counts of a DaemonSet's status: of nodes, by the pod that has been there for the longest. */
export function countDaemons({ set, hash, nodes, pods, now }: Daemons): Omit<DaemonSetStatus, 'observedGeneration'> {
  const there = (name: string) => pods.get(name)?.toSorted(byPlaceAndAge)[0];
  const wanted = nodes.filter(({ placement }) => placement === 'run');
  const scheduled = wanted.map(({ name }) => there(name)).filter((pod) => pod !== undefined);
  const ready = scheduled.filter(isReady);
  const available = ready.filter((pod) => availableIn(pod, set.spec?.minReadySeconds ?? 0, now) === 0);
  return {
    desiredNumberScheduled: wanted.length,
    currentNumberScheduled: scheduled.length,
    numberMisscheduled: nodes.filter(({ name, placement }) => placement !== 'run' && pods.has(name)).length,
    numberReady: ready.length,
    updatedNumberScheduled: scheduled.filter((pod) => isUpdated(set, pod, hash)).length,
    numberAvailable: available.length,
    numberUnavailable: wanted.length - available.length,
  };
}
