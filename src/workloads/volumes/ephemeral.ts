import { type Controller, createController, type PlatformContext } from '../../client/index.ts';
import { controllerOf, type KubeObject, keyOf, type ObjectMeta, ownerReferenceTo } from '../../machinery/index.ts';
import { isNamespaceTerminating } from '../refusals.ts';
import { persistentVolumeClaims, pods } from '../resources.ts';
import { hasEphemeralVolume, podClaimIndex } from './indexes.ts';
import type { ClaimSpec } from './types.ts';

interface EphemeralVolume {
  name: string;
  ephemeral?: { volumeClaimTemplate?: { metadata?: Partial<ObjectMeta>; spec: ClaimSpec } };
}

/** Makes the claims of pods' generic ephemeral volumes: POD-VOLUME, owned by the pod. */
export function ephemeralVolumeController(context: PlatformContext): Controller {
  const { client, informers } = context;
  const podInformer = informers.for(pods);
  const claims = informers.for(persistentVolumeClaims);
  const recorder = context.recorder('ephemeral_volume');

  async function reconcile(key: string): Promise<undefined> {
    const pod = podInformer.get(key);
    if (!pod || pod.metadata.deletionTimestamp) return;
    for (const volume of ephemeralVolumesOf(pod)) {
      try {
        await ensureClaim(pod, volume);
      } catch (error) {
        if (isNamespaceTerminating(error)) return;
        const why = error instanceof Error ? error.message : String(error);
        recorder.event(pod, 'Warning', 'FailedBinding', `ephemeral volume ${volume.name}: ${why}`);
        throw error;
      }
    }
  }

  async function ensureClaim(pod: KubeObject, { name: volumeName, ephemeral }: EphemeralVolume): Promise<void> {
    const { namespace = '', name: podName, uid } = pod.metadata;
    const name = `${podName}-${volumeName}`;
    const there = claims.get(`${namespace}/${name}`);
    if (there) {
      if (controllerOf(there)?.uid === uid) return;
      throw new Error(`PVC ${namespace}/${name} was not created for pod ${namespace}/${podName} (pod is not owner)`);
    }
    const { metadata, spec } = ephemeral?.volumeClaimTemplate ?? { spec: {} };
    const { labels, annotations } = metadata ?? {};
    try {
      await client.create<KubeObject>(persistentVolumeClaims, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {
          ...{ name, namespace, ownerReferences: [ownerReferenceTo(pod)] },
          ...(labels ? { labels } : {}),
          ...(annotations ? { annotations } : {}),
        },
        spec,
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`create PVC ${name}: ${why}`, { cause: error });
    }
  }

  return createController({
    name: 'ephemeral-volume-controller',
    context,
    sources: [
      { resource: pods, keys: (pod) => (hasEphemeralVolume(pod) ? [keyOf(pod)] : []) },
      {
        // Of the pods that use a claim: it may be one that stood in the way, or one that has to be made again.
        resource: persistentVolumeClaims,
        keys: (claim, { deleted }) => (deleted ? podInformer.byIndex(podClaimIndex, keyOf(claim)).map(keyOf) : []),
      },
    ],
    reconcile,
  });
}

function ephemeralVolumesOf({ spec }: KubeObject): EphemeralVolume[] {
  const volumes = (spec?.['volumes'] as EphemeralVolume[] | undefined) ?? [];
  return volumes.filter(({ ephemeral }) => ephemeral !== undefined);
}
