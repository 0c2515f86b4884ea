import type { Client } from '../../client/index.ts';
import { isReason, type KubeObject } from '../../machinery/index.ts';
import { folderDriverName } from '../../volumes/index.ts';
import { customResourceDefinitions } from '../resources.ts';
import { snapshotDefinitions } from './definitions.ts';
import { marks } from './marks.ts';
import { volumeSnapshotClasses } from './resources.ts';

/** Installs the kinds of snapshots, and the class of those of the class `standard`. Both stay when a user has changed them. */
export async function installSnapshots(client: Client): Promise<void> {
  await Promise.all(
    snapshotDefinitions.map((definition) => createIfAbsent(client, customResourceDefinitions, definition)),
  );
  await established(client, `${volumeSnapshotClasses.resource}.${volumeSnapshotClasses.group}`);
  await createIfAbsent(client, volumeSnapshotClasses, {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshotClass',
    metadata: { name: 'standard', annotations: { [marks.defaultClass]: 'true' } },
    driver: folderDriverName,
    deletionPolicy: 'Delete',
  });
}

async function createIfAbsent(
  client: Client,
  resource: typeof volumeSnapshotClasses,
  object: KubeObject,
): Promise<void> {
  if (await client.find(resource, object.metadata)) return;
  try {
    await client.create(resource, object);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
  }
}

async function established(client: Client, name: string): Promise<void> {
  const over = new AbortController();
  const options = { fieldSelector: `metadata.name=${name}`, sendInitialEvents: true, signal: over.signal };
  for await (const { object } of client.watch(customResourceDefinitions, options)) {
    const conditions = (object.status?.['conditions'] ?? []) as { type: string; status: string }[];
    if (conditions.some(({ type, status }) => type === 'Established' && status === 'True')) break;
  }
  over.abort();
}
