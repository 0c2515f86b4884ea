import { isReason, type KubeObject } from '../../machinery/index.ts';
import { ignoringAbsence, isNamespaceTerminating } from '../refusals.ts';
import { persistentVolumeClaims, pods } from '../resources.ts';
import type { Pod } from '../types.ts';
import { hasIdentity, identityLabels, ordinalOf } from './identity.ts';
import { claimOwners, hasOtherController, hasWantedOwners } from './retention.ts';
import { claimsOf, ensureClaims, type Storage } from './storage.ts';
import type { StatefulSet } from './types.ts';

type Verb = 'create' | 'update' | 'delete';

/** Makes a member's claims and then the member. */
export async function createMember(storage: Storage, set: StatefulSet, pod: Pod): Promise<void> {
  await recorded(storage, 'create', set, pod, async () => {
    await ensureClaims(storage, set, pod, ordinalOf(set, pod) ?? 0);
    await storage.client.create(pods, pod as KubeObject);
  });
}

/** Asks for the deletion of a member; one that has gone meanwhile needs none. */
export async function deleteMember(storage: Storage, set: StatefulSet, pod: Pod): Promise<void> {
  await recorded(storage, 'delete', set, pod, () =>
    ignoringAbsence(storage.client.delete(pods, pod.metadata, { uid: pod.metadata.uid })),
  );
}

/** Gives a member back the labels that it is known by, and its claims the owners that the set's policy asks for. */
export async function correctMember(storage: Storage, set: StatefulSet, pod: Pod): Promise<void> {
  const ordinal = ordinalOf(set, pod) ?? 0;
  const wanted = claimsOf(storage, set, ordinal).every((claim) => hasWantedOwners(claim, set, pod));
  if (wanted && hasIdentity(pod)) return;
  await recorded(storage, 'update', set, pod, async () => {
    if (!wanted) await ownClaims(storage, set, pod);
    if (hasIdentity(pod)) return;
    const { name, uid, resourceVersion } = pod.metadata;
    const metadata = { uid, resourceVersion, labels: identityLabels(name, ordinal) };
    await storage.client.patch(pods, pod.metadata, 'merge', { metadata });
  });
}

/** Writes the owners of a member's claims where they are not what the set's policy asks for. */
export async function ownClaims(storage: Storage, set: StatefulSet, pod: Pod): Promise<void> {
  for (const claim of claimsOf(storage, set, ordinalOf(set, pod) ?? 0)) {
    const { name, uid, resourceVersion } = claim.metadata;
    if (hasOtherController(claim, set, pod)) {
      const message = `PersistentVolumeClaim ${name} has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim`;
      storage.recorder.event(set, 'Warning', 'ConflictingController', message);
    }
    if (hasWantedOwners(claim, set, pod)) continue;
    const patch = { metadata: { uid, resourceVersion, ownerReferences: claimOwners(set, pod, claim) ?? [] } };
    await storage.client.patch(persistentVolumeClaims, claim.metadata, 'merge', patch);
  }
}

/** Does something to a member and tells how it went in the set's Events. */
async function recorded(
  { recorder }: Storage,
  verb: Verb,
  set: StatefulSet,
  pod: Pod,
  action: () => Promise<void>,
): Promise<void> {
  const suffix = `${verb.charAt(0).toUpperCase()}${verb.slice(1)}`;
  const what = `${verb} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
  try {
    await action();
    recorder.event(set, 'Normal', `Successful${suffix}`, `${what} successful`);
  } catch (error) {
    if (!isRace(error)) {
      const why = error instanceof Error ? error.message : String(error);
      recorder.event(set, 'Warning', `Failed${suffix}`, `${what} failed error: ${why}`);
    }
    throw error;
  }
}

/** The cache was behind, or there is no place for the pod any more: nothing that anybody needs to know. */
function isRace(error: unknown): boolean {
  return isReason(error, 'AlreadyExists') || isReason(error, 'Conflict') || isNamespaceTerminating(error);
}
