// What the controllers of volumes read and write of the kinds; not the whole kinds.
import type { Fields, KubeObject, LabelSelectorSpec, ObjectMeta } from '../../machinery/index.ts';

export type Amounts = Record<string, string | number>;

export type ObjectReference = {
  apiVersion?: string;
  kind?: string;
  namespace?: string;
  name?: string;
  uid?: string;
  resourceVersion?: string;
};

export type DataSource = { apiGroup?: string; kind: string; name: string; namespace?: string };

export type ClaimSpec = {
  accessModes?: string[];
  selector?: LabelSelectorSpec;
  resources?: { requests?: Amounts };
  volumeName?: string;
  storageClassName?: string;
  volumeMode?: string;
  dataSource?: DataSource;
  dataSourceRef?: DataSource;
  volumeAttributesClassName?: string;
};

export type ClaimCondition = {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
};

export type ClaimStatus = {
  phase?: string;
  accessModes?: string[];
  capacity?: Amounts;
  conditions?: ClaimCondition[];
  allocatedResources?: Amounts;
  allocatedResourceStatuses?: Record<string, string>;
  currentVolumeAttributesClassName?: string;
};

/** A PersistentVolumeClaim. */
export type Claim = KubeObject<ClaimSpec, ClaimStatus>;

export type SecretReference = { name?: string; namespace?: string };

export type CsiSource = {
  driver: string;
  volumeHandle: string;
  readOnly?: boolean;
  fsType?: string;
  volumeAttributes?: Record<string, string>;
  controllerPublishSecretRef?: SecretReference;
  nodeStageSecretRef?: SecretReference;
  nodePublishSecretRef?: SecretReference;
  controllerExpandSecretRef?: SecretReference;
  nodeExpandSecretRef?: SecretReference;
};

export type VolumeSpec = {
  capacity?: Amounts;
  accessModes?: string[];
  persistentVolumeReclaimPolicy?: string;
  storageClassName?: string;
  claimRef?: ObjectReference;
  volumeMode?: string;
  mountOptions?: string[];
  volumeAttributesClassName?: string;
  nodeAffinity?: Fields;
  csi?: CsiSource;
  hostPath?: { path: string };
};

export type VolumeStatus = { phase?: string; message?: string; reason?: string; lastPhaseTransitionTime?: string };

/** A PersistentVolume. */
export type Volume = KubeObject<VolumeSpec, VolumeStatus>;

/** A StorageClass: its fields lie beside its metadata. */
export type StorageClass = KubeObject & {
  provisioner: string;
  parameters?: Record<string, string>;
  reclaimPolicy?: string;
  mountOptions?: string[];
  allowVolumeExpansion?: boolean;
  volumeBindingMode?: string;
  allowedTopologies?: { matchLabelExpressions?: { key: string; values: string[] }[] }[];
};

/** The annotations by which the parts of a cluster that deal with volumes tell each other what they have done. */
export const annotations = {
  bindCompleted: 'pv.kubernetes.io/bind-completed',
  boundByController: 'pv.kubernetes.io/bound-by-controller',
  provisionedBy: 'pv.kubernetes.io/provisioned-by',
  selectedNode: 'volume.kubernetes.io/selected-node',
  provisioner: 'volume.kubernetes.io/storage-provisioner',
  betaProvisioner: 'volume.beta.kubernetes.io/storage-provisioner',
  betaClass: 'volume.beta.kubernetes.io/storage-class',
  defaultClass: 'storageclass.kubernetes.io/is-default-class',
  betaDefaultClass: 'storageclass.beta.kubernetes.io/is-default-class',
  resizer: 'volume.kubernetes.io/storage-resizer',
} as const;

export function annotationOf({ metadata }: { metadata: ObjectMeta }, name: string): string | undefined {
  return metadata.annotations?.[name];
}

/** The name of a claim's class; undefined when it has not said, '' when it wants none. */
export function classOfClaim(claim: Claim): string | undefined {
  return annotationOf(claim, annotations.betaClass) ?? claim.spec?.storageClassName;
}

/** The name of a volume's class, '' for none. */
export function classOfVolume(volume: Volume): string {
  return annotationOf(volume, annotations.betaClass) ?? volume.spec?.storageClassName ?? '';
}

export const modeOf = ({ spec }: Claim | Volume): string => spec?.volumeMode ?? 'Filesystem';

/** The key of the claim that a volume is bound to or reserved for. */
export function claimKeyOf({ spec }: Volume): string | undefined {
  return spec?.claimRef && `${spec.claimRef.namespace}/${spec.claimRef.name}`;
}

/** Whether a volume is bound to a claim, or reserved for one of its name. */
export function isBoundTo({ spec }: Volume, { metadata }: Claim): boolean {
  const reference = spec?.claimRef;
  if (!reference || reference.name !== metadata.name || reference.namespace !== metadata.namespace) return false;
  return !reference.uid || reference.uid === metadata.uid;
}
