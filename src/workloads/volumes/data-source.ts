import type { Client } from '../../client/index.ts';
import { quantityToNumber } from '../../machinery/index.ts';
import { type NewVolume, type VolumeDriver, VolumeError } from '../../volumes/index.ts';
import { persistentVolumeClaims, persistentVolumes } from '../resources.ts';
import type { Content, Snapshot } from '../snapshots/kinds.ts';
import { volumeSnapshotContents, volumeSnapshots } from '../snapshots/resources.ts';
import { sizeOf } from './match.ts';
import { type Claim, type DataSource, modeOf, type Volume } from './types.ts';

/**
 * What a claim's volume begins as a copy of.
 * @param size of the claim, in bytes.
 * @throws VolumeError when it is not there, not ready, not the driver's, or bigger than the claim.
 */
export async function sourceOf(
  client: Client,
  claim: Claim,
  driver: VolumeDriver,
  size: number,
): Promise<NewVolume['source']> {
  const wanted = claim.spec?.dataSource ?? claim.spec?.dataSourceRef;
  if (!wanted) return undefined;
  if (wanted.namespace && wanted.namespace !== claim.metadata.namespace)
    throw refused('InvalidArgument', 'a data source in another namespace is not supported');
  if (!wanted.apiGroup && wanted.kind === 'PersistentVolumeClaim') return cloneOf(client, claim, driver, size, wanted);
  if (wanted.apiGroup === volumeSnapshots.group && wanted.kind === volumeSnapshots.kind)
    return restoreOf(client, claim, driver, size, wanted);
  throw refused(
    'InvalidArgument',
    `data source (${wanted.kind}) is not handled by the provisioner, assuming an external populator will provision it`,
  );
}

async function cloneOf(
  client: Client,
  claim: Claim,
  driver: VolumeDriver,
  size: number,
  { name }: DataSource,
): Promise<NewVolume['source']> {
  const { namespace = '' } = claim.metadata;
  const about = `error getting handle for DataSource Type PersistentVolumeClaim by Name ${name}:`;
  if (!driver.abilities.clone) throw refused('InvalidArgument', `${about} ${driver.name} cannot clone volumes`);
  const source = await client.find<Claim>(persistentVolumeClaims, { namespace, name });
  if (!source) {
    const where = `(namespace "${namespace}") from api server`;
    const why = `error getting PVC ${name} ${where}: persistentvolumeclaims "${name}" not found`;
    throw refused('NotFound', `${about} ${why}`);
  }
  if (source.status?.phase !== 'Bound' || !source.spec?.volumeName)
    throw refused('FailedPrecondition', `${about} the PVC ${name} is not in Bound state`);
  if (source.metadata.deletionTimestamp)
    throw refused('FailedPrecondition', `${about} the PVC ${name} is being deleted`);
  const volume = await client.find<Volume>(persistentVolumes, { name: source.spec.volumeName });
  if (volume?.spec?.csi?.driver !== driver.name)
    throw refused('InvalidArgument', `${about} the volume of PVC ${name} is not one of ${driver.name}`);
  const least = quantityToNumber(sizeOf(volume.spec.capacity));
  if (size < least) {
    const why = `new PVC request must be greater than or equal in size to the specified PVC data source, requested ${size} but source is ${least}`;
    throw refused('OutOfRange', `${about} ${why}`);
  }
  return { volume: volume.spec.csi.volumeHandle };
}

async function restoreOf(
  client: Client,
  claim: Claim,
  driver: VolumeDriver,
  size: number,
  { name }: DataSource,
): Promise<NewVolume['source']> {
  const { namespace = '' } = claim.metadata;
  const about = `error getting handle for DataSource Type VolumeSnapshot by Name ${name}:`;
  const snapshot = await client.find<Snapshot>(volumeSnapshots, { namespace, name });
  if (!snapshot) {
    const why = `volumesnapshots.snapshot.storage.k8s.io "${name}" not found`;
    throw refused('NotFound', `${about} error getting snapshot ${name} from api server: ${why}`);
  }
  if (snapshot.metadata.deletionTimestamp)
    throw refused('FailedPrecondition', `${about} snapshot ${name} is currently being deleted`);
  const contentName = snapshot.status?.boundVolumeSnapshotContentName;
  if (!contentName) throw refused('FailedPrecondition', `${about} snapshot ${name} not bound`);
  const content = await client.find<Content>(volumeSnapshotContents, { name: contentName });
  if (!content || content.spec?.volumeSnapshotRef.uid !== snapshot.metadata.uid)
    throw refused('FailedPrecondition', `${about} snapshotContent ${contentName} is bound to a different snapshot`);
  if (content.spec?.driver !== driver.name) {
    const why = `snapshotContent ${contentName} is not of driver ${driver.name}`;
    throw refused('InvalidArgument', `${about} ${why}`);
  }
  const handle = content.status?.snapshotHandle;
  if (!snapshot.status?.readyToUse || handle === undefined)
    throw refused('FailedPrecondition', `${about} snapshot ${name} is not Ready`);
  const least = content.status?.restoreSize ?? 0;
  if (size < least) {
    const why = `requested volume size ${size} is less than the size ${least} for the source snapshot ${name}`;
    throw refused('OutOfRange', `${about} ${why}`);
  }
  const { sourceVolumeMode = 'Filesystem' } = content.spec;
  if (modeOf(claim) !== sourceVolumeMode) {
    const why = `requested volume ${claim.metadata.name} modifies the mode of the source volume but does not have permission to do so`;
    throw refused('InvalidArgument', `${about} ${why}`);
  }
  return { snapshot: handle };
}

const refused = (code: string, message: string): VolumeError => new VolumeError(code, message);
