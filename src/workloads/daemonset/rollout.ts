import { availableIn } from '../pods.ts';
import type { Pod } from '../types.ts';
import { isUpdated } from './daemon-pod.ts';
import { limitsOf } from './limits.ts';
import type { DaemonChanges } from './manage.ts';
import { type Daemons, type Placement, staying } from './placement.ts';

/** The one pod of the present template and the one of an earlier that a node has. */
interface Pair {
  node: string;
  placement: Placement | undefined;
  next?: Pod;
  old?: Pod;
  /** There are several of one kind: missingAndExcess puts that right first. */
  crowded: boolean;
}

/** The next step of a rolling update: pods of earlier templates that may go, and nodes that may have a new one beside them. */
export function rollingStep(daemons: Daemons): DaemonChanges {
  const desired = daemons.nodes.filter(({ placement }) => placement === 'run').length;
  const { maxSurge, maxUnavailable } = limitsOf(daemons.set, desired);
  const pairs = pairsOf(daemons);
  return maxSurge === 0
    ? { create: [], remove: replaceable(daemons, pairs, maxUnavailable) }
    : surging(daemons, pairs, maxSurge, desired);
}

function pairsOf(daemons: Daemons): Pair[] {
  const placements = new Map(daemons.nodes.map(({ name, placement }) => [name, placement]));
  const wanted = daemons.nodes.filter(({ placement }) => placement === 'run').map(({ name }) => name);
  return [...new Set([...wanted, ...daemons.pods.keys()])].map((node) => {
    const pods = staying(daemons.pods.get(node));
    const next = pods.filter((pod) => isUpdated(daemons.set, pod, daemons.hash));
    const old = pods.filter((pod) => !next.includes(pod));
    const crowded = next.length > 1 || old.length > 1;
    return { node, placement: placements.get(node), next: next[0], old: old[0], crowded };
  });
}

/** Old pods that are not available go at once; of the others, as many as may be unavailable beside what is already. */
function replaceable(daemons: Daemons, pairs: readonly Pair[], maxUnavailable: number): Pod[] {
  const broken: Pod[] = [];
  const candidates: Pod[] = [];
  let unavailable = 0;
  for (const { next, old, crowded } of pairs) {
    if (old && !next && !crowded) {
      if (isAvailable(daemons, old)) candidates.push(old);
      else broken.push(old);
    } else if (crowded || old || !next || !isAvailable(daemons, next)) {
      unavailable += 1;
    }
  }
  const room = Math.max(0, maxUnavailable - unavailable - broken.length);
  return [...broken, ...candidates.slice(0, room)];
}

function surging(daemons: Daemons, pairs: readonly Pair[], maxSurge: number, desired: number): DaemonChanges {
  const changes: DaemonChanges = { create: [], remove: [] };
  const candidates: string[] = [];
  const unwanted: Pod[] = [];
  let surge = 0;
  let available = 0;
  for (const pair of pairs) {
    const { node, next, old, crowded } = pair;
    const counted = old ?? next;
    if (!crowded && counted && isAvailable(daemons, counted)) available += 1;
    if (crowded) surge += 1;
    else if (old && next) {
      if (isAvailable(daemons, next)) changes.remove.push(old);
      else surge += 1;
    } else if (old) {
      const works = isAvailable(daemons, old);
      if (pair.placement === 'run') (works ? candidates : changes.create).push(node);
      else (works ? unwanted : changes.remove).push(old);
    }
  }
  changes.create.push(...candidates.slice(0, Math.max(0, maxSurge - surge)));
  // A pod that works stays on a node that should have none until another node has one in its stead.
  changes.remove.push(...unwanted.slice(0, Math.max(0, available - desired)));
  return changes;
}

function isAvailable({ set, now }: Daemons, pod: Pod): boolean {
  return availableIn(pod, set.spec?.minReadySeconds ?? 0, now) === 0;
}
