import type { Informers } from '../../client/index.ts';
import type { Fields, KubeObject } from '../../machinery/index.ts';
import { persistentVolumeClaims, persistentVolumes, pods } from '../resources.ts';
import {
  annotationOf,
  annotations,
  type Claim,
  claimKeyOf,
  classOfClaim,
  classOfVolume,
  type Volume,
} from './types.ts';

/** Pods by the keys of the claims that they use. */
export const podClaimIndex = 'claims';
/** Volumes by the key of the claim that they are reserved for or bound to. */
export const reservedIndex = 'claimRef';
/** Volumes that nobody has, by class. */
export const classIndex = 'freeOfClass';
/** Claims that have no volume yet, by class: '' for those that want none or have not said. */
export const pendingIndex = 'pendingOfClass';
/** Claims by the volume that they name. */
export const volumeNameIndex = 'volumeName';

/** Volumes by the driver that made them, and claims without one by the driver that is to make theirs. */
export const volumesOfDriver = 'provisionedBy';
export const claimsOfDriver = 'provisioner';

export function addVolumeIndexes(informers: Informers): void {
  informers.for(pods).addIndex(podClaimIndex, claimsOfPod);
  const volumes = informers.for(persistentVolumes);
  volumes.addIndex(reservedIndex, (object) => named(claimKeyOf(object as Volume)));
  volumes.addIndex(classIndex, (object) => (object.spec?.['claimRef'] ? [] : [classOfVolume(object as Volume)]));
  volumes.addIndex(volumesOfDriver, (object) => named(annotationOf(object, annotations.provisionedBy)));
  const claims = informers.for(persistentVolumeClaims);
  claims.addIndex(claimsOfDriver, (object) =>
    object.spec?.['volumeName'] ? [] : named(annotationOf(object, annotations.provisioner)),
  );
  claims.addIndex(pendingIndex, (object) =>
    annotationOf(object, annotations.bindCompleted) === undefined ? [classOfClaim(object as Claim) ?? ''] : [],
  );
  claims.addIndex(volumeNameIndex, ({ spec }) =>
    typeof spec?.['volumeName'] === 'string' ? [spec['volumeName']] : [],
  );
}

const named = (value: string | undefined): string[] => (value === undefined ? [] : [value]);

/** The keys of the claims that a pod uses, those of its ephemeral volumes included. */
export function claimsOfPod({ metadata, spec }: KubeObject): string[] {
  const volumes = (spec?.['volumes'] as Fields[] | undefined) ?? [];
  return volumes.flatMap((volume) => {
    const claim = volume['persistentVolumeClaim'] as { claimName?: string } | undefined;
    const name = volume['ephemeral'] === undefined ? claim?.claimName : `${metadata.name}-${volume['name']}`;
    return name === undefined ? [] : [`${metadata.namespace}/${name}`];
  });
}

export function hasEphemeralVolume({ spec }: KubeObject): boolean {
  return ((spec?.['volumes'] as Fields[] | undefined) ?? []).some((volume) => volume['ephemeral'] !== undefined);
}
