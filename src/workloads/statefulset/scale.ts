import { burst } from '../pod-control.ts';
import { isFinished } from '../pods.ts';
import type { Pod } from '../types.ts';
import { isAvailable, isRunningAndReady, type Members, newMember } from './members.ts';
import { correctMember, createMember, deleteMember, ownClaims } from './pod-writes.ts';
import { isStale } from './retention.ts';
import { claimsOf, ensureClaims, type Storage } from './storage.ts';

/** Whether everything is as it should be up to here, or what comes after has to wait. */
type Progress = 'done' | 'wait';

/**
 * Makes the members that are missing, deletes those beyond the set's size, and puts right what is wrong with the others.
 * In order: one after the other, up from the lowest ordinal and then down from the highest. Otherwise: all of them.
 */
export async function scaleMembers(storage: Storage, members: Members): Promise<Progress> {
  const grown = members.ordered ? await growInOrder(storage, members) : await growAtOnce(storage, members);
  if (grown === 'wait') return grown;
  for (const pod of members.condemned) await ownClaims(storage, members.set, pod);
  return members.ordered ? shrinkInOrder(storage, members) : shrinkAtOnce(storage, members);
}

async function growInOrder(storage: Storage, members: Members): Promise<Progress> {
  const { range, replicas } = members;
  for (let ordinal = range.start; ordinal < range.end; ordinal += 1) {
    const pod = replicas.get(ordinal);
    if (!pod) {
      await addMember(storage, members, ordinal);
      return 'wait';
    }
    if ((await tendMember(storage, members, pod, ordinal)) === 'wait') return 'wait';
  }
  return 'done';
}

/** Creates in batches of 1, 2, 4, …: if the first pod is refused, hundreds are not tried in vain. */
async function growAtOnce(storage: Storage, members: Members): Promise<Progress> {
  const { range, replicas } = members;
  const missing: number[] = [];
  for (let ordinal = range.start; ordinal < range.end && missing.length < burst; ordinal += 1) {
    const pod = replicas.get(ordinal);
    if (pod) await tendMember(storage, members, pod, ordinal);
    else missing.push(ordinal);
  }
  for (let start = 0, size = 1; start < missing.length; start += size, size *= 2) {
    await all(missing.slice(start, start + size), (ordinal) => addMember(storage, members, ordinal));
  }
  return 'done';
}

/** A claim that is still going away with an earlier pod of this name is waited for. */
async function addMember(storage: Storage, members: Members, ordinal: number): Promise<void> {
  const { set } = members;
  const pod = newMember(members, ordinal);
  const deleting = set.spec?.persistentVolumeClaimRetentionPolicy?.whenScaled === 'Delete';
  if (deleting && claimsOf(storage, set, ordinal).some((claim) => isStale(claim, pod))) return;
  await createMember(storage, set, pod);
}

async function tendMember(storage: Storage, members: Members, pod: Pod, ordinal: number): Promise<Progress> {
  const { set, ordered } = members;
  if (isFinished(pod)) {
    if (!pod.metadata.deletionTimestamp) await deleteMember(storage, set, pod);
    return 'wait';
  }
  if (pod.status?.phase === 'Pending') {
    await ensureClaims(storage, set, pod, ordinal);
    await ownClaims(storage, set, pod);
  }
  if (ordered && !isHealthy(members, pod)) return 'wait';
  await correctMember(storage, set, pod);
  return 'done';
}

/** The highest ordinal goes first; but one that is not healthy waits while a lower one is not healthy either. */
async function shrinkInOrder(storage: Storage, members: Members): Promise<Progress> {
  const [next] = members.condemned;
  if (!next) return 'done';
  const lowestUnhealthy = members.condemned.findLast((pod) => !isHealthy(members, pod));
  const mayGo = isHealthy(members, next) || next === lowestUnhealthy;
  if (mayGo && !next.metadata.deletionTimestamp) await deleteMember(storage, members.set, next);
  return 'wait';
}

async function shrinkAtOnce(storage: Storage, { set, condemned }: Members): Promise<Progress> {
  const staying = condemned.filter(({ metadata }) => !metadata.deletionTimestamp).slice(0, burst);
  await all(staying, (pod) => deleteMember(storage, set, pod));
  return 'done';
}

function isHealthy(members: Members, pod: Pod): boolean {
  return isRunningAndReady(pod) && isAvailable(members, pod);
}

/** Waits for every one, and throws the first error if there was any. */
async function all<T>(items: readonly T[], action: (item: T) => Promise<void>): Promise<void> {
  const outcomes = await Promise.allSettled(items.map(action));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed) throw failed.reason;
}
