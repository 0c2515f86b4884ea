import type { Client } from '../../client/index.ts';
import { type KubeObject, quantityToNumber } from '../../machinery/index.ts';
import { type CreatedVolume, type NewVolume, type VolumeDriver, VolumeError } from '../../volumes/index.ts';
import { sourceOf } from './data-source.ts';
import { bytesText, sizeOf } from './match.ts';
import { readSecret, reservedPrefix, secretFor, wordsOf } from './secrets.ts';
import {
  annotationOf,
  annotations,
  type Claim,
  modeOf,
  type SecretReference,
  type StorageClass,
  type Volume,
} from './types.ts';
import { referenceTo } from './writes.ts';

/** Holds a volume back until its driver has deleted what it stands for. */
export const provisionerFinalizer = 'external-provisioner.volume.kubernetes.io/finalizer';
const deletionSecretName = 'volume.kubernetes.io/provisioner-deletion-secret-name';
const deletionSecretNamespace = 'volume.kubernetes.io/provisioner-deletion-secret-namespace';

interface Wanted {
  claim: Claim;
  storageClass: StorageClass;
  driver: VolumeDriver;
}

/** What the driver is asked for, and what of it the PersistentVolume will name. */
export interface ProvisionRequest {
  volume: NewVolume;
  secrets: {
    provisioner: SecretReference | undefined;
    sources: Partial<Record<keyof typeof sourceSecrets, SecretReference>>;
  };
}

/** The Secrets that a PersistentVolume names, and what the class's parameters call them. */
const sourceSecrets = {
  controllerPublishSecretRef: 'controller-publish',
  nodeStageSecretRef: 'node-stage',
  nodePublishSecretRef: 'node-publish',
  controllerExpandSecretRef: 'controller-expand',
  nodeExpandSecretRef: 'node-expand',
} as const;

/** @throws VolumeError for what the class or the claim asks and cannot have. */
export async function requestFor(client: Client, { claim, storageClass, driver }: Wanted): Promise<ProvisionRequest> {
  const all = storageClass.parameters ?? {};
  const name = `pvc-${claim.metadata.uid}`;
  const words = wordsOf(claim, name);
  const provisioner = secretFor(all, 'provisioner', words);
  const named = Object.entries(sourceSecrets).map(([field, purpose]) => [field, secretFor(all, purpose, words)]);
  const fsType = all[`${reservedPrefix}fstype`] ?? all['fstype'];
  const size = quantityToNumber(sizeOf(claim.spec?.resources?.requests));
  const source = await sourceOf(client, claim, driver, size);
  // The one node of this machine is where drivers reach their volumes from.
  const topology = driver.abilities.topology ? driver.node?.topology : undefined;
  const own = Object.entries(all).filter(([key]) => !key.startsWith(reservedPrefix) && key !== 'fstype');
  return {
    volume: {
      name,
      size,
      capability: {
        mode: modeOf(claim) === 'Block' ? 'Block' : 'Filesystem',
        ...(fsType === undefined ? {} : { fsType }),
        mountOptions: storageClass.mountOptions ?? [],
      },
      accessModes: claim.spec?.accessModes ?? [],
      parameters: Object.fromEntries(own),
      secrets: await readSecret(client, provisioner),
      ...(source ? { source } : {}),
      ...(topology ? { topology: { requisite: [topology], preferred: [topology] } } : {}),
    },
    secrets: { provisioner, sources: Object.fromEntries(named.filter(([, reference]) => reference !== undefined)) },
  };
}

/** The PersistentVolume for what a driver has made, bound to its claim from the beginning. */
export function provisionedVolume(
  { claim, storageClass, driver }: Wanted,
  { volume, secrets }: ProvisionRequest,
  created: CreatedVolume,
): KubeObject {
  const policy = storageClass.reclaimPolicy ?? 'Delete';
  const size = created.size || volume.size;
  if (size < volume.size) {
    const message = `created volume capacity ${size} less than requested capacity ${volume.size}`;
    throw new VolumeError('OutOfRange', message);
  }
  const { mode, fsType, mountOptions } = volume.capability;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: volume.name,
      annotations: {
        [annotations.provisionedBy]: driver.name,
        [deletionSecretName]: secrets.provisioner?.name ?? '',
        [deletionSecretNamespace]: secrets.provisioner?.namespace ?? '',
      },
      ...(policy === 'Delete' ? { finalizers: [provisionerFinalizer] } : {}),
    },
    spec: {
      accessModes: volume.accessModes,
      capacity: { storage: bytesText(size) },
      claimRef: referenceTo(claim),
      csi: {
        driver: driver.name,
        volumeHandle: created.handle,
        ...(fsType === undefined ? {} : { fsType }),
        ...(Object.keys(created.context).length === 0 ? {} : { volumeAttributes: created.context }),
        ...secrets.sources,
      },
      ...(mountOptions?.length ? { mountOptions } : {}),
      ...(created.topology.length === 0 ? {} : { nodeAffinity: nodeAffinity(created) }),
      persistentVolumeReclaimPolicy: policy,
      storageClassName: storageClass.metadata.name,
      volumeMode: mode,
    },
  };
}

function nodeAffinity({ topology }: CreatedVolume) {
  const nodeSelectorTerms = topology.map((segments) => ({
    matchExpressions: Object.entries(segments).map(([key, value]) => ({ key, operator: 'In', values: [value] })),
  }));
  return { required: { nodeSelectorTerms } };
}

export function deletionSecret(volume: Volume): SecretReference {
  return {
    name: annotationOf(volume, deletionSecretName) ?? '',
    namespace: annotationOf(volume, deletionSecretNamespace) ?? '',
  };
}
