import type { Client } from '../client/index.ts';
import { equalJson, isReason, type KubeObject } from '../machinery/index.ts';
import type { VolumeDrivers } from '../volumes/index.ts';
import { csiNodes, nodes } from './pod.ts';

/**
 * Keeps what the drivers of this machine say about it in its CSINode, and their topology in the Node's labels, as the
 * kubelet does when a driver registers. @returns the way to stop
 */
export function keepCsiNode(
  client: Client,
  name: string,
  drivers: VolumeDrivers,
  failed: (error: Error) => void,
): () => void {
  let writing: Promise<void> = Promise.resolve();
  const write = () => {
    writing = writing.then(() => writeCsiNode(client, name, drivers)).catch(failed);
  };
  write();
  return drivers.onChange(write);
}

async function writeCsiNode(client: Client, name: string, drivers: VolumeDrivers): Promise<void> {
  const own = drivers.list().flatMap((driver) => (driver.node ? [{ driver: driver.name, ...driver.node }] : []));
  const wanted = own.map(({ driver, maxVolumes, nodeId, topology }) => ({
    name: driver,
    nodeID: nodeId,
    topologyKeys: Object.keys(topology),
    ...(maxVolumes > 0 ? { allocatable: { count: maxVolumes } } : {}),
  }));
  const labels = Object.assign({}, ...own.map(({ topology }) => topology));
  if (Object.keys(labels).length > 0) await client.patch(nodes, { name }, 'merge', { metadata: { labels } });
  const node = await client.get(nodes, { name });
  const owner = { apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid ?? '' };
  const present = await client.find(csiNodes, { name });
  const metadata = { name, ownerReferences: [owner] };
  const fresh: KubeObject = { apiVersion: 'storage.k8s.io/v1', kind: 'CSINode', metadata, spec: { drivers: wanted } };
  try {
    if (!present) await client.create(csiNodes, fresh);
    else if (!equalJson(present.spec?.['drivers'], wanted))
      await client.update(csiNodes, { ...present, spec: fresh.spec ?? {} });
  } catch (error) {
    // Somebody else has written it meanwhile: the next change of a driver looks again.
    if (!isReason(error, 'AlreadyExists') && !isReason(error, 'Conflict')) throw error;
  }
}
