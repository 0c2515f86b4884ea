import type { Client } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/index.ts';
import { type Pod, persistentVolumeClaims, persistentVolumes, type Volume } from '../pod.ts';

/** The parts of a PersistentVolume that the node acts on. */
export type PersistentVolume = KubeObject<{
  capacity?: Record<string, string>;
  accessModes?: string[];
  claimRef?: { uid?: string };
  volumeMode?: string;
  mountOptions?: string[];
  hostPath?: { path: string; type?: string };
  local?: { path: string; fsType?: string };
  csi?: CsiSource;
  [source: string]: unknown;
}>;

interface SecretReference {
  name?: string;
  namespace?: string;
}

export interface CsiSource {
  driver: string;
  volumeHandle: string;
  readOnly?: boolean;
  fsType?: string;
  volumeAttributes?: Record<string, string>;
  nodeStageSecretRef?: SecretReference;
  nodePublishSecretRef?: SecretReference;
}

/** A volume's claim cannot be used (yet). The words are the kubelet's. */
export class ClaimError extends Error {
  constructor(volume: string, key: string, why: string) {
    const what = `error processing PVC ${key}: ${why}`;
    super(
      'Unable to attach or mount volumes: ' +
        `unmounted volumes=[${volume}], unattached volumes=[], failed to process volumes=[${volume}]: ${what}`,
    );
    this.name = 'ClaimError';
  }
}

/** The name of the claim that a pod's volume is, or undefined for volumes of other kinds. */
export function claimNameOf(pod: Pod, volume: Volume): string | undefined {
  if (volume['ephemeral'] !== undefined) return `${pod.metadata.name}-${volume.name}`;
  return volume.persistentVolumeClaim?.claimName;
}

/** A pod's claim and the PersistentVolume behind it. @throws ClaimError when there is none yet, or it is not the claim's. */
export async function volumeBehind(
  client: Client,
  pod: Pod,
  volume: Volume,
  name: string,
): Promise<{ claim: KubeObject; persistent: PersistentVolume }> {
  const { namespace = '', uid = '' } = pod.metadata;
  const key = `${namespace}/${name}`;
  const refuse = (why: string) => new ClaimError(volume.name, key, why);
  const claim = await client.find(persistentVolumeClaims, { namespace, name });
  if (!claim)
    throw refuse(`failed to fetch PVC from API server: persistentvolumeclaims ${JSON.stringify(name)} not found`);
  const { deletionTimestamp, ownerReferences = [] } = claim.metadata;
  if (volume['ephemeral'] !== undefined && !ownerReferences.some((owner) => owner.controller && owner.uid === uid))
    throw refuse(`PVC ${key} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`);
  if (deletionTimestamp) throw refuse('PVC is being deleted');
  const volumeName = claim.spec?.['volumeName'];
  if (claim.status?.['phase'] !== 'Bound' || typeof volumeName !== 'string') throw refuse('PVC is not bound');
  const found = await client.find<PersistentVolume>(persistentVolumes, { name: volumeName });
  if (!found) throw refuse(`failed to fetch PV ${JSON.stringify(volumeName)} from API server`);
  if (found.spec?.claimRef?.uid !== claim.metadata.uid)
    throw refuse(`PV ${JSON.stringify(volumeName)} is not bound to the claim`);
  return { claim, persistent: found };
}
