import { type Controller, createController, type PlatformContext } from '../../client/index.ts';
import { compareQuantity, equalJson, keyOf, quantityToNumber, timestamp } from '../../machinery/index.ts';
import { type VolumeDriver, type VolumeDrivers, VolumeError } from '../../volumes/index.ts';
import { persistentVolumeClaims, persistentVolumes } from '../resources.ts';
import { volumesOfDriver } from './indexes.ts';
import { bytesText, sizeOf } from './match.ts';
import { patiently } from './retry.ts';
import { readSecret } from './secrets.ts';
import { type Claim, type ClaimCondition, claimKeyOf, modeOf, type Volume } from './types.ts';
import { withDrivers } from './with-drivers.ts';

/**
 * Makes the volumes of claims bigger that ask for more than they have (upstream: the expand controller, and the sidecar
 * external-resizer of a driver that is here).
 */
export function volumeResizer(context: PlatformContext, drivers: VolumeDrivers | undefined): Controller {
  const { client, informers } = context;
  const claims = informers.for(persistentVolumeClaims);
  const volumes = informers.for(persistentVolumes);

  async function reconcile(key: string): Promise<undefined> {
    const claim = claims.get(key) as Claim | undefined;
    const volume = claim && (volumes.get(claim.spec?.volumeName ?? '') as Volume | undefined);
    if (claim?.status?.phase !== 'Bound' || !volume?.spec?.claimRef) return;
    if (volume.spec.claimRef.uid !== claim.metadata.uid) return;
    if (compareQuantity(sizeOf(claim.spec?.resources?.requests), sizeOf(claim.status.capacity)) <= 0) return;
    if (claim.status.allocatedResourceStatuses?.['storage']?.startsWith('Node')) return;
    const driver = drivers?.get(volume.spec.csi?.driver ?? '');
    if (!driver?.abilities.expand) {
      const message = 'waiting for an external controller to expand this PVC';
      context.recorder('volume_expand').event(claim, 'Normal', 'ExternalExpanding', message);
      return;
    }
    await resize(claim, volume, driver);
  }

  async function resize(claim: Claim, volume: Volume, driver: VolumeDriver): Promise<void> {
    const recorder = context.recorder(`external-resizer ${driver.name}`);
    const { name } = volume.metadata;
    const started = await writeStatus(claim, resizing(claim));
    if (started !== claim) recorder.event(claim, 'Normal', 'Resizing', `External resizer is resizing volume ${name}`);
    try {
      const { onNode, size } = await expandVolume(claim, volume, driver);
      const grown = { ...volume.spec, capacity: { ...volume.spec?.capacity, storage: bytesText(size) } };
      await client.update<Volume>(persistentVolumes, { ...volume, spec: grown });
      if (onNode && modeOf(volume) === 'Filesystem') {
        await writeStatus(started, pendingOnNode(started));
        const message = 'Require file system resize of volume on node';
        recorder.event(claim, 'Normal', 'FileSystemResizeRequired', message);
      } else {
        await writeStatus(started, resized(started, bytesText(size)));
        recorder.event(claim, 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded');
      }
    } catch (error) {
      if (!(error instanceof VolumeError)) throw error;
      const message = `resize volume "${name}" by resizer "${driver.name}" failed: ${error.message}`;
      recorder.event(claim, 'Warning', 'VolumeResizeFailed', message);
      await writeStatus(started, failed(started, message, error));
      throw error;
    }
  }

  async function expandVolume(claim: Claim, { spec }: Volume, driver: VolumeDriver) {
    const csi = spec?.csi;
    const size = quantityToNumber(sizeOf(claim.spec?.resources?.requests));
    const use = {
      mode: spec?.volumeMode === 'Block' ? 'Block' : 'Filesystem',
      mountOptions: spec?.mountOptions ?? [],
      accessModes: spec?.accessModes ?? [],
      ...(csi?.fsType === undefined ? {} : { fsType: csi.fsType }),
    } as const;
    const secrets = await readSecret(client, csi?.controllerExpandSecretRef);
    return driver.expandVolume(csi?.volumeHandle ?? '', size, use, secrets);
  }

  async function writeStatus(claim: Claim, status: Claim['status']): Promise<Claim> {
    if (equalJson(status, claim.status)) return claim;
    return client.update<Claim>(persistentVolumeClaims, { ...claim, status }, { subresource: 'status' });
  }

  const controller = createController({
    name: 'volume-expand',
    context,
    sources: [
      { resource: persistentVolumeClaims, keys: (object, { deleted }) => (deleted ? [] : [keyOf(object)]) },
      { resource: persistentVolumes, keys: (object) => keysOfVolume(object as Volume) },
    ],
    reconcile: patiently(reconcile),
  });
  if (!drivers) return controller;
  return withDrivers(controller, drivers, (name) =>
    (volumes.byIndex(volumesOfDriver, name) as Volume[]).flatMap(keysOfVolume),
  );
}

function keysOfVolume(volume: Volume): string[] {
  const key = claimKeyOf(volume);
  return key === undefined ? [] : [key];
}

/** The conditions with one changed; its time stays while its status does. */
function withCondition(claim: Claim, condition: ClaimCondition, without: readonly string[] = []): ClaimCondition[] {
  const present = claim.status?.conditions ?? [];
  const before = present.find(({ type }) => type === condition.type);
  const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : timestamp();
  const others = present.filter(({ type }) => type !== condition.type && !without.includes(type));
  return [...others, { ...condition, ...(lastTransitionTime ? { lastTransitionTime } : {}) }];
}

const errors = ['ControllerResizeError', 'NodeResizeError'];

function resizing(claim: Claim): Claim['status'] {
  return {
    ...claim.status,
    allocatedResources: {
      ...claim.status?.allocatedResources,
      storage: claim.spec?.resources?.requests?.['storage'] ?? 0,
    },
    allocatedResourceStatuses: { storage: 'ControllerResizeInProgress' },
    conditions: withCondition(claim, { type: 'Resizing', status: 'True' }),
  };
}

function pendingOnNode(claim: Claim): Claim['status'] {
  const message = 'Waiting for user to (re-)start a pod to finish file system resize of volume on node.';
  return {
    ...claim.status,
    allocatedResourceStatuses: { storage: 'NodeResizePending' },
    conditions: withCondition(claim, { type: 'FileSystemResizePending', status: 'True', message }, [
      'Resizing',
      ...errors,
    ]),
  };
}

function resized(claim: Claim, size: string): Claim['status'] {
  const { allocatedResourceStatuses: _, conditions = [], ...rest } = claim.status ?? {};
  const over = ['Resizing', 'FileSystemResizePending', ...errors];
  const kept = conditions.filter(({ type }) => !over.includes(type));
  return {
    ...rest,
    capacity: { ...rest.capacity, storage: size },
    ...(kept.length > 0 ? { conditions: kept } : {}),
  };
}

function failed(claim: Claim, message: string, { code }: VolumeError): Claim['status'] {
  const infeasible = ['InvalidArgument', 'OutOfRange', 'NotFound'].includes(code);
  return {
    ...claim.status,
    ...(infeasible ? { allocatedResourceStatuses: { storage: 'ControllerResizeInfeasible' } } : {}),
    conditions: withCondition(claim, { type: 'ControllerResizeError', status: 'True', message }),
  };
}
