import { type Controller, createController, type PlatformContext } from '../../client/index.ts';
import { isReason, type KubeObject, keyOf } from '../../machinery/index.ts';
import { type VolumeDriver, type VolumeDrivers, VolumeError } from '../../volumes/index.ts';
import { ignoringAbsence } from '../refusals.ts';
import { persistentVolumeClaims, persistentVolumes, storageClasses } from '../resources.ts';
import { claimsOfDriver, volumesOfDriver } from './indexes.ts';
import { deletionSecret, provisionedVolume, provisionerFinalizer, requestFor } from './provisioned.ts';
import { patiently } from './retry.ts';
import { readSecret } from './secrets.ts';
import { annotationOf, annotations, type Claim, classOfClaim, type StorageClass, type Volume } from './types.ts';
import { withDrivers } from './with-drivers.ts';
import { annotated } from './writes.ts';

/**
 * Makes the volumes that claims ask the drivers of this machine for, and deletes those that are released (what the
 * sidecar external-provisioner does beside a CSI driver). Keys are those of the binder.
 */
export function volumeProvisioner(context: PlatformContext, drivers: VolumeDrivers): Controller {
  const { informers } = context;
  const claims = informers.for(persistentVolumeClaims);
  const volumes = informers.for(persistentVolumes);
  const classes = informers.for(storageClasses);

  async function reconcile(key: string): Promise<undefined> {
    const [kind, rest = ''] = key.split(' ');
    if (kind === 'claim') {
      const claim = claims.get(rest) as Claim | undefined;
      const driver = claim && drivers.get(provisionerOf(claim) ?? '');
      if (claim && driver?.abilities.create) await provision(claim, driver);
    } else {
      const volume = volumes.get(rest) as Volume | undefined;
      const driver = volume && drivers.get(annotationOf(volume, annotations.provisionedBy) ?? '');
      if (volume && driver?.abilities.create) await removeReleased(context, volume, driver);
    }
  }

  async function provision(claim: Claim, driver: VolumeDriver): Promise<void> {
    const storageClass = classes.get(classOfClaim(claim) ?? '') as StorageClass | undefined;
    if (claim.spec?.volumeName || claim.metadata.deletionTimestamp || storageClass?.provisioner !== driver.name) return;
    const selected = annotationOf(claim, annotations.selectedNode);
    if (storageClass.volumeBindingMode === 'WaitForFirstConsumer' && selected === undefined) return;
    if (volumes.get(`pvc-${claim.metadata.uid}`)) return;
    const recorder = context.recorder(driver.name);
    const about = `"${keyOf(claim)}"`;
    recorder.event(claim, 'Normal', 'Provisioning', `External provisioner is provisioning volume for claim ${about}`);
    try {
      const name = await makeVolume(context, { claim, storageClass, driver, selected });
      recorder.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${name}`);
    } catch (error) {
      if (!(error instanceof VolumeError)) throw error;
      const what = `failed to provision volume with StorageClass "${storageClass.metadata.name}": ${error.message}`;
      recorder.event(claim, 'Warning', 'ProvisioningFailed', what);
      await reschedule(claim, error);
      throw error;
    }
  }

  /** Where there is no room, the scheduler may find another node. */
  async function reschedule(claim: Claim, { code }: VolumeError): Promise<void> {
    if (code !== 'ResourceExhausted' || annotationOf(claim, annotations.selectedNode) === undefined) return;
    const free = annotated(claim, { [annotations.selectedNode]: undefined });
    await ignoringAbsence(context.client.update(persistentVolumeClaims, free));
  }

  const controller = createController({
    name: 'volume-provisioner',
    context,
    sources: [
      { resource: persistentVolumeClaims, keys: (object, { deleted }) => (deleted ? [] : [`claim ${keyOf(object)}`]) },
      { resource: persistentVolumes, keys: (object, { deleted }) => (deleted ? [] : [`volume ${keyOf(object)}`]) },
      { resource: storageClasses, keys: () => [] },
    ],
    reconcile: patiently(reconcile),
  });
  return withDrivers(controller, drivers, (name) => [
    ...claims.byIndex(claimsOfDriver, name).map((claim) => `claim ${keyOf(claim)}`),
    ...volumes.byIndex(volumesOfDriver, name).map((volume) => `volume ${keyOf(volume)}`),
  ]);
}

export function provisionerOf(claim: Claim): string | undefined {
  return annotationOf(claim, annotations.provisioner) ?? annotationOf(claim, annotations.betaProvisioner);
}

interface Wanted {
  claim: Claim;
  storageClass: StorageClass;
  driver: VolumeDriver;
  selected: string | undefined;
}

/** @returns the name of the PersistentVolume, which is there afterwards. */
async function makeVolume({ client }: PlatformContext, wanted: Wanted): Promise<string> {
  const request = await requestFor(client, wanted);
  const created = await wanted.driver.createVolume(request.volume);
  const volume = provisionedVolume(wanted, request, created);
  try {
    await client.create<KubeObject>(persistentVolumes, volume);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
  }
  return volume.metadata.name;
}

/** Deletes what a volume stands for, and then the volume, when its claim is gone and its policy says so. */
async function removeReleased(context: PlatformContext, volume: Volume, driver: VolumeDriver): Promise<void> {
  const { client } = context;
  const { csi, persistentVolumeReclaimPolicy: policy } = volume.spec ?? {};
  if (!csi || policy !== 'Delete') return;
  const { finalizers = [], name } = volume.metadata;
  if (volume.metadata.deletionTimestamp && !finalizers.includes(provisionerFinalizer)) return;
  if (volume.status?.phase !== 'Released' && volume.status?.phase !== 'Failed') return;
  try {
    await driver.deleteVolume(csi.volumeHandle, await readSecret(client, deletionSecret(volume)));
  } catch (error) {
    if (!(error instanceof VolumeError)) throw error;
    context.recorder(driver.name).event(volume, 'Warning', 'VolumeFailedDelete', error.message);
    throw error;
  }
  const rest = finalizers.filter((finalizer) => finalizer !== provisionerFinalizer);
  const freed = { ...volume, metadata: { ...volume.metadata, finalizers: rest } };
  await ignoringAbsence(client.update(persistentVolumes, freed));
  await ignoringAbsence(client.delete(persistentVolumes, { name }, { uid: volume.metadata.uid ?? '' }));
}
