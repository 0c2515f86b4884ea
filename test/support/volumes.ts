import type { KubeObject } from '../../src/machinery/index.ts';
import { resource } from './cluster.ts';

export const claims = resource('', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim');
export const volumes = resource('', 'v1', 'persistentvolumes', 'PersistentVolume', false);
export const classes = resource('storage.k8s.io', 'v1', 'storageclasses', 'StorageClass', false);

/** A volume that is a folder of the machine, of 1Gi for one node and class '' unless told otherwise. */
export function volumeOf(name: string, spec: Record<string, unknown> = {}, size = '1Gi'): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, labels: { name } },
    spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: size }, hostPath: { path: '/opt/x' }, ...spec },
  };
}

/** A claim to 1Gi for one node, of class '' unless told otherwise. */
export function claimOf(namespace: string, name: string, spec: Record<string, unknown> = {}, size = '1Gi'): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: size } },
      storageClassName: '',
      ...spec,
    },
  };
}

export function classOf(name: string, fields: Record<string, unknown> = {}, isDefault = false): KubeObject {
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name, ...(isDefault ? { annotations } : {}) },
    provisioner: 'example.com/nobody',
    ...fields,
  };
}
