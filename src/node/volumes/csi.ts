import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Client } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/index.ts';
import { attachmentName, type VolumeDriver, type VolumeDrivers, type VolumeUse } from '../../volumes/index.ts';
import { csiDrivers, type Pod, secrets, type Volume, volumeAttachments } from '../pod.ts';
import type { CsiSource, PersistentVolume } from './claims.ts';

/** What a driver has brought to a pod, noted so that it is taken back whatever happens to this process. */
interface Note {
  driver: string;
  handle: string;
  ephemeral: boolean;
}

/** A volume of a driver, there for a pod. */
export interface Published extends Note {
  /** Where its content is on this machine. */
  path: string;
  readOnly: boolean;
  /** Whether the pod's fsGroup is to own it, as the driver has said. */
  groupOwns: boolean;
}

export interface CsiContext {
  client: Client;
  drivers: VolumeDrivers | undefined;
  pod: Pod;
  /** The pod's folder for what drivers bring. */
  folder: string;
}

/** How long, in milliseconds, an attachment is waited for; after that the pod says that it waits, and looks again. */
const attachTime = 10_000;

/** Brings a PersistentVolume to a pod. @throws Error when the driver is not there or refuses. */
export async function publishPersistent(
  { metadata, spec = {} }: PersistentVolume,
  csi: CsiSource,
  readOnly: boolean,
  context: CsiContext,
): Promise<Published> {
  const driver = driverOf(csi.driver, context);
  const facts = await factsOf(context.client, driver);
  const use: VolumeUse = {
    mode: 'Filesystem',
    mountOptions: spec.mountOptions ?? [],
    accessModes: spec.accessModes ?? [],
    ...(csi.fsType === undefined ? {} : { fsType: csi.fsType }),
  };
  const publishContext = facts.attachRequired ? await attachmentOf(csi, context) : {};
  const note = { driver: driver.name, handle: csi.volumeHandle, ephemeral: false };
  const { client } = context;
  const path = await publish(driver, note, metadata.name, context, {
    ...{ use, publishContext, readOnly },
    context: { ...csi.volumeAttributes, ...podInfo(facts, context.pod, false) },
    stageSecrets: await readSecret(client, csi.nodeStageSecretRef),
    publishSecrets: await readSecret(client, csi.nodePublishSecretRef),
  });
  const once = spec.accessModes?.includes('ReadWriteOnce') === true && csi.fsType !== undefined;
  const groupOwns = facts.fsGroupPolicy === 'File' || (facts.fsGroupPolicy !== 'None' && once);
  return { ...note, path, readOnly, groupOwns };
}

/** Brings a volume that a pod's own specification describes. It is made for the pod and goes with it. */
export async function publishInline(
  name: string,
  source: NonNullable<Volume['csi']>,
  context: CsiContext,
): Promise<Published> {
  const driver = driverOf(source.driver, context);
  const facts = await factsOf(context.client, driver);
  if (!facts.modes.includes('Ephemeral'))
    throw new Error(`volume mode "Ephemeral" not supported by driver ${driver.name} (only supports ${facts.modes})`);
  const { namespace = '', uid = '' } = context.pod.metadata;
  const handle = `csi-${createHash('sha256').update(`${uid}${name}`).digest('hex')}`;
  const note = { driver: driver.name, handle, ephemeral: true };
  const secret = source.nodePublishSecretRef && { name: source.nodePublishSecretRef.name ?? '', namespace };
  const path = await publish(driver, note, name, context, {
    context: { ...source.volumeAttributes, ...podInfo(facts, context.pod, true) },
    use: { mode: 'Filesystem', ...(source.fsType === undefined ? {} : { fsType: source.fsType }) },
    readOnly: source.readOnly === true,
    publishSecrets: await readSecret(context.client, secret),
    ...{ publishContext: {}, stageSecrets: {} },
  });
  return { ...note, path, readOnly: source.readOnly === true, groupOwns: facts.fsGroupPolicy === 'File' };
}

type Publication = Omit<Parameters<VolumeDriver['publish']>[0], 'handle' | 'target' | 'ephemeral'>;

async function publish(
  driver: VolumeDriver,
  note: Note,
  name: string,
  { folder }: CsiContext,
  publication: Publication,
): Promise<string> {
  const target = join(folder, name, 'mount');
  await mkdir(dirname(target), { recursive: true, mode: 0o750 });
  // First the note, then the deed: a driver takes back what it has not brought without a word.
  await writeFile(noteFile(folder, name), JSON.stringify(note), { mode: 0o600 });
  return driver.publish({ ...publication, target, handle: note.handle, ephemeral: note.ephemeral });
}

const noteFile = (folder: string, name: string): string => join(folder, name, 'volume.json');

function driverOf(name: string, { drivers }: CsiContext): VolumeDriver {
  const driver = drivers?.get(name);
  if (driver) return driver;
  const why = `driver name ${name} not found in the list of registered CSI drivers`;
  throw new Error(`kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: ${why}`);
}

interface DriverFacts {
  attachRequired: boolean;
  podInfoOnMount: boolean;
  fsGroupPolicy: string;
  modes: string[];
}

/** What the driver's CSIDriver says; without one, Kubernetes' defaults, and no attaching for a driver that cannot. */
async function factsOf(client: Client, driver: VolumeDriver): Promise<DriverFacts> {
  const found = await client.find(csiDrivers, { name: driver.name });
  const spec = (found?.spec ?? {}) as Partial<DriverFacts> & { volumeLifecycleModes?: string[] };
  return {
    attachRequired: spec.attachRequired ?? driver.abilities.attach,
    podInfoOnMount: spec.podInfoOnMount ?? false,
    fsGroupPolicy: spec.fsGroupPolicy ?? 'ReadWriteOnceWithFSType',
    modes: spec.volumeLifecycleModes ?? ['Persistent'],
  };
}

function podInfo({ podInfoOnMount }: DriverFacts, { metadata, spec }: Pod, ephemeral: boolean): Record<string, string> {
  if (!podInfoOnMount) return {};
  return {
    'csi.storage.k8s.io/pod.name': metadata.name,
    'csi.storage.k8s.io/pod.namespace': metadata.namespace ?? '',
    'csi.storage.k8s.io/pod.uid': metadata.uid ?? '',
    'csi.storage.k8s.io/serviceAccount.name': spec?.serviceAccountName ?? '',
    'csi.storage.k8s.io/ephemeral': String(ephemeral),
  };
}

/** What attaching the volume to this node has answered; waits for it. */
async function attachmentOf(
  { driver, volumeHandle }: CsiSource,
  { client, pod }: CsiContext,
): Promise<Record<string, string>> {
  const name = attachmentName(volumeHandle, driver, pod.spec?.nodeName ?? '');
  const signal = AbortSignal.timeout(attachTime);
  const options = { fieldSelector: `metadata.name=${name}`, sendInitialEvents: true, signal };
  try {
    for await (const { object, type } of client.watch<Attachment>(volumeAttachments, options)) {
      if (type !== 'DELETED' && object.status?.attached) return object.status.attachmentMetadata ?? {};
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  throw new Error(`volume attachment ${name} is not attached yet`);
}

type Attachment = KubeObject<
  Record<string, unknown>,
  { attached?: boolean; attachmentMetadata?: Record<string, string> }
>;

async function readSecret(
  client: Client,
  reference: { name?: string; namespace?: string } | undefined,
): Promise<Record<string, string>> {
  if (!reference?.name) return {};
  const { name, namespace = '' } = reference;
  const secret = await client.find(secrets, { name, namespace });
  if (!secret) throw new Error(`failed to find the secret ${name} in the namespace ${namespace}`);
  const entries = Object.entries((secret['data'] ?? {}) as Record<string, string>);
  return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}

/**
 * Takes back what drivers have brought to a pod, and from this machine what no other pod has.
 * @param pods the folder of all pods, `podFolder` one of those in it.
 * @throws Error when a driver is not there or refuses; what it has brought stays then.
 */
export async function takeBack(pods: string, podFolder: string, drivers: VolumeDrivers | undefined): Promise<void> {
  const folder = csiFolder(join(pods, podFolder));
  for (const [name, note] of await notesIn(folder)) {
    const driver = drivers?.get(note.driver);
    if (!driver) throw new Error(`driver ${note.driver} is not there to take back the volume ${name}`);
    await driver.unpublish(note.handle, join(folder, name, 'mount'));
    await rm(noteFile(folder, name), { force: true });
    if (!note.ephemeral && !(await isElsewhere(pods, note))) await driver.unstage(note.handle);
  }
}

/** The part of a pod's folder for what drivers bring. */
export const csiFolder = (podFolder: string): string => join(podFolder, 'csi');

async function isElsewhere(pods: string, { driver, handle }: Note): Promise<boolean> {
  for (const pod of await namesIn(pods)) {
    const notes = await notesIn(csiFolder(join(pods, pod)));
    if (notes.some(([, other]) => other.driver === driver && other.handle === handle)) return true;
  }
  return false;
}

async function notesIn(folder: string): Promise<[name: string, note: Note][]> {
  const notes: [string, Note][] = [];
  for (const name of await namesIn(folder)) {
    const text = await readFile(noteFile(folder, name), 'utf8').catch(ifAbsent);
    if (text) notes.push([name, JSON.parse(text) as Note]);
  }
  return notes;
}

const namesIn = async (folder: string): Promise<string[]> => (await readdir(folder).catch(ifAbsent)) ?? [];

function ifAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
