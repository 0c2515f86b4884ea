import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  forbiddenValue,
  parseQuantity,
  requiredValue,
} from '../../../machinery/index.ts';
import { invalidAll, oneOf } from '../checks.ts';
import { objectAt, textAt } from '../fields.ts';
import { driverNameErrors } from '../storage/csi.ts';
import { claimSpecErrors } from '../storage/persistent-volume-claim.ts';
import {
  all,
  azureDisk,
  fibreChannel,
  flexVolume,
  flocker,
  hostPath,
  iscsi,
  needs,
  nfs,
  partition,
  quobyte,
  type SourceCheck,
} from '../volume-source-checks.ts';
import { descendingPathErrors } from './paths.ts';
import { keysErrors, modeErrors, projectedErrors, projectedFileErrors } from './projections.ts';

const emptyDir: SourceCheck = (source, path) => {
  const limit = source['sizeLimit'];
  if (limit === undefined || parseQuantity(String(limit)).nanos >= 0n) return [];
  return [forbiddenValue(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')];
};

const storageos: SourceCheck = (source, path) => {
  const [name, namespace] = [textAt(source, 'volumeName'), textAt(source, 'volumeNamespace')];
  const secret = objectAt(source, 'secretRef');
  return [
    ...(name === ''
      ? [requiredValue(`${path}.volumeName`)]
      : invalidAll(`${path}.volumeName`, name, dnsLabelErrors(name))),
    ...(namespace === '' ? [] : invalidAll(`${path}.volumeNamespace`, namespace, dnsLabelErrors(namespace))),
    ...(secret ? needs('name')(secret, `${path}.secretRef`) : []),
  ];
};

const csi: SourceCheck = (source, path) => {
  const driver = textAt(source, 'driver');
  const secret = objectAt(source, 'nodePublishSecretRef');
  const name = textAt(secret, 'name');
  return [
    ...driverNameErrors(driver, `${path}.driver`),
    ...(secret && name === '' ? [requiredValue(`${path}.nodePublishSecretRef.name`)] : []),
    ...(secret && name !== '' ? invalidAll(`${path}.name`, name, dnsSubdomainErrors(name)) : []),
  ];
};

const ephemeral: SourceCheck = (source, path) => {
  const template = objectAt(source, 'volumeClaimTemplate');
  if (!template) return [requiredValue(`${path}.volumeClaimTemplate`)];
  return claimSpecErrors(objectAt(template, 'spec') ?? {}, `${path}.volumeClaimTemplate.spec`);
};

const image: SourceCheck = (source, path) => oneOf(source, 'pullPolicy', path, ['Always', 'IfNotPresent', 'Never']);

const gcePersistentDisk: SourceCheck = (source, path) => {
  // kube-apiserver calls it so in its errors.
  const at = path.replace(/gcePersistentDisk$/, 'persistentDisk');
  return all(needs('pdName'), partition)(source, at);
};

/** What is wrong with the source of a volume, by its type (core validation.validateVolumeSource). */
export const sourceChecks: Readonly<Record<string, SourceCheck>> = {
  awsElasticBlockStore: all(needs('volumeID'), partition),
  azureDisk,
  azureFile: needs('secretName', 'shareName'),
  cephfs: needs('monitors'),
  cinder: needs('volumeID'),
  configMap: all(needs('name'), keysErrors),
  csi,
  downwardAPI: all((source, path) => modeErrors(source, 'defaultMode', path), projectedFileErrors),
  emptyDir,
  ephemeral,
  fc: fibreChannel,
  flexVolume,
  flocker,
  gcePersistentDisk,
  gitRepo: all(needs('repository'), (source, path) =>
    descendingPathErrors(textAt(source, 'directory'), `${path}.directory`),
  ),
  glusterfs: needs('endpoints', 'path'),
  hostPath,
  image,
  iscsi: iscsi(),
  nfs,
  persistentVolumeClaim: needs('claimName'),
  photonPersistentDisk: needs('pdID'),
  portworxVolume: needs('volumeID'),
  projected: all((source, path) => modeErrors(source, 'defaultMode', path), projectedErrors),
  quobyte,
  rbd: needs('monitors', 'image'),
  scaleIO: needs('gateway', 'system', 'volumeName'),
  secret: all(needs('secretName'), keysErrors),
  storageos,
  vsphereVolume: needs('volumePath'),
};
