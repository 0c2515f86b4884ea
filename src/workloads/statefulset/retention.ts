import { equalJson, type KubeObject, type OwnerReference, ownerReferenceTo } from '../../machinery/index.ts';
import type { Pod } from '../types.ts';
import { ordinalOf, ordinalRange } from './identity.ts';
import type { StatefulSet, VolumeClaim } from './types.ts';

/** Whether a claim belongs to an earlier set or pod of the same name: it is the garbage collector's, and left alone. */
export function isStale(claim: VolumeClaim, owner: KubeObject): boolean {
  const references = claim.metadata.ownerReferences ?? [];
  const named = references.find((reference) => names(reference, owner));
  return named !== undefined && named.uid !== owner.metadata.uid;
}

/** Whether something that is neither the set nor the pod manages the claim, so that the set's policy cannot. */
export function hasOtherController(claim: VolumeClaim, set: StatefulSet, pod: Pod): boolean {
  const { whenDeleted, whenScaled } = policyOf(set);
  if (whenDeleted === 'Retain' && whenScaled === 'Retain') return false;
  return (claim.metadata.ownerReferences ?? []).some((reference) => {
    const own = [set, pod].find((owner) => names(reference, owner));
    return own ? reference.uid !== own.metadata.uid : reference.controller === true;
  });
}

/**
 * The owners that a member's claim is to have by the set's persistentVolumeClaimRetentionPolicy. By them the garbage
 * collector deletes it: with the set where whenDeleted is Delete, with its pod once the pod is scaled away where whenScaled is.
 */
export function claimOwners(set: StatefulSet, pod: Pod, claim: VolumeClaim): OwnerReference[] | undefined {
  const current = claim.metadata.ownerReferences ?? [];
  const others = current.filter((reference) => !names(reference, set) && !names(reference, pod));
  const owner = hasOtherController(claim, set, pod) ? undefined : policyOwner(set, pod);
  const wanted = owner ? [...others, ownerReferenceTo(owner)] : others;
  return wanted.length === 0 && !claim.metadata.ownerReferences ? undefined : wanted;
}

/** Whether the claim has the owners that the set's policy asks for, or is none of the set's business. */
export function hasWantedOwners(claim: VolumeClaim, set: StatefulSet, pod: Pod): boolean {
  if (isStale(claim, set) || isStale(claim, pod)) return true;
  const own = (references: readonly OwnerReference[] = []): [string, boolean][] =>
    references
      .filter(({ uid }) => uid === set.metadata.uid || uid === pod.metadata.uid)
      .map(({ uid, controller = false }) => [uid, controller]);
  return equalJson(own(claim.metadata.ownerReferences), own(claimOwners(set, pod, claim)));
}

function policyOwner(set: StatefulSet, pod: Pod): KubeObject | undefined {
  const { whenDeleted, whenScaled } = policyOf(set);
  const { start, end } = ordinalRange(set);
  const ordinal = ordinalOf(set, pod) ?? -1;
  const scaledAway = ordinal < start || ordinal >= end;
  if (scaledAway && whenScaled === 'Delete') return pod;
  return whenDeleted === 'Delete' ? set : undefined;
}

function policyOf({ spec }: StatefulSet): { whenDeleted: string; whenScaled: string } {
  return { whenDeleted: 'Retain', whenScaled: 'Retain', ...spec?.persistentVolumeClaimRetentionPolicy };
}

function names({ apiVersion, kind, name }: OwnerReference, { metadata, ...owner }: KubeObject): boolean {
  return apiVersion === owner.apiVersion && kind === owner.kind && name === metadata.name;
}
