import type { Pod } from '../pod.ts';
import type { ContainerRecord } from './record.ts';
import { gracePeriod, type LifeContext, stopContainer } from './stop-container.ts';

/**
 * Takes over the image that the pod names for a container now: the only thing about one that can change. What runs is
 * ended, and starts with the new image at once, whatever the restart policy says (the kubelet's computePodActions).
 * @param life where the container lives; undefined while the pod has no sandbox.
 */
export async function adoptImage(record: ContainerRecord, pod: Pod, life: LifeContext | undefined): Promise<void> {
  const { name, image } = record.container;
  const { initContainers = [], containers = [] } = pod.spec ?? {};
  const now = [...initContainers, ...containers].find((container) => container.name === name);
  if (!now || now.image === image) return;
  record.container = now;
  record.imageBackOff = undefined;
  record.pull = undefined;
  record.backOff = 0;
  if (record.kind === 'init' || record.state.is === 'waiting') return;
  record.replaced = true;
  if (record.state.is !== 'running' || !life) return;
  const message =
    record.kind === 'sidecar'
      ? `Init container ${name} definition changed`
      : `Container ${name} definition changed, will be restarted`;
  await stopContainer(record, life, gracePeriod(life), message);
}
