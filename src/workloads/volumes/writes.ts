import type { Client, EventRecorder, Informer, PlatformContext } from '../../client/index.ts';
import { equalJson, type ObjectMeta } from '../../machinery/index.ts';
import { persistentVolumeClaims, persistentVolumes } from '../resources.ts';
import { annotationOf, annotations, type Claim, isBoundTo, type ObjectReference, type Volume } from './types.ts';

/** What the binder works with. */
export interface Binder {
  readonly client: Client;
  readonly claims: Informer;
  readonly volumes: Informer;
  readonly classes: Informer;
  readonly pods: Informer;
  readonly recorder: EventRecorder;
  readonly context: PlatformContext;
}

/** The reference that a volume keeps of its claim. */
export function referenceTo({ metadata }: Claim): ObjectReference {
  const { namespace, name, uid, resourceVersion } = metadata;
  return {
    kind: 'PersistentVolumeClaim',
    apiVersion: 'v1',
    ...{ namespace, name, uid, resourceVersion },
  };
}

/** With another annotation, or without one (undefined). The object itself stays as it is. */
export function annotated<T extends { metadata: ObjectMeta }>(
  object: T,
  changes: Readonly<Record<string, string | undefined>>,
): T {
  const all = Object.entries({ ...object.metadata.annotations, ...changes });
  const kept = all.filter((entry): entry is [string, string] => entry[1] !== undefined);
  const { annotations: _, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: kept.length === 0 ? metadata : { ...metadata, annotations: Object.fromEntries(kept) },
  };
}

/**
 * Binds a volume and a claim to each other in the reference's order: the volume's reference, its phase, the claim's, its
 * status. Each step is left out when it is done already, so that an interrupted binding goes on where it was.
 */
export async function bind(binder: Binder, volume: Volume, claim: Claim): Promise<void> {
  const referring = await referToClaim(binder, volume, claim);
  const bound = await setVolumePhase(binder, referring, 'Bound');
  const naming = await nameVolume(binder, claim, bound);
  await setClaimPhase(binder, naming, 'Bound', bound);
}

async function referToClaim({ client }: Binder, volume: Volume, claim: Claim): Promise<Volume> {
  const { name, namespace, uid } = volume.spec?.claimRef ?? {};
  const refers = name === claim.metadata.name && namespace === claim.metadata.namespace && uid === claim.metadata.uid;
  // A volume that its author has reserved for the claim is not the controller's to give away later.
  const ours = !isBoundTo(volume, claim) && !annotationOf(volume, annotations.boundByController);
  if (refers && !ours) return volume;
  const changed = ours ? annotated(volume, { [annotations.boundByController]: 'yes' }) : volume;
  return client.update<Volume>(persistentVolumes, {
    ...changed,
    spec: refers ? volume.spec : { ...volume.spec, claimRef: referenceTo(claim) },
  } as Volume);
}

async function nameVolume({ client }: Binder, claim: Claim, volume: Volume): Promise<Claim> {
  const { name } = volume.metadata;
  const names = claim.spec?.volumeName === name;
  if (names && annotationOf(claim, annotations.bindCompleted)) return claim;
  const changed = annotated(claim, {
    [annotations.bindCompleted]: 'yes',
    ...(names ? {} : { [annotations.boundByController]: 'yes' }),
  });
  return client.update<Claim>(persistentVolumeClaims, { ...changed, spec: { ...claim.spec, volumeName: name } });
}

/** Writes a claim's phase, and what it gets of its volume. */
export async function setClaimPhase(
  { client }: Binder,
  claim: Claim,
  phase: 'Pending' | 'Bound' | 'Lost',
  volume?: Volume,
): Promise<Claim> {
  const { accessModes: _, capacity, currentVolumeAttributesClassName, ...rest } = claim.status ?? {};
  const attributes = phase === 'Bound' && volume?.spec?.volumeAttributesClassName;
  const first = claim.status?.phase !== phase;
  const status: Claim['status'] = volume
    ? {
        ...rest,
        phase,
        ...(volume.spec?.accessModes ? { accessModes: volume.spec.accessModes } : {}),
        // Later on, the size is what an expansion has come to.
        ...(first ? { capacity: volume.spec?.capacity } : capacity && { capacity }),
        ...(first && attributes
          ? { currentVolumeAttributesClassName: attributes }
          : currentVolumeAttributesClassName !== undefined && { currentVolumeAttributesClassName }),
      }
    : { ...rest, phase };
  if (equalJson(status, claim.status)) return claim;
  return client.update<Claim>(persistentVolumeClaims, { ...claim, status }, { subresource: 'status' });
}

/** The same for what ends a claim's use, once, with a warning. */
export async function loseClaim(binder: Binder, claim: Claim, reason: string, message: string): Promise<void> {
  if (claim.status?.phase === 'Lost') return;
  const lost = await setClaimPhase(binder, claim, 'Lost');
  binder.recorder.event(lost, 'Warning', reason, message);
}

export async function setVolumePhase(
  { client }: Binder,
  volume: Volume,
  phase: 'Available' | 'Bound' | 'Released' | 'Failed',
  message = '',
): Promise<Volume> {
  if (volume.status?.phase === phase) return volume;
  const { message: _, ...rest } = volume.status ?? {};
  const status = { ...rest, phase, ...(message === '' ? {} : { message }) };
  return client.update<Volume>(persistentVolumes, { ...volume, status }, { subresource: 'status' });
}

/** A volume that could not be reclaimed: once, with a warning. */
export async function failVolume(binder: Binder, volume: Volume, reason: string, message: string): Promise<void> {
  if (volume.status?.phase === 'Failed') return;
  const failed = await setVolumePhase(binder, volume, 'Failed', message);
  binder.recorder.event(failed, 'Warning', reason, message);
}

/** Makes a volume free again; one that its author has reserved stays reserved. */
export async function unbind(binder: Binder, volume: Volume): Promise<void> {
  const { claimRef, ...spec } = volume.spec ?? {};
  const ours = annotationOf(volume, annotations.boundByController) !== undefined;
  const { uid: _, ...reserved } = claimRef ?? {};
  const freed = ours
    ? { ...annotated(volume, { [annotations.boundByController]: undefined }), spec }
    : { ...volume, spec: { ...spec, claimRef: reserved } };
  const written = await binder.client.update<Volume>(persistentVolumes, freed);
  await setVolumePhase(binder, written, 'Available');
}
