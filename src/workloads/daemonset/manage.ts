import type { KubeObject } from '../../machinery/index.ts';
import { availableIn, isReady } from '../pods.ts';
import type { Pod } from '../types.ts';
import { byPlaceAndAge, hashLabel } from './daemon-pod.ts';
import { allowsSurge } from './limits.ts';
import { type Daemons, staying } from './placement.ts';

/** The nodes that are to get a pod, and the pods that are to go. */
export interface DaemonChanges {
  create: string[];
  remove: Pod[];
}

/** What happens to pods that have come to an end. */
export interface Endings {
  /** Whether a failed pod may be deleted now. */
  mayReplace(pod: Pod, node: string): boolean;
  succeeded(pod: Pod, node: string): void;
}

/** What is to be done so that every node has the pod that it should have, and no other, whatever its template. */
export function missingAndExcess(daemons: Daemons, endings: Endings): DaemonChanges {
  const changes: DaemonChanges = { create: [], remove: [] };
  const known = new Set<string>();
  for (const { name, placement } of daemons.nodes) {
    known.add(name);
    const pods = daemons.pods.get(name);
    if (!pods) {
      if (placement === 'run') changes.create.push(name);
      continue;
    }
    if (placement === 'leave') changes.remove.push(...staying(pods));
    else tendNode(daemons, { name, mayCreate: placement === 'run' }, endings, changes);
  }
  // Pods that wait for a node which has gone: nothing else would ever end them.
  for (const [name, pods] of daemons.pods) {
    if (!known.has(name)) changes.remove.push(...pods.filter((pod) => !pod.spec?.nodeName));
  }
  return changes;
}

function tendNode(
  daemons: Daemons,
  node: { name: string; mayCreate: boolean },
  endings: Endings,
  changes: DaemonChanges,
): void {
  const running: Pod[] = [];
  for (const pod of staying(daemons.pods.get(node.name))) {
    if (pod.status?.phase === 'Failed') {
      if (endings.mayReplace(pod, node.name)) changes.remove.push(pod);
    } else if (pod.status?.phase === 'Succeeded') {
      endings.succeeded(pod, node.name);
      changes.remove.push(pod);
    } else {
      running.push(pod);
    }
  }
  running.sort(byPlaceAndAge);
  if (!allowsSurge(daemons.set)) {
    changes.remove.push(...running.slice(1));
  } else if (running.length === 0) {
    if (node.mayCreate) changes.create.push(node.name);
  } else if (running.length > 1) {
    changes.remove.push(...excessOfSurge(daemons, running));
  }
}

/** A surging node may keep two pods: an old one that is ready, until a new one is available. */
function excessOfSurge({ set, hash, now }: Daemons, running: readonly Pod[]): Pod[] {
  const isNew = ({ metadata }: KubeObject): boolean => metadata.labels?.[hashLabel] === hash;
  const newest = running.find(isNew);
  const old = running.find((pod) => !isNew(pod));
  const excess = running.filter((pod) => pod !== newest && pod !== old);
  if (!newest || !old) return excess;
  const isReplaced = !isReady(old) || availableIn(newest as Pod, set.spec?.minReadySeconds ?? 0, now) === 0;
  return isReplaced ? [...excess, old] : excess;
}
