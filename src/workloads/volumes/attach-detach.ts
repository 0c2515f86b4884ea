import { type Controller, createController, type PlatformContext } from '../../client/index.ts';
import { isReason, type KubeObject, keyOf } from '../../machinery/index.ts';
import { attachmentName, type VolumeDrivers } from '../../volumes/index.ts';
import { isFinished } from '../pods.ts';
import { ignoringAbsence } from '../refusals.ts';
import { csiDrivers, persistentVolumeClaims, persistentVolumes, pods, volumeAttachments } from '../resources.ts';
import type { Pod } from '../types.ts';
import type { Attachment } from './attacher.ts';
import { claimsOfPod, podClaimIndex } from './indexes.ts';
import { claimKeyOf, type Volume } from './types.ts';

/**
 * Asks for a volume to be attached to every node that a pod with it is bound to, and for it to be detached when the last
 * such pod has gone from there, with its volumes (upstream: the attachdetach-controller). Keys are names of volumes.
 */
export function attachDetachController(context: PlatformContext, drivers: VolumeDrivers): Controller {
  const { client, informers } = context;
  const podInformer = informers.for(pods);
  const claims = informers.for(persistentVolumeClaims);
  const volumes = informers.for(persistentVolumes);
  const attachments = informers.for(volumeAttachments);
  const facts = informers.for(csiDrivers);
  const recorder = context.recorder('attachdetach-controller');

  async function reconcile(name: string): Promise<undefined> {
    const volume = volumes.get(name) as Volume | undefined;
    const users = volume?.spec?.csi && isAttachable(volume) ? usersOf(volume) : new Map<string, Pod>();
    const present = (attachments.list() as Attachment[]).filter(
      ({ metadata, spec }) => spec?.source.persistentVolumeName === name && !metadata.deletionTimestamp,
    );
    for (const { metadata, spec } of present) {
      if (users.has(spec?.nodeName ?? '')) continue;
      await ignoringAbsence(client.delete(volumeAttachments, { name: metadata.name }));
    }
    if (!volume) return;
    for (const [node, pod] of users) {
      const attachment = present.find(({ spec }) => spec?.nodeName === node);
      if (!attachment) await attach(volume, node);
      // Only a pod that has yet to start is waiting to hear of it.
      else if (pod.status?.phase === 'Pending') tell(pod, name, attachment.status);
    }
  }

  function tell(pod: Pod, name: string, { attachError, attached }: NonNullable<Attachment['status']> = {}): void {
    if (attached) {
      recorder.event(pod, 'Normal', 'SuccessfulAttachVolume', `AttachVolume.Attach succeeded for volume "${name}" `);
    } else if (attachError) {
      const why = `AttachVolume.Attach failed for volume "${name}" : ${attachError.message ?? ''}`;
      recorder.event(pod, 'Warning', 'FailedAttachVolume', why);
    }
  }

  /** Without a CSIDriver that says otherwise volumes have to be attached; not those of a driver here that cannot. */
  function isAttachable({ spec }: Volume): boolean {
    const name = spec?.csi?.driver ?? '';
    const said = facts.get(name)?.spec?.['attachRequired'];
    return typeof said === 'boolean' ? said : (drivers.get(name)?.abilities.attach ?? false);
  }

  /** A pod with the volume for each node that has one. */
  function usersOf(volume: Volume): Map<string, Pod> {
    const all = podInformer.byIndex(podClaimIndex, claimKeyOf(volume) ?? '') as Pod[];
    // A pod that has ended keeps its volumes until it is deleted; one that never started needs none.
    const bound = all.filter(({ spec, status }) => spec?.nodeName && (status?.podIP || !isFinished({ status } as Pod)));
    return new Map(bound.map((pod) => [pod.spec?.nodeName ?? '', pod]));
  }

  async function attach({ metadata, spec }: Volume, nodeName: string): Promise<void> {
    const { driver = '', volumeHandle = '' } = spec?.csi ?? {};
    try {
      await client.create<KubeObject>(volumeAttachments, {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'VolumeAttachment',
        metadata: { name: attachmentName(volumeHandle, driver, nodeName) },
        spec: { attacher: driver, nodeName, source: { persistentVolumeName: metadata.name } },
      });
    } catch (error) {
      // One that is being deleted stands in the way; its end brings the volume back here.
      if (!isReason(error, 'AlreadyExists')) throw error;
    }
  }

  const volumesOfPod = (pod: KubeObject): string[] =>
    claimsOfPod(pod).flatMap((key) => {
      const name = claims.get(key)?.spec?.['volumeName'];
      return typeof name === 'string' && name !== '' ? [name] : [];
    });

  return createController({
    name: 'attachdetach-controller',
    context,
    sources: [
      { resource: pods, keys: (pod) => (pod.spec?.['nodeName'] ? volumesOfPod(pod) : []) },
      { resource: persistentVolumes, keys: (volume) => ((volume as Volume).spec?.csi ? [keyOf(volume)] : []) },
      {
        resource: persistentVolumeClaims,
        keys: ({ spec }) => (spec?.['volumeName'] ? [String(spec['volumeName'])] : []),
      },
      {
        resource: volumeAttachments,
        keys: (object) => [(object as Attachment).spec?.source.persistentVolumeName ?? ''],
      },
      { resource: csiDrivers, keys: () => [] },
    ],
    reconcile,
  });
}
