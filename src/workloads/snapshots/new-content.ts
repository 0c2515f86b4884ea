import type { Client, Informer } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/index.ts';
import { persistentVolumeClaims, persistentVolumes } from '../resources.ts';
import { secretFor } from '../volumes/secrets.ts';
import { type Claim, modeOf, type Volume } from '../volumes/types.ts';
import type { Content, Snapshot, SnapshotClass } from './kinds.ts';
import { finalizers, marks } from './marks.ts';

/** What stands in the way of a snapshot, for its status. */
export class SnapshotObstacle extends Error {
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(message);
    this.name = 'SnapshotObstacle';
    this.reason = reason;
  }
}

/** The claim that a snapshot is to be taken of, and its volume. @throws SnapshotObstacle */
export async function sourceOfSnapshot(
  client: Client,
  { metadata, spec }: Snapshot,
): Promise<{ claim: Claim; volume: Volume }> {
  const name = spec?.source.persistentVolumeClaimName ?? '';
  const { namespace = '' } = metadata;
  const claim = await client.find<Claim>(persistentVolumeClaims, { namespace, name });
  if (!claim)
    throw cannotCreate(
      metadata.name,
      `cannot get claim ${namespace}/${name}: persistentvolumeclaims "${name}" not found`,
    );
  if (claim.status?.phase !== 'Bound' || !claim.spec?.volumeName)
    throw cannotCreate(metadata.name, `the PVC ${name} is not yet bound to a PV, will not attempt to take a snapshot`);
  const volume = await client.find<Volume>(persistentVolumes, { name: claim.spec.volumeName });
  if (!volume?.spec?.csi) {
    const why = `cannot find CSI PersistentVolumeSource for volume ${claim.spec.volumeName}`;
    throw cannotCreate(metadata.name, why);
  }
  return { claim, volume };
}

const cannotCreate = (name: string, why: string): SnapshotObstacle =>
  new SnapshotObstacle(
    'SnapshotContentCreationFailed',
    `Failed to create snapshot content with error failed to get input parameters to create snapshot ${name}: "${why}"`,
  );

/** The class of snapshots of a driver's volumes that do not name one. @throws SnapshotObstacle */
export function defaultSnapshotClass(classes: Informer, driver: string): SnapshotClass {
  const found = (classes.list() as SnapshotClass[]).filter(
    ({ driver: of, metadata }) => of === driver && metadata.annotations?.[marks.defaultClass] === 'true',
  );
  const [first] = found;
  if (first && found.length === 1) return first;
  const why = first ? `${found.length} default snapshot classes were found` : 'cannot find default snapshot class';
  throw new SnapshotObstacle('SetDefaultSnapshotClassFailed', `Failed to set default snapshot class with error ${why}`);
}

export const contentNameOf = ({ metadata }: Snapshot): string => `snapcontent-${metadata.uid}`;

/** The content of a snapshot that a driver has yet to take. */
export function newContent(snapshot: Snapshot, snapshotClass: SnapshotClass, volume: Volume): Content {
  const { name, namespace, uid, resourceVersion } = snapshot.metadata;
  const words = { 'volumesnapshot.name': name, 'volumesnapshot.namespace': namespace };
  const secret = secretFor(snapshotClass.parameters ?? {}, 'snapshotter', {
    ...words,
    'volumesnapshotcontent.name': contentNameOf(snapshot),
  });
  const deletion = {
    [marks.deletionSecretName]: secret?.name ?? '',
    [marks.deletionSecretNamespace]: secret?.namespace ?? '',
  };
  return {
    apiVersion: snapshot.apiVersion,
    kind: 'VolumeSnapshotContent',
    metadata: {
      name: contentNameOf(snapshot),
      finalizers: [finalizers.content],
      ...(secret ? { annotations: deletion } : {}),
    },
    spec: {
      deletionPolicy: snapshotClass.deletionPolicy,
      driver: snapshotClass.driver,
      source: { volumeHandle: volume.spec?.csi?.volumeHandle ?? '' },
      sourceVolumeMode: modeOf(volume),
      volumeSnapshotClassName: snapshotClass.metadata.name,
      volumeSnapshotRef: {
        apiVersion: snapshot.apiVersion,
        kind: 'VolumeSnapshot',
        ...{ name, namespace, uid, resourceVersion },
      },
    },
  };
}

/** Whether a snapshot and a content point at each other. */
export function pointsAt({ spec }: Content, { metadata }: KubeObject | Snapshot): boolean {
  const { name, namespace, uid } = spec?.volumeSnapshotRef ?? {};
  return name === metadata.name && namespace === metadata.namespace && (!uid || uid === metadata.uid);
}
