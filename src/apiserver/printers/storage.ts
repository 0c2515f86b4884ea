import type { KubeObject } from '../../machinery/index.ts';
import { AGE, ageOf, column, joinedOrNone, NAME, table, wideColumn } from './table.ts';

const UNSET = '<unset>';
const betaClass = 'volume.beta.kubernetes.io/storage-class';
const defaultClass = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];
const shortModes: readonly (readonly [string, string])[] = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
];

function accessModes(modes: readonly string[] | undefined): string {
  return shortModes.flatMap(([mode, short]) => (modes?.includes(mode) ? [short] : [])).join(',');
}

interface VolumeSpec {
  accessModes?: string[];
  capacity?: Record<string, string>;
  claimRef?: { namespace?: string; name?: string };
  persistentVolumeReclaimPolicy?: string;
  storageClassName?: string;
  volumeAttributesClassName?: string;
  volumeMode?: string;
}

const classOf = ({ metadata, spec }: KubeObject<{ storageClassName?: string }, object>): string =>
  metadata.annotations?.[betaClass] ?? spec?.storageClassName ?? '';

const phaseOf = ({ metadata, status }: KubeObject<object, { phase?: string }>): string =>
  metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? '');

export const persistentVolumePrinter = table<KubeObject<VolumeSpec, { phase?: string; reason?: string }>>(
  [
    NAME,
    column('Capacity', 'How much it holds.'),
    column('Access Modes', 'How it can be mounted.'),
    column('Reclaim Policy', 'What becomes of it after its claim.'),
    column('Status', 'Whether it is bound.'),
    column('Claim', 'What it is bound to.'),
    column('StorageClass', 'Class of the volume.'),
    column('VolumeAttributesClass', 'Class of its attributes.'),
    column('Reason', 'Why it is in a bad state.'),
    AGE,
    wideColumn('VolumeMode', 'Filesystem or Block.'),
  ],
  (volume, now) => [
    volume.metadata.name,
    volume.spec?.capacity?.['storage'] ?? '0',
    accessModes(volume.spec?.accessModes),
    volume.spec?.persistentVolumeReclaimPolicy ?? '',
    phaseOf(volume),
    volume.spec?.claimRef ? `${volume.spec.claimRef.namespace ?? ''}/${volume.spec.claimRef.name ?? ''}` : '',
    classOf(volume),
    volume.spec?.volumeAttributesClassName ?? UNSET,
    volume.status?.reason ?? '',
    ageOf(volume, now),
    volume.spec?.volumeMode ?? UNSET,
  ],
);

interface ClaimSpec {
  storageClassName?: string;
  volumeAttributesClassName?: string;
  volumeMode?: string;
  volumeName?: string;
}
interface ClaimStatus {
  accessModes?: string[];
  capacity?: Record<string, string>;
  phase?: string;
}

export const persistentVolumeClaimPrinter = table<KubeObject<ClaimSpec, ClaimStatus>>(
  [
    NAME,
    column('Status', 'Whether it is bound.'),
    column('Volume', 'The volume that it is bound to.'),
    column('Capacity', 'How much the volume holds.'),
    column('Access Modes', 'How the volume can be mounted.'),
    column('StorageClass', 'Class of the volume.'),
    column('VolumeAttributesClass', 'Class of its attributes.'),
    AGE,
    wideColumn('VolumeMode', 'Filesystem or Block.'),
  ],
  (claim, now) => [
    claim.metadata.name,
    phaseOf(claim),
    claim.spec?.volumeName ?? '',
    claim.spec?.volumeName ? (claim.status?.capacity?.['storage'] ?? '0') : '',
    claim.spec?.volumeName ? accessModes(claim.status?.accessModes) : '',
    classOf(claim),
    claim.spec?.volumeAttributesClassName ?? UNSET,
    ageOf(claim, now),
    claim.spec?.volumeMode ?? UNSET,
  ],
);

interface StorageClass extends KubeObject {
  provisioner?: string;
  reclaimPolicy?: string;
  volumeBindingMode?: string;
  allowVolumeExpansion?: boolean;
}

export const storageClassPrinter = table<StorageClass>(
  [
    NAME,
    column('Provisioner', 'Who makes volumes of the class.'),
    column('ReclaimPolicy', 'What becomes of volumes after their claims.'),
    column('VolumeBindingMode', 'When claims are bound.'),
    column('AllowVolumeExpansion', 'Whether claims can grow.'),
    AGE,
  ],
  (storageClass, now) => {
    const { name, annotations } = storageClass.metadata;
    const isDefault = defaultClass.some((key) => annotations?.[key] === 'true');
    return [
      isDefault ? `${name} (default)` : name,
      storageClass.provisioner ?? '',
      storageClass.reclaimPolicy ?? 'Delete',
      storageClass.volumeBindingMode ?? 'Immediate',
      storageClass.allowVolumeExpansion ?? false,
      ageOf(storageClass, now),
    ];
  },
);

export const volumeAttributesClassPrinter = table<KubeObject & { driverName?: string }>(
  [NAME, column('DriverName', 'Driver that the attributes are for.'), AGE],
  (attributesClass, now) => [
    attributesClass.metadata.name,
    attributesClass.driverName ?? '',
    ageOf(attributesClass, now),
  ],
);

interface AttachmentSpec {
  attacher?: string;
  nodeName?: string;
  source?: { persistentVolumeName?: string };
}

export const volumeAttachmentPrinter = table<KubeObject<AttachmentSpec, { attached?: boolean }>>(
  [
    NAME,
    { ...column('Attacher', 'Who attaches the volume.'), format: 'name' },
    column('PV', 'The volume.'),
    column('Node', 'The node.'),
    column('Attached', 'Whether it is done.', 'boolean'),
    AGE,
  ],
  (attachment, now) => [
    attachment.metadata.name,
    attachment.spec?.attacher ?? '',
    attachment.spec?.source?.persistentVolumeName ?? '',
    attachment.spec?.nodeName ?? '',
    attachment.status?.attached ?? false,
    ageOf(attachment, now),
  ],
);

export const csiNodePrinter = table<KubeObject<{ drivers?: object[] }>>(
  [NAME, column('Drivers', 'Number of drivers on the node.', 'integer'), AGE],
  (node, now) => [node.metadata.name, node.spec?.drivers?.length ?? 0, ageOf(node, now)],
);

interface DriverSpec {
  attachRequired?: boolean;
  podInfoOnMount?: boolean;
  storageCapacity?: boolean;
  tokenRequests?: { audience?: string }[];
  requiresRepublish?: boolean;
  volumeLifecycleModes?: string[];
}

export const csiDriverPrinter = table<KubeObject<DriverSpec>>(
  [
    NAME,
    column('AttachRequired', 'Whether volumes are attached to nodes first.', 'boolean'),
    column('PodInfoOnMount', 'Whether the driver is told of the pod.', 'boolean'),
    column('StorageCapacity', 'Whether free storage is tracked.', 'boolean'),
    column('TokenRequests', 'Audiences of the tokens that it gets.'),
    column('RequiresRepublish', 'Whether it is called again and again.', 'boolean'),
    column('Modes', 'What kinds of volumes it serves.'),
    AGE,
  ],
  ({ metadata, spec }, now) => [
    metadata.name,
    spec?.attachRequired ?? true,
    spec?.podInfoOnMount ?? false,
    spec?.storageCapacity ?? false,
    spec?.tokenRequests ? spec.tokenRequests.map(({ audience }) => audience ?? '').join(',') : UNSET,
    spec?.requiresRepublish ?? false,
    joinedOrNone(spec?.volumeLifecycleModes),
    ageOf({ metadata }, now),
  ],
);
