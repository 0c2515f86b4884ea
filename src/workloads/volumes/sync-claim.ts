import { keyOf } from '../../machinery/index.ts';
import { isFinished } from '../pods.ts';
import { persistentVolumeClaims } from '../resources.ts';
import type { Pod } from '../types.ts';
import { defaultClass, waitsForConsumer } from './classes.ts';
import { classIndex, pendingIndex, podClaimIndex, reservedIndex } from './indexes.ts';
import { bestMatch, mismatch } from './match.ts';
import {
  annotationOf,
  annotations,
  type Claim,
  classOfClaim,
  isBoundTo,
  type StorageClass,
  type Volume,
} from './types.ts';
import { annotated, type Binder, bind, loseClaim, setClaimPhase } from './writes.ts';

/** Brings a claim on its way to a volume, as far as it can get now. */
export async function syncClaim(binder: Binder, claim: Claim): Promise<void> {
  if (annotationOf(claim, annotations.bindCompleted) !== undefined) return syncBound(binder, claim);
  if (claim.spec?.volumeName) return syncNamed(binder, claim, claim.spec.volumeName);
  return syncUnbound(binder, claim);
}

async function syncUnbound(binder: Binder, claim: Claim): Promise<void> {
  const waits = waitsForConsumer(claim, binder.classes);
  const volume = bestMatch(claim, candidatesFor(binder, claim), waits);
  if (volume) return bind(binder, volume, claim);
  if (await assignDefaultClass(binder, claim)) return;
  const selected = annotationOf(claim, annotations.selectedNode) !== undefined;
  if (waits && !selected) sayWhatItWaitsFor(binder, claim);
  else if (classOfClaim(claim)) return askForVolume(binder, claim);
  else {
    const message = 'no persistent volumes available for this claim and no storage class is set';
    binder.recorder.event(claim, 'Normal', 'FailedBinding', message);
  }
  await setClaimPhase(binder, claim, 'Pending');
}

/** Binds the claims of a class that have no volume to what has become free of it. What fits nothing is left as it is. */
export async function bindPending(binder: Binder, className: string): Promise<void> {
  // The local copy does not know yet what is bound here.
  const taken = new Set<Volume>();
  for (const claim of binder.claims.byIndex(pendingIndex, className) as Claim[]) {
    if (claim.spec?.volumeName) continue;
    const free = candidatesFor(binder, claim).filter((volume) => !taken.has(volume));
    const volume = bestMatch(claim, free, waitsForConsumer(claim, binder.classes));
    if (!volume) continue;
    taken.add(volume);
    await bind(binder, volume, claim);
  }
}

function candidatesFor({ volumes }: Binder, claim: Claim): Volume[] {
  const reserved = volumes.byIndex(reservedIndex, keyOf(claim));
  const free = volumes.byIndex(classIndex, classOfClaim(claim) ?? '');
  return [...reserved, ...free] as Volume[];
}

/** Gives a claim that does not say which class it wants the default one, also when there was none before. */
async function assignDefaultClass({ client, classes }: Binder, claim: Claim): Promise<boolean> {
  if (classOfClaim(claim) !== undefined) return false;
  const found = defaultClass(classes);
  if (!found) return false;
  const spec = { ...claim.spec, storageClassName: found.metadata.name };
  await client.update(persistentVolumeClaims, { ...claim, spec });
  return true;
}

function sayWhatItWaitsFor({ pods, recorder }: Binder, claim: Claim): void {
  const waiting = (pods.byIndex(podClaimIndex, keyOf(claim)) as Pod[])
    .filter((pod) => !isFinished(pod) && !pod.spec?.nodeName)
    .map(({ metadata }) => metadata.name);
  if (waiting.length === 0) {
    const message = 'waiting for first consumer to be created before binding';
    recorder.event(claim, 'Normal', 'WaitForFirstConsumer', message);
  } else {
    const message = `waiting for ${waiting.length > 1 ? 'pods' : 'pod'} ${waiting.join(',')} to be scheduled`;
    recorder.event(claim, 'Normal', 'WaitForPodScheduled', message);
  }
}

/** The CSI drivers that have taken over from what was once a part of Kubernetes. */
const migrated: Record<string, string> = {
  'kubernetes.io/aws-ebs': 'ebs.csi.aws.com',
  'kubernetes.io/azure-disk': 'disk.csi.azure.com',
  'kubernetes.io/azure-file': 'file.csi.azure.com',
  'kubernetes.io/cinder': 'cinder.csi.openstack.org',
  'kubernetes.io/gce-pd': 'pd.csi.storage.gke.io',
  'kubernetes.io/portworx-volume': 'pxd.portworx.com',
  'kubernetes.io/vsphere-volume': 'csi.vsphere.vmware.com',
};

/** Says in an annotation who is to make a volume: the class's provisioner takes it from there. */
async function askForVolume(binder: Binder, claim: Claim): Promise<void> {
  const { classes, client, recorder } = binder;
  const name = classOfClaim(claim) ?? '';
  const storageClass = classes.get(name) as StorageClass | undefined;
  if (!storageClass) {
    recorder.event(claim, 'Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io "${name}" not found`);
    return;
  }
  const provisioner = migrated[storageClass.provisioner] ?? storageClass.provisioner;
  if (provisioner.startsWith('kubernetes.io/')) {
    recorder.event(claim, 'Warning', 'ProvisioningFailed', `no volume plugin matched name: ${provisioner}`);
    return;
  }
  let asking = claim;
  if (annotationOf(claim, annotations.provisioner) !== provisioner) {
    const changes = { [annotations.betaProvisioner]: provisioner, [annotations.provisioner]: provisioner };
    asking = await client.update<Claim>(persistentVolumeClaims, annotated(claim, changes));
  }
  recorder.event(
    asking,
    'Normal',
    'ExternalProvisioning',
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system ` +
      'administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.',
  );
}

/** A claim that asks for one volume by name. */
async function syncNamed(binder: Binder, claim: Claim, volumeName: string): Promise<void> {
  const { recorder, volumes } = binder;
  const volume = volumes.get(volumeName) as Volume | undefined;
  if (!volume) return void (await setClaimPhase(binder, claim, 'Pending'));
  if (isBoundTo(volume, claim)) return bind(binder, volume, claim);
  if (volume.spec?.claimRef) {
    recorder.event(claim, 'Warning', 'FailedBinding', `volume "${volumeName}" already bound to a different claim.`);
    return void (await setClaimPhase(binder, claim, 'Pending'));
  }
  const why = mismatch(volume, claim);
  if (why === undefined) return bind(binder, volume, claim);
  recorder.event(claim, 'Warning', 'VolumeMismatch', `Cannot bind to requested volume "${volumeName}": ${why}`);
  await setClaimPhase(binder, claim, 'Pending');
}

/** A claim that has been bound stays so, or is lost. */
async function syncBound(binder: Binder, claim: Claim): Promise<void> {
  const name = claim.spec?.volumeName;
  if (!name) {
    const message = 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!';
    return loseClaim(binder, claim, 'ClaimLost', message);
  }
  const volume = binder.volumes.get(name) as Volume | undefined;
  if (!volume) {
    const message = 'Bound claim has lost its PersistentVolume. Data on the volume is lost!';
    return loseClaim(binder, claim, 'ClaimLost', message);
  }
  const holder = volume.spec?.claimRef;
  if (!holder || holder.uid === claim.metadata.uid) return bind(binder, volume, claim);
  const message = 'Two claims are bound to the same volume, this one is bound incorrectly';
  await loseClaim(binder, claim, 'ClaimMisbound', message);
}
