import { join } from 'node:path';
import type { VolumeDrivers } from '../../volumes/index.ts';
import type { Pod, Volume } from '../pod.ts';
import { claimNameOf, type PersistentVolume, volumeBehind } from './claims.ts';
import { contentOf, type Sources, type VolumeContent } from './content.ts';
import { makeDiskFolder, makeMemoryFolder } from './empty-dir.ts';
import { hostPath, localPath, type Place } from './host-path.ts';
import { giveToGroup } from './ownership.ts';

/** A volume of a pod that is there on this machine. */
export interface Prepared extends Place {
  /** Files in it are ours, and containers cannot change them. */
  ours: boolean;
  /** Whatever the mounts say. */
  readOnly: boolean;
  /** The driver that brought it and has to take it back, and the volume's name and handle for it. */
  published?: { driver: string; handle: string; name: string; folder: string };
}

/** What making a pod's volumes takes. */
export interface PrepareContext {
  pod: Pod;
  /** The pod's folders on disk and in memory, for what must not reach the disk. */
  folders: { disk: string; memory: string };
  drivers: VolumeDrivers | undefined;
  sources: Sources;
  /** Brings files of ours up to date. */
  write(name: string, path: string, content: VolumeContent): Promise<void>;
  /** The volume is there already, and only files of ours may have to change. */
  isThere: boolean;
}

/** Makes a volume, or brings its files up to date. @throws SetUpError, ClaimError */
export async function prepareVolume(volume: Volume, context: PrepareContext): Promise<Prepared> {
  const claim = claimNameOf(context.pod, volume);
  const persistent =
    claim === undefined ? undefined : await volumeBehind(context.sources.client, context.pod, volume, claim);
  try {
    const prepared = await (persistent ? fromPersistent(persistent, volume, context) : fromPod(volume, context));
    return prepared;
  } catch (error) {
    throw new SetUpError(persistent?.metadata.name ?? volume.name, error);
  }
}

/** A volume that could not be set up, in the words of the kubelet's FailedMount event. */
class SetUpError extends Error {
  constructor(name: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`MountVolume.SetUp failed for volume ${JSON.stringify(name)} : ${why}`, { cause });
    this.name = 'SetUpError';
  }
}

async function fromPod(volume: Volume, context: PrepareContext): Promise<Prepared> {
  const { folders, pod, sources } = context;
  const content = await contentOf(volume, sources);
  if (content) {
    const secret = volume.secret !== undefined || volume.projected !== undefined;
    const path = join(secret ? folders.memory : folders.disk, volume.name);
    await context.write(volume.name, path, content);
    return { hostPath: path, kind: 'folder', ours: true, readOnly: true };
  }
  if (volume.emptyDir) {
    const { medium = '' } = volume.emptyDir;
    if (medium !== '' && medium !== 'Memory')
      throw new Error(`this node does not support emptyDir with medium ${medium}`);
    const path = join(medium === 'Memory' ? folders.memory : folders.disk, volume.name);
    if (medium === 'Memory') await makeMemoryFolder(path, volume.emptyDir, pod, sources.capacity.memory);
    else await makeDiskFolder(path);
    return ownedByGroup({ hostPath: path, kind: 'folder', ours: false, readOnly: false }, context);
  }
  // What belongs to the machine keeps its owner.
  if (volume.hostPath) {
    const place = await hostPath(volume.hostPath.path, volume.hostPath.type ?? '');
    return { ...place, ours: false, readOnly: false };
  }
  throw unsupported(volume);
}

async function fromPersistent(
  { metadata, spec = {} }: PersistentVolume,
  volume: Volume,
  context: PrepareContext,
): Promise<Prepared> {
  const readOnly = volume.persistentVolumeClaim?.readOnly === true || spec.csi?.readOnly === true;
  if (spec.volumeMode === 'Block') throw new Error('this node does not support volumes of mode Block');
  if (spec.hostPath) {
    return { ...(await hostPath(spec.hostPath.path, spec.hostPath.type ?? '')), ours: false, readOnly };
  }
  if (spec.local) {
    return ownedByGroup({ ...(await localPath(spec.local.path)), ours: false, readOnly }, context);
  }
  if (!spec.csi) throw unsupported(spec);
  const { driver: driverName, volumeHandle: handle } = spec.csi;
  const driver = context.drivers?.get(driverName);
  if (!driver) {
    const why = `driver name ${driverName} not found in the list of registered CSI drivers`;
    throw new Error(`kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: ${why}`);
  }
  const folder = join(context.folders.disk, '..', 'csi', metadata.name);
  const hostPathOfIt = await driver.publish({
    handle,
    name: metadata.name,
    context: spec.csi.volumeAttributes ?? {},
    publishContext: {},
    use: { mode: 'Filesystem', mountOptions: spec.mountOptions ?? [], accessModes: spec.accessModes ?? [] },
    readOnly,
    ephemeral: false,
    folder,
    stageSecrets: {},
    publishSecrets: {},
  });
  const published = { driver: driverName, handle, name: metadata.name, folder };
  return ownedByGroup({ hostPath: hostPathOfIt, kind: 'folder', ours: false, readOnly, published }, context);
}

/** Gives it to the pod's fsGroup, when it is first prepared for the pod. */
async function ownedByGroup(prepared: Prepared, { pod, isThere }: PrepareContext): Promise<Prepared> {
  const { fsGroup, fsGroupChangePolicy } = pod.spec?.securityContext ?? {};
  if (fsGroup === undefined || isThere || prepared.readOnly) return prepared;
  await giveToGroup(prepared.hostPath, fsGroup, false, fsGroupChangePolicy === 'OnRootMismatch');
  return prepared;
}

/** Names the source: the only field that is neither its name nor about its use. */
function unsupported(source: Record<string, unknown>): Error {
  const found =
    Object.keys(source).find((key) => networkSources.has(key)) ?? Object.keys(source).find((key) => key !== 'name');
  return new Error(`this node does not support volumes of type ${found ?? 'nothing'}`);
}

/** Sources that a PersistentVolume may have beside fields about its use. */
const networkSources = new Set([
  'awsElasticBlockStore',
  'azureDisk',
  'azureFile',
  'cephfs',
  'cinder',
  'fc',
  'flexVolume',
  'flocker',
  'gcePersistentDisk',
  'glusterfs',
  'iscsi',
  'nfs',
  'photonPersistentDisk',
  'portworxVolume',
  'quobyte',
  'rbd',
  'scaleIO',
  'storageos',
  'vsphereVolume',
]);
