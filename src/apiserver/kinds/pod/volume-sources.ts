import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  type Fields,
  forbiddenValue,
  invalidValue,
  parseQuantity,
  rangeMessage,
  requiredValue,
  type StatusCause,
  tooLong,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { invalidAll, oneOf } from '../checks.ts';
import { mapAt, numberAt, objectAt, textAt, textsAt } from '../fields.ts';
import { claimSpecErrors } from '../storage/persistent-volume-claim.ts';
import { descendingPathErrors, noBackstepErrors } from './paths.ts';
import { keysErrors, modeErrors, projectedErrors, projectedFileErrors } from './projections.ts';

type Check = (source: Fields, path: string) => StatusCause[];

/** Text fields that have to be given. */
const needs =
  (...keys: string[]): Check =>
  (source, path) =>
    keys.filter((key) => textAt(source, key) === '').map((key) => requiredValue(`${path}.${key}`));

/** A list of texts that has to have some. */
const needsList =
  (key: string): Check =>
  (source, path) =>
    textsAt(source, key).length === 0 ? [requiredValue(`${path}.${key}`)] : [];

const both =
  (...checks: Check[]): Check =>
  (source, path) =>
    checks.flatMap((check) => check(source, path));

const hostPathTypes = [
  ...['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket'],
];

const hostPath: Check = (source, path) => {
  const target = textAt(source, 'path');
  if (target === '') return [requiredValue(`${path}.path`)];
  const type = source['type'];
  return [
    ...noBackstepErrors(target, `${path}.path`),
    ...(type === undefined || hostPathTypes.includes(String(type))
      ? []
      : [unsupportedValue(`${path}.type`, type, hostPathTypes)]),
  ];
};

const emptyDir: Check = (source, path) => {
  const limit = source['sizeLimit'];
  if (limit === undefined || parseQuantity(String(limit)).nanos >= 0n) return [];
  return [forbiddenValue(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')];
};

const partition: Check = (source, path) => {
  const number = numberAt(source, 'partition') ?? 0;
  return number >= 0 && number <= 255 ? [] : [invalidValue(`${path}.partition`, number, rangeMessage(1, 255))];
};

const nfs: Check = (source, path) => {
  const target = textAt(source, 'path');
  const errors = needs('server', 'path')(source, path);
  return target.startsWith('/')
    ? errors
    : [...errors, invalidValue(`${path}.path`, target, 'must be an absolute path')];
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

const lunErrors = (lun: number, path: string): StatusCause[] =>
  lun >= 0 && lun <= 255 ? [] : [invalidValue(`${path}.lun`, lun, rangeMessage(0, 255))];

const iscsi: Check = (source, path) => {
  const name = textAt(source, 'iqn');
  const errors = needs('targetPortal', 'iqn')(source, path);
  if (name !== '') errors.push(...iscsiNameErrors(name, `${path}.iqn`));
  errors.push(...lunErrors(numberAt(source, 'lun') ?? 0, path));
  const needsSecret = source['chapAuthDiscovery'] === true || source['chapAuthSession'] === true;
  if (needsSecret && !objectAt(source, 'secretRef')) errors.push(requiredValue(`${path}.secretRef`));
  const initiator = source['initiatorName'];
  return typeof initiator === 'string' ? [...errors, ...iscsiNameErrors(initiator, `${path}.initiatorname`)] : errors;
};

const fc: Check = (source, path) => {
  const [names, ids] = [textsAt(source, 'targetWWNs'), textsAt(source, 'wwids')];
  const lun = numberAt(source, 'lun');
  const at = `${path}.targetWWNs`;
  if (names.length === 0) {
    return ids.length > 0 ? [] : [requiredValue(at, 'must specify either targetWWNs or wwids, but not both')];
  }
  const errors: StatusCause[] = [];
  if (ids.length > 0) errors.push(invalidValue(at, names, 'targetWWNs and wwids can not be specified simultaneously'));
  if (lun === undefined) return [...errors, requiredValue(`${path}.lun`, 'lun is required if targetWWNs is specified')];
  return [...errors, ...lunErrors(lun, path)];
};

const flocker: Check = (source, path) => {
  const [name, uuid] = [textAt(source, 'datasetName'), textAt(source, 'datasetUUID')];
  if (name === '' && uuid === '') return [requiredValue(path, 'one of datasetName and datasetUUID is required')];
  const errors: StatusCause[] = [];
  if (name !== '' && uuid !== '') {
    errors.push(invalidValue(path, 'resource', 'datasetName and datasetUUID can not be specified simultaneously'));
  }
  if (name.includes('/')) errors.push(invalidValue(`${path}.datasetName`, name, "must not contain '/'"));
  return errors;
};

const flexVolume: Check = (source, path) => [
  ...needs('driver')(source, path),
  ...Object.keys(mapAt(source, 'options')).flatMap((key) => {
    const namespace = `.${(key.split('/')[0] ?? '').toLowerCase()}`;
    if (!namespace.endsWith('.kubernetes.io') && !namespace.endsWith('.k8s.io')) return [];
    return [invalidValue(`${path}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved')];
  }),
];

const managedDisk = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
const blobDisk = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';

const azureDisk: Check = (source, path) => {
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

const quobyte: Check = (source, path) => {
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

const storageos: Check = (source, path) => {
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

const csi: Check = (source, path) => {
  const driver = textAt(source, 'driver');
  const secret = objectAt(source, 'nodePublishSecretRef');
  const name = textAt(secret, 'name');
  return [
    ...driverNameErrors(driver, `${path}.driver`),
    ...(secret && name === '' ? [requiredValue(`${path}.nodePublishSecretRef.name`)] : []),
    ...(secret && name !== '' ? invalidAll(`${path}.name`, name, dnsSubdomainErrors(name)) : []),
  ];
};

/** What is wrong with the name of a CSI driver. */
function driverNameErrors(driver: string, path: string): StatusCause[] {
  return [
    ...(driver === '' ? [requiredValue(path)] : []),
    ...(driver.length > 63 ? [tooLong(path, 63)] : []),
    ...invalidAll(path, driver, dnsSubdomainErrors(driver.toLowerCase())),
  ];
}

const ephemeral: Check = (source, path) => {
  const template = objectAt(source, 'volumeClaimTemplate');
  if (!template) return [requiredValue(`${path}.volumeClaimTemplate`)];
  return claimSpecErrors(objectAt(template, 'spec') ?? {}, `${path}.volumeClaimTemplate.spec`);
};

const image: Check = (source, path) => oneOf(source, 'pullPolicy', path, ['Always', 'IfNotPresent', 'Never']);

const gcePersistentDisk: Check = (source, path) => {
  // kube-apiserver calls it so in its errors.
  const at = path.replace(/gcePersistentDisk$/, 'persistentDisk');
  return both(needs('pdName'), partition)(source, at);
};

/** What is wrong with the source of a volume, by its type (core validation.validateVolumeSource). */
export const sourceChecks: Readonly<Record<string, Check>> = {
  awsElasticBlockStore: both(needs('volumeID'), partition),
  azureDisk,
  azureFile: needs('secretName', 'shareName'),
  cephfs: needsList('monitors'),
  cinder: needs('volumeID'),
  configMap: both(needs('name'), keysErrors),
  csi,
  downwardAPI: both((source, path) => modeErrors(source, 'defaultMode', path), projectedFileErrors),
  emptyDir,
  ephemeral,
  fc,
  flexVolume,
  flocker,
  gcePersistentDisk,
  gitRepo: both(needs('repository'), (source, path) =>
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
  projected: both((source, path) => modeErrors(source, 'defaultMode', path), projectedErrors),
  quobyte,
  rbd: both(needsList('monitors'), needs('image')),
  scaleIO: needs('gateway', 'system', 'volumeName'),
  secret: both(needs('secretName'), keysErrors),
  storageos,
  vsphereVolume: needs('volumePath'),
};
