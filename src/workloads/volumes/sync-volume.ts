import { splitKey } from '../../machinery/index.ts';
import { isFinished } from '../pods.ts';
import { persistentVolumeClaims } from '../resources.ts';
import type { Pod } from '../types.ts';
import { podClaimIndex } from './indexes.ts';
import { annotationOf, annotations, type Claim, claimKeyOf, modeOf, type Volume } from './types.ts';
import { type Binder, failVolume, setVolumePhase, unbind } from './writes.ts';

/** Brings a volume's phase up to date with its claim, and reclaims it when its claim is gone. */
export async function syncVolume(binder: Binder, volume: Volume): Promise<void> {
  const key = claimKeyOf(volume);
  if (key === undefined || !volume.spec?.claimRef?.uid) {
    await setVolumePhase(binder, volume, 'Available');
    return;
  }
  const claim = await claimOf(binder, key, volume.spec.claimRef.uid);
  if (!claim) return release(binder, volume);
  if (!claim.spec?.volumeName) return checkMode(binder, volume, claim);
  if (claim.spec.volumeName === volume.metadata.name) return void (await setVolumePhase(binder, volume, 'Bound'));
  // The claim took another one: what was made for it is of no use to anybody else.
  const made = annotationOf(volume, annotations.provisionedBy) !== undefined;
  if (made && volume.spec.persistentVolumeReclaimPolicy === 'Delete') return release(binder, volume);
  return unbind(binder, volume);
}

/** The claim of that uid. The local copy may be behind, and a volume given up too early is lost: so a miss asks the server. */
async function claimOf({ claims, client }: Binder, key: string, uid: string): Promise<Claim | undefined> {
  const known = claims.get(key) as Claim | undefined;
  if (known?.metadata.uid === uid) return known;
  const live = await client.find<Claim>(persistentVolumeClaims, splitKey(key));
  return live?.metadata.uid === uid ? live : undefined;
}

/** A volume that is bound to a claim which does not name it yet: it will, unless they do not fit. */
function checkMode({ recorder }: Binder, volume: Volume, claim: Claim): void {
  if (modeOf(volume) === modeOf(claim)) return;
  const [name, wanted] = [volume.metadata.name, claim.metadata.name];
  const why = 'due to incompatible volumeMode.';
  const forVolume = `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${wanted}" ${why}`;
  recorder.event(volume, 'Warning', 'VolumeMismatch', forVolume);
  const forClaim = `Cannot bind PersistentVolume "${name}" to requested PersistentVolumeClaim ${why}`;
  recorder.event(claim, 'Warning', 'VolumeMismatch', forClaim);
}

/** Does with a volume whose claim is gone what its policy says. Retain: nothing, an administrator looks at it. */
async function release(binder: Binder, volume: Volume): Promise<void> {
  const over = volume.status?.phase === 'Released' || volume.status?.phase === 'Failed';
  const released = over ? volume : await setVolumePhase(binder, volume, 'Released');
  const policy = released.spec?.persistentVolumeReclaimPolicy ?? 'Retain';
  if (policy === 'Delete') await remove(binder, released);
  else if (policy === 'Recycle') await recycle(binder, released);
}

/** Volumes of a driver are deleted by whoever made them (provisioner.ts); what nobody made, nobody can delete. */
async function remove(binder: Binder, volume: Volume): Promise<void> {
  const maker = annotationOf(volume, annotations.provisionedBy);
  if (volume.spec?.csi || (maker && !maker.startsWith('kubernetes.io/'))) return;
  const { name } = volume.metadata;
  const path = volume.spec?.hostPath?.path;
  if (path !== undefined) {
    // Upstream deletes below /tmp, for tests. Nobody is helped when a controller deletes folders of the machine.
    const message = `host_path deleter only supports /tmp/.+ but received provided ${path}`;
    const refusal = path.startsWith('/tmp/') ? `deleting the folder ${path} of the machine is not supported` : message;
    return failVolume(binder, volume, 'VolumeFailedDelete', refusal);
  }
  const why = `error getting deleter volume plugin for volume "${name}": no deletable volume plugin matched`;
  await failVolume(binder, volume, 'VolumeFailedDelete', why);
}

async function recycle(binder: Binder, volume: Volume): Promise<void> {
  const users = (binder.pods.byIndex(podClaimIndex, claimKeyOf(volume) ?? '') as Pod[])
    .filter((pod) => !isFinished(pod))
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  if (users.length > 0 && !binder.claims.get(claimKeyOf(volume) ?? '')) {
    const message = `Volume is used by pods: ${users.sort().join(',')}`;
    binder.recorder.event(volume, 'Normal', 'VolumeFailedRecycle', message);
    return;
  }
  await failVolume(binder, volume, 'VolumeFailedRecycle', 'No recycler plugin found for the volume!');
}
