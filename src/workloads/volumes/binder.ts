import { type Controller, createController, type PlatformContext } from '../../client/index.ts';
import { type KubeObject, keyOf } from '../../machinery/index.ts';
import { persistentVolumeClaims, persistentVolumes, pods, storageClasses } from '../resources.ts';
import { isDefaultClass, waitsForConsumer } from './classes.ts';
import { claimsOfPod, pendingIndex, volumeNameIndex } from './indexes.ts';
import { bindPending, syncClaim } from './sync-claim.ts';
import { syncVolume } from './sync-volume.ts';
import {
  annotationOf,
  annotations,
  type Claim,
  claimKeyOf,
  classOfVolume,
  type StorageClass,
  type Volume,
} from './types.ts';
import type { Binder } from './writes.ts';

/**
 * Binds claims and volumes to each other, and follows both through their lives (upstream: the persistentvolume-binder).
 * One worker deals with both kinds, so that two claims never run for the same volume; keys are 'claim NAMESPACE/NAME' and
 * 'volume NAME', and 'class NAME' when something of a class has become free.
 */
export function persistentVolumeBinder(context: PlatformContext): Controller {
  const { client, informers } = context;
  const binder: Binder = {
    client,
    context,
    claims: informers.for(persistentVolumeClaims),
    volumes: informers.for(persistentVolumes),
    classes: informers.for(storageClasses),
    pods: informers.for(pods),
    recorder: context.recorder('persistentvolume-controller'),
  };

  async function reconcile(key: string): Promise<undefined> {
    const [kind, rest = ''] = key.split(' ');
    if (kind === 'claim') {
      const claim = binder.claims.get(rest) as Claim | undefined;
      if (claim) await syncClaim(binder, claim);
    } else if (kind === 'class') await bindPending(binder, rest);
    else {
      const volume = binder.volumes.get(rest) as Volume | undefined;
      if (volume) await syncVolume(binder, volume);
    }
  }

  return createController({
    name: 'persistentvolume-binder',
    context,
    workers: 1,
    sources: [
      { resource: persistentVolumeClaims, keys: (object, { deleted }) => keysOfClaim(object as Claim, deleted) },
      { resource: persistentVolumes, keys: (object, { deleted }) => keysOfVolume(binder, object as Volume, deleted) },
      { resource: storageClasses, keys: (object) => keysOfClass(binder, object as StorageClass) },
      { resource: pods, keys: (object) => keysOfPod(binder, object) },
    ],
    reconcile,
  });
}

const claimKeys = (claims: readonly KubeObject[]): string[] => claims.map((claim) => `claim ${keyOf(claim)}`);

function keysOfClaim(claim: Claim, deleted: boolean): string[] {
  const named = claim.spec?.volumeName ? [`volume ${claim.spec.volumeName}`] : [];
  return deleted ? named : [`claim ${keyOf(claim)}`, ...named];
}

/** Itself, the claims that it has or that name it, and when it is free its class: many claims may wait for one. */
function keysOfVolume({ claims }: Binder, volume: Volume, deleted: boolean): string[] {
  const { name } = volume.metadata;
  const key = claimKeyOf(volume);
  const free = !deleted && key === undefined && volume.status?.phase === 'Available';
  return [
    ...(deleted ? [] : [`volume ${name}`]),
    ...(key === undefined ? [] : [`claim ${key}`]),
    ...claimKeys(claims.byIndex(volumeNameIndex, name)),
    ...(free ? [`class ${classOfVolume(volume)}`] : []),
  ];
}

/** The claims that wait for the class, and with a default one those that have not said what they want. */
function keysOfClass({ claims }: Binder, storageClass: StorageClass): string[] {
  const waiting = claims.byIndex(pendingIndex, storageClass.metadata.name);
  return claimKeys(isDefaultClass(storageClass) ? [...waiting, ...claims.byIndex(pendingIndex, '')] : waiting);
}

/** A pod is what a claim may wait for. */
function keysOfPod({ claims, classes }: Binder, pod: KubeObject): string[] {
  if (pod.spec?.['nodeName']) return [];
  const waiting = claimsOfPod(pod).filter((key) => {
    const claim = claims.get(key) as Claim | undefined;
    return claim && annotationOf(claim, annotations.bindCompleted) === undefined && waitsForConsumer(claim, classes);
  });
  return waiting.map((key) => `claim ${key}`);
}
