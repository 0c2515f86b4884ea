import { join } from 'node:path';
import type { EventRecorder } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/index.ts';
import type { VolumeDrivers } from '../../volumes/index.ts';
import type { Pod, Volume } from '../pod.ts';
import { claimNameOf, type PersistentVolume, volumeBehind } from './claims.ts';
import { contentOf, type Sources, type VolumeContent } from './content.ts';
import { type CsiContext, type Published, publishInline, publishPersistent } from './csi.ts';
import { makeDiskFolder, makeMemoryFolder } from './empty-dir.ts';
import { expandPublished, waitsForNode } from './expand.ts';
import { hostPath, localPath, type Place } from './host-path.ts';
import { giveToGroup } from './ownership.ts';

/** A volume of a pod that is there on this machine. */
export interface Prepared extends Place {
  /** Files in it are ours, and containers cannot change them. */
  ours: boolean;
  /** Whatever the mounts say. */
  readOnly: boolean;
  /** What a driver has brought, and has to take back. */
  published?: Published;
}

/** What making a pod's volumes takes. */
export interface PrepareContext {
  pod: Pod;
  /** The pod's folders on disk and in memory, for what must not reach the disk, and for what drivers bring. */
  folders: { disk: string; memory: string; csi: string };
  drivers: VolumeDrivers | undefined;
  recorder: EventRecorder | undefined;
  sources: Sources;
  /** Brings files of ours up to date. */
  write(name: string, path: string, content: VolumeContent): Promise<void>;
}

/**
 * Makes a volume, or brings it up to date: its files, or its size.
 * @param before what was made of it earlier.
 * @throws Error in the words of the kubelet's FailedMount event.
 */
export async function prepareVolume(
  volume: Volume,
  before: Prepared | undefined,
  context: PrepareContext,
): Promise<Prepared> {
  // What is neither made of files of ours nor a driver's stays as it was made.
  if (before && !before.ours && !before.published) return before;
  const name = claimNameOf(context.pod, volume);
  const found = name === undefined ? undefined : await volumeBehind(context.sources.client, context.pod, volume, name);
  try {
    if (!found) return await fromPod(volume, before, context);
    const prepared = before ?? (await fromPersistent(found.persistent, volume, context));
    await growIfDue(found, prepared, context);
    return prepared;
  } catch (error) {
    throw new SetUpError(found?.persistent.metadata.name ?? volume.name, error);
  }
}

/** A volume that was made bigger may need the node's part, too. */
async function growIfDue(
  { claim, persistent }: { claim: KubeObject; persistent: PersistentVolume },
  { published }: Prepared,
  { drivers, pod, recorder, sources }: PrepareContext,
): Promise<void> {
  const driver = published && drivers?.get(published.driver);
  if (!driver || !waitsForNode(claim)) return;
  await expandPublished({ pod, claim, volume: persistent, published, driver }, sources.client, recorder);
}

/** A volume that could not be set up, in the words of the kubelet's FailedMount event. */
class SetUpError extends Error {
  constructor(name: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`MountVolume.SetUp failed for volume ${JSON.stringify(name)} : ${why}`, { cause });
    this.name = 'SetUpError';
  }
}

async function fromPod(volume: Volume, before: Prepared | undefined, context: PrepareContext): Promise<Prepared> {
  const { folders, pod, sources } = context;
  if (before?.published) return before;
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
  if (volume.csi) return ofDriver(await publishInline(volume.name, volume.csi, csiContext(context)), context);
  throw unsupported(volume);
}

const csiContext = ({ drivers, folders, pod, sources }: PrepareContext): CsiContext => ({
  ...{ client: sources.client, drivers, pod, folder: folders.csi },
});

function ofDriver(published: Published, context: PrepareContext): Promise<Prepared> {
  const { groupOwns, path, readOnly } = published;
  const prepared: Prepared = { hostPath: path, kind: 'folder', ours: false, readOnly, published };
  return groupOwns ? ownedByGroup(prepared, context) : Promise.resolve(prepared);
}

async function fromPersistent(
  persistent: PersistentVolume,
  volume: Volume,
  context: PrepareContext,
): Promise<Prepared> {
  const { spec = {} } = persistent;
  const readOnly = volume.persistentVolumeClaim?.readOnly === true || spec.csi?.readOnly === true;
  if (spec.volumeMode === 'Block') throw new Error('this node does not support volumes of mode Block');
  if (spec.hostPath) {
    return { ...(await hostPath(spec.hostPath.path, spec.hostPath.type ?? '')), ours: false, readOnly };
  }
  if (spec.local) {
    return ownedByGroup({ ...(await localPath(spec.local.path)), ours: false, readOnly }, context);
  }
  if (!spec.csi) throw unsupported(spec);
  return ofDriver(await publishPersistent(persistent, spec.csi, readOnly, csiContext(context)), context);
}

/** Gives it to the pod's fsGroup, when it is first prepared for the pod. */
async function ownedByGroup(prepared: Prepared, { pod }: PrepareContext): Promise<Prepared> {
  const { fsGroup, fsGroupChangePolicy } = pod.spec?.securityContext ?? {};
  if (fsGroup === undefined || prepared.readOnly) return prepared;
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
