import type { Client, EventRecorder } from '../../client/index.ts';
import { type KubeObject, parseQuantity, quantityToNumber } from '../../machinery/index.ts';
import type { VolumeDriver } from '../../volumes/index.ts';
import { type Pod, persistentVolumeClaims } from '../pod.ts';
import type { PersistentVolume } from './claims.ts';
import type { Published } from './csi.ts';

type Claim = KubeObject<
  Record<string, unknown>,
  {
    capacity?: Record<string, string>;
    conditions?: { type: string }[];
    allocatedResourceStatuses?: Record<string, string>;
    [field: string]: unknown;
  }
>;

/** Whether a claim's volume has been made bigger, and waits for the node to do its part. */
export function waitsForNode({ status }: KubeObject): boolean {
  return (status as Claim['status'])?.allocatedResourceStatuses?.['storage'] === 'NodeResizePending';
}

interface Grown {
  pod: Pod;
  claim: KubeObject;
  volume: PersistentVolume;
  published: Published;
  driver: VolumeDriver;
}

/** Does the node's part of an expansion, and tells the claim. */
export async function expandPublished(
  { claim, driver, pod, published, volume }: Grown,
  client: Client,
  recorder: EventRecorder | undefined,
): Promise<void> {
  const storage = volume.spec?.capacity?.['storage'] ?? '0';
  const size = quantityToNumber(parseQuantity(storage));
  const { handle, path } = published;
  await driver.expandOnNode({ handle, path, size, use: { mode: 'Filesystem', ...volume.spec } });
  const { allocatedResourceStatuses: _, conditions = [], ...rest } = (claim as Claim).status ?? {};
  const over = ['Resizing', 'FileSystemResizePending', 'ControllerResizeError', 'NodeResizeError'];
  const status = {
    ...rest,
    capacity: { ...rest.capacity, storage },
    conditions: conditions.filter(({ type }) => !over.includes(type)),
  };
  await client.update<KubeObject>(persistentVolumeClaims, { ...claim, status }, { subresource: 'status' });
  const message = `MountVolume.NodeExpandVolume succeeded for volume "${volume.metadata.name}" ${pod.spec?.nodeName}`;
  for (const about of [pod, claim]) recorder?.event(about, 'Normal', 'FileSystemResizeSuccessful', message);
}
