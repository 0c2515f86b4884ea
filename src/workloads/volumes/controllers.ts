import type { Controller, PlatformContext } from '../../client/index.ts';
import type { VolumeDrivers } from '../../volumes/index.ts';
import { snapshotController } from '../snapshots/controller.ts';
import { snapshotter } from '../snapshots/snapshotter.ts';
import { attachDetachController } from './attach-detach.ts';
import { attacher } from './attacher.ts';
import { persistentVolumeBinder } from './binder.ts';
import { ephemeralVolumeController } from './ephemeral.ts';
import { addVolumeIndexes } from './indexes.ts';
import { volumeProvisioner } from './provisioner.ts';
import { volumeResizer } from './resizer.ts';
import { storageProtection } from './storage-protection.ts';

/**
 * What deals with volumes and claims.
 * @param drivers those that can be asked for volumes here; without any, claims wait for somebody else to make theirs.
 */
export function volumeControllers(context: PlatformContext, drivers?: VolumeDrivers): Controller[] {
  addVolumeIndexes(context.informers);
  return [
    persistentVolumeBinder(context),
    ephemeralVolumeController(context),
    volumeResizer(context, drivers),
    ...storageProtection(context),
    ...(drivers ? ofDrivers(context, drivers) : []),
  ];
}

const ofDrivers = (context: PlatformContext, drivers: VolumeDrivers): Controller[] => [
  volumeProvisioner(context, drivers),
  attachDetachController(context, drivers),
  attacher(context, drivers),
  snapshotController(context),
  snapshotter(context, drivers),
];
