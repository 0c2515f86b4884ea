import type { Pod } from '../types.ts';
import { revisionOf } from './identity.ts';
import { isAvailable, type Members, partitionOf } from './members.ts';
import { deleteMember } from './pod-writes.ts';
import type { Storage } from './storage.ts';

/**
 * Takes a step of a rolling update: down from the highest ordinal to the partition, the first member of another revision
 * is deleted, to be made anew, unless one above it is not available yet.
 * @returns the member that was deleted.
 */
export async function rollMembers(storage: Storage, members: Members): Promise<Pod | undefined> {
  const { set, range, replicas, update } = members;
  if (set.spec?.updateStrategy?.type === 'OnDelete') return undefined;
  for (let ordinal = range.end - 1; ordinal >= range.start + partitionOf(set); ordinal -= 1) {
    const pod = replicas.get(ordinal);
    if (!pod) return undefined;
    if (revisionOf(pod) !== update.name && !pod.metadata.deletionTimestamp) {
      await deleteMember(storage, set, pod);
      return pod;
    }
    if (!isAvailable(members, pod)) return undefined;
  }
  return undefined;
}
