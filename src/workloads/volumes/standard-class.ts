import type { Client } from '../../client/index.ts';
import { isReason, type KubeObject } from '../../machinery/index.ts';
import { folderDriverName } from '../../volumes/index.ts';
import { csiDrivers, storageClasses } from '../resources.ts';
import { isDefaultClass } from './classes.ts';
import { annotations, type StorageClass } from './types.ts';

/**
 * Makes the class `standard`, whose volumes are folders of this machine, and says what its driver is like. A class of that
 * name stays as it is, and another default remains the only one.
 */
export async function installStandardClass(client: Client): Promise<void> {
  const { items } = await client.list(storageClasses);
  await createIfAbsent(client, csiDrivers, folderDriver);
  if (items.some(({ metadata }) => metadata.name === 'standard')) return;
  const other = items.some((each) => isDefaultClass(each as StorageClass));
  await createIfAbsent(client, storageClasses, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'standard', annotations: { [annotations.defaultClass]: String(!other) } },
    provisioner: folderDriverName,
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'WaitForFirstConsumer',
    allowVolumeExpansion: true,
  });
}

const folderDriver: KubeObject = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIDriver',
  metadata: { name: folderDriverName },
  spec: { attachRequired: false, podInfoOnMount: false, fsGroupPolicy: 'File', volumeLifecycleModes: ['Persistent'] },
};

async function createIfAbsent(client: Client, resource: typeof storageClasses, object: KubeObject): Promise<void> {
  try {
    await client.create(resource, object);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
  }
}
