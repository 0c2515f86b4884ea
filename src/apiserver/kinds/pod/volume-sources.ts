import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  forbiddenValue,
  invalidValue,
  parseQuantity,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { invalidAll, oneOf } from '../checks.ts';
import { objectAt, textAt } from '../fields.ts';
import { driverNameErrors } from '../storage/csi.ts';
import { claimSpecErrors } from '../storage/persistent-volume-claim.ts';
import {
  all,
  fibreChannel,
  flexVolume,
  flocker,
  hostPath,
  lun,
  needs,
  nfs,
  partition,
  type SourceCheck,
} from '../volume-source-checks.ts';
import { descendingPathErrors } from './paths.ts';
import { keysErrors, modeErrors, projectedErrors, projectedFileErrors } from './projections.ts';

const emptyDir: SourceCheck = (source, path) => {
  const limit = source['sizeLimit'];
  if (limit === undefined || parseQuantity(String(limit)).nanos >= 0n) return [];
  return [forbiddenValue(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')];
};

const iscsiNames = [
  ['iqn', /^iqn\.\d{4}-\d{2}\.([\w.-]*)(:[^,;*&$|\s]+)$/],
  ['eui', /^eui.\w{16}$/],
  ['naa', /^naa.\w{32}$/],
] as const;

function iscsiNameErrors(name: string, path: string): StatusCause[] {
  const rule = iscsiNames.find(([prefix]) => name.startsWith(prefix));
  if (!rule) return [invalidValue(path, name, 'must be valid format starting with iqn, eui, or naa')];
  return rule[1].test(name) ? [] : [invalidValue(path, name, 'must be valid format')];
}

const iscsi: SourceCheck = (source, path) => {
  const name = textAt(source, 'iqn');
  const errors = needs('targetPortal', 'iqn')(source, path);
  if (name !== '') errors.push(...iscsiNameErrors(name, `${path}.iqn`));
  errors.push(...lun(source, path));
  const needsSecret = source['chapAuthDiscovery'] === true || source['chapAuthSession'] === true;
  if (needsSecret && !objectAt(source, 'secretRef')) errors.push(requiredValue(`${path}.secretRef`));
  const initiator = source['initiatorName'];
  return typeof initiator === 'string' ? [...errors, ...iscsiNameErrors(initiator, `${path}.initiatorname`)] : errors;
};

const managedDisk = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
const blobDisk = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';

const azureDisk: SourceCheck = (source, path) => {
  const [kind, uri] = [textAt(source, 'kind'), textAt(source, 'diskURI')];
  const errors = [
    ...needs('diskName', 'diskURI')(source, path),
    ...oneOf(source, 'cachingMode', path, ['None', 'ReadOnly', 'ReadWrite']),
    ...oneOf(source, 'kind', path, ['Dedicated', 'Managed', 'Shared']),
  ];
  const isManaged = kind === 'Managed';
  if (uri.startsWith(isManaged ? '/subscriptions/' : 'https://')) return errors;
  return [...errors, unsupportedValue(`${path}.diskURI`, uri, [isManaged ? managedDisk : blobDisk])];
};

const quobyte: SourceCheck = (source, path) => {
  const [registry, tenant] = [textAt(source, 'registry'), textAt(source, 'tenant')];
  const detail = 'must be a host:port pair or multiple pairs separated by commas';
  const errors: StatusCause[] = [];
  if (registry === '') errors.push(requiredValue(`${path}.registry`, detail));
  else if (tenant.length > 64) {
    errors.push(requiredValue(`${path}.tenant`, 'must be a UUID and may not exceed a length of 64 characters'));
  } else {
    for (const pair of registry.split(',')) {
      if (!/^(\[[^[\]]*\]|[^[\]:]*):[^:]*$/.test(pair)) errors.push(invalidValue(`${path}.registry`, registry, detail));
    }
  }
  return [...errors, ...needs('volume')(source, path)];
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
  iscsi,
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
