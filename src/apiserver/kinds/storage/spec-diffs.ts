import type { Fields } from '../../../machinery/index.ts';
import { internalForm, type Shape } from '../internal-form.ts';
import { unifiedDiff } from '../unified-diff.ts';

const reference: Shape = { APIGroup: 'apiGroup', Kind: 'kind=""', Name: 'name=""' };

/** The spec of a claim as upstream's internal type prints it. */
const specShape: Shape = {
  AccessModes: 'accessModes',
  Selector: 'selector',
  Resources: ['resources', { Limits: 'limits', Requests: 'requests' }],
  VolumeName: 'volumeName=""',
  StorageClassName: 'storageClassName',
  VolumeMode: 'volumeMode',
  DataSource: ['dataSource', reference],
  DataSourceRef: ['dataSourceRef', { ...reference, Namespace: 'namespace' }],
  VolumeAttributesClassName: 'volumeAttributesClassName',
};

/** Where a persistent volume is, the same way. Of the sources that clusters still use, the fields are named as there. */
const sourceShape: Shape = {
  GCEPersistentDisk: 'gcePersistentDisk',
  AWSElasticBlockStore: 'awsElasticBlockStore',
  HostPath: ['hostPath', { Path: 'path=""', Type: 'type' }],
  Glusterfs: 'glusterfs',
  NFS: ['nfs', { Server: 'server=""', Path: 'path=""', ReadOnly: 'readOnly=false' }],
  RBD: 'rbd',
  Quobyte: 'quobyte',
  ISCSI: 'iscsi',
  FlexVolume: 'flexVolume',
  Cinder: 'cinder',
  CephFS: 'cephfs',
  FC: 'fc',
  Flocker: 'flocker',
  AzureFile: 'azureFile',
  VsphereVolume: 'vsphereVolume',
  AzureDisk: 'azureDisk',
  PhotonPersistentDisk: 'photonPersistentDisk',
  PortworxVolume: 'portworxVolume',
  ScaleIO: 'scaleIO',
  Local: ['local', { Path: 'path=""', FSType: 'fsType' }],
  StorageOS: 'storageos',
  CSI: [
    'csi',
    {
      Driver: 'driver=""',
      VolumeHandle: 'volumeHandle=""',
      ReadOnly: 'readOnly=false',
      FSType: 'fsType=""',
      VolumeAttributes: 'volumeAttributes',
      ControllerPublishSecretRef: ['controllerPublishSecretRef', { Name: 'name=""', Namespace: 'namespace=""' }],
      NodeStageSecretRef: ['nodeStageSecretRef', { Name: 'name=""', Namespace: 'namespace=""' }],
      NodePublishSecretRef: ['nodePublishSecretRef', { Name: 'name=""', Namespace: 'namespace=""' }],
      ControllerExpandSecretRef: ['controllerExpandSecretRef', { Name: 'name=""', Namespace: 'namespace=""' }],
      NodeExpandSecretRef: ['nodeExpandSecretRef', { Name: 'name=""', Namespace: 'namespace=""' }],
    },
  ],
};

function printedDiff(before: Fields, now: Fields, shape: Shape): string {
  const lines = (fields: Fields): string[] => JSON.stringify(internalForm(fields, shape), undefined, 1).split('\n');
  return unifiedDiff(lines(before), lines(now));
}

/** How the spec of a claim changed, as kube-apiserver says it. */
export function claimSpecDiff(before: Fields, now: Fields): string {
  return printedDiff(before, now, specShape);
}

/** How the place of a persistent volume changed, as kube-apiserver says it. */
export function volumeSourceDiff(before: Fields, now: Fields): string {
  return printedDiff(before, now, sourceShape);
}
