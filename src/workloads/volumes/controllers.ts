import { type Controller, type Demand, onDemand, type PlatformContext } from '../../client/index.ts';
import type { VolumeDrivers } from '../../volumes/index.ts';
import { persistentVolumeClaims, persistentVolumes, pods, volumeAttachments } from '../resources.ts';
import { volumeSnapshotContents, volumeSnapshots } from '../snapshots/resources.ts';
import { addVolumeIndexes, hasEphemeralVolume } from './indexes.ts';
import { storageProtection } from './storage-protection.ts';

/**
 * What deals with volumes and claims.
 * @param drivers those that can be asked for volumes here; without any, claims wait for somebody else to make theirs.
 */
export function volumeControllers(context: PlatformContext, drivers?: VolumeDrivers): Controller[] {
  // With that, pods are followed whole: their volumes are seen, too.
  addVolumeIndexes(context.informers);
  const on = controllersOn(context);
  return [
    ...storageProtection(context),
    on('persistentvolume-binder', [claims, volumes], async () =>
      (await import('./binder.ts')).persistentVolumeBinder(context),
    ),
    on('ephemeral-volume-controller', [{ resource: pods, when: hasEphemeralVolume }], async () =>
      (await import('./ephemeral.ts')).ephemeralVolumeController(context),
    ),
    on('volume-expand', [claims], async () => (await import('./resizer.ts')).volumeResizer(context, drivers)),
    ...(drivers ? controllersOfDrivers(context, drivers) : []),
  ];
}

function controllersOfDrivers(context: PlatformContext, drivers: VolumeDrivers): Controller[] {
  const on = controllersOn(context);
  const attachments = { resource: volumeAttachments };
  return [
    on('volume-provisioner', [claims, volumes], async () =>
      (await import('./provisioner.ts')).volumeProvisioner(context, drivers),
    ),
    on('attachdetach-controller', [volumes, attachments], async () =>
      (await import('./attach-detach.ts')).attachDetachController(context, drivers),
    ),
    on('csi-attacher', [attachments], async () => (await import('./attacher.ts')).attacher(context, drivers)),
    on('snapshot-controller', [{ resource: volumeSnapshots }], async () =>
      (await import('../snapshots/controller.ts')).snapshotController(context),
    ),
    on('csi-snapshotter', [{ resource: volumeSnapshotContents }], async () =>
      (await import('../snapshots/snapshotter.ts')).snapshotter(context, drivers),
    ),
  ];
}

const claims = { resource: persistentVolumeClaims };
const volumes = { resource: persistentVolumes };

/** Many never use a volume: each controller comes with the first object that it is for. */
const controllersOn =
  (context: PlatformContext) =>
  (name: string, demands: readonly Demand[], load: () => Promise<Controller>): Controller =>
    onDemand({ name, context, demands, load });
