import { type Controller, createController, type PlatformContext } from '../../client/index.ts';
import { equalJson, type KubeObject, timestamp } from '../../machinery/index.ts';
import { type VolumeDriver, type VolumeDrivers, VolumeError } from '../../volumes/index.ts';
import { ignoringAbsence } from '../refusals.ts';
import { csiNodes, persistentVolumes, volumeAttachments } from '../resources.ts';
import { patiently } from './retry.ts';
import { readSecret } from './secrets.ts';
import type { Volume } from './types.ts';
import { withDrivers } from './with-drivers.ts';

/** A VolumeAttachment. */
export type Attachment = KubeObject<
  { attacher: string; nodeName: string; source: { persistentVolumeName?: string } },
  {
    attached?: boolean;
    attachmentMetadata?: Record<string, string>;
    attachError?: { time?: string; message?: string };
    detachError?: { time?: string; message?: string };
  }
>;

/** Attaches and detaches with the drivers that are here (the sidecar external-attacher). */
export function attacher(context: PlatformContext, drivers: VolumeDrivers): Controller {
  const { client, informers } = context;
  const attachments = informers.for(volumeAttachments);
  const volumes = informers.for(persistentVolumes);
  const nodes = informers.for(csiNodes);

  async function reconcile(name: string): Promise<undefined> {
    const attachment = attachments.get(name) as Attachment | undefined;
    const driver = attachment && drivers.get(attachment.spec?.attacher ?? '');
    if (!attachment || !driver) return;
    if (attachment.metadata.deletionTimestamp) return void (await detach(attachment, driver));
    if (!attachment.status?.attached) await attach(attachment, driver);
  }

  async function attach(attachment: Attachment, driver: VolumeDriver): Promise<void> {
    const guarded = await guard(attachment, driver);
    try {
      const answer = driver.abilities.attach ? await attachVolume(guarded, driver) : {};
      await writeStatus(guarded, {
        attached: true,
        ...(Object.keys(answer).length > 0 ? { attachmentMetadata: { ...answer } } : {}),
      });
    } catch (error) {
      if (!(error instanceof VolumeError)) throw error;
      await writeStatus(guarded, { attached: false, attachError: { message: error.message, time: timestamp() } });
      throw error;
    }
  }

  function attachVolume({ spec }: Attachment, driver: VolumeDriver): Promise<Readonly<Record<string, string>>> {
    const volume = volumes.get(spec?.source.persistentVolumeName ?? '') as Volume | undefined;
    const csi = volume?.spec?.csi;
    if (!csi) throw new VolumeError('NotFound', `there is no volume ${spec?.source.persistentVolumeName} to attach`);
    const nodeId = nodeIdOf(spec?.nodeName ?? '', driver);
    return readSecret(client, csi.controllerPublishSecretRef).then((secrets) =>
      driver.attach({
        handle: csi.volumeHandle,
        ...{ nodeId, secrets },
        readOnly: csi.readOnly === true,
        context: csi.volumeAttributes ?? {},
        use: {
          mode: volume.spec?.volumeMode === 'Block' ? 'Block' : 'Filesystem',
          mountOptions: volume.spec?.mountOptions ?? [],
          accessModes: volume.spec?.accessModes ?? [],
          ...(csi.fsType === undefined ? {} : { fsType: csi.fsType }),
        },
      }),
    );
  }

  /** What the driver calls a node: its CSINode says so. */
  function nodeIdOf(node: string, driver: VolumeDriver): string {
    const list = (nodes.get(node)?.spec?.['drivers'] ?? []) as { name: string; nodeID: string }[];
    const found = list.find(({ name }) => name === driver.name)?.nodeID;
    if (found === undefined)
      throw new VolumeError('NotFound', `CSINode ${node} does not contain driver ${driver.name}`);
    return found;
  }

  async function detach(attachment: Attachment, driver: VolumeDriver): Promise<void> {
    const { metadata, spec } = attachment;
    const finalizer = finalizerOf(driver);
    if (!metadata.finalizers?.includes(finalizer)) return;
    const volume = volumes.get(spec?.source.persistentVolumeName ?? '') as Volume | undefined;
    const csi = volume?.spec?.csi;
    try {
      if (csi && driver.abilities.attach) {
        const secrets = await readSecret(client, csi.controllerPublishSecretRef);
        await driver.detach(csi.volumeHandle, nodeIdOf(spec?.nodeName ?? '', driver), secrets);
      }
    } catch (error) {
      if (!(error instanceof VolumeError)) throw error;
      const detachError = { message: error.message, time: timestamp() };
      await writeStatus(attachment, { attached: true, ...attachment.status, detachError });
      throw error;
    }
    const finalizers = metadata.finalizers.filter((name) => name !== finalizer);
    await ignoringAbsence(client.update(volumeAttachments, { ...attachment, metadata: { ...metadata, finalizers } }));
  }

  /** Held back until it is detached. */
  async function guard(attachment: Attachment, driver: VolumeDriver): Promise<Attachment> {
    const { finalizers = [] } = attachment.metadata;
    const finalizer = finalizerOf(driver);
    if (finalizers.includes(finalizer)) return attachment;
    const metadata = { ...attachment.metadata, finalizers: [...finalizers, finalizer] };
    return client.update<Attachment>(volumeAttachments, { ...attachment, metadata });
  }

  async function writeStatus(attachment: Attachment, status: NonNullable<Attachment['status']>): Promise<void> {
    if (equalJson(status, attachment.status)) return;
    await client.update<Attachment>(volumeAttachments, { ...attachment, status }, { subresource: 'status' });
  }

  const ofDriver = (name: string): string[] =>
    (attachments.list() as Attachment[])
      .filter(({ spec }) => spec?.attacher === name)
      .map(({ metadata }) => metadata.name);

  const controller = createController({
    name: 'csi-attacher',
    context,
    sources: [
      { resource: volumeAttachments },
      { resource: persistentVolumes, keys: () => [] },
      { resource: csiNodes, keys: () => [] },
    ],
    reconcile: patiently(reconcile),
  });
  return withDrivers(controller, drivers, ofDriver);
}

const finalizerOf = ({ name }: VolumeDriver): string => `external-attacher/${name.replaceAll('.', '-')}`;
