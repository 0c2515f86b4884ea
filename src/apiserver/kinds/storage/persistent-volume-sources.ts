import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  type Fields,
  forbiddenValue,
  invalidValue,
  rangeMessage,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { invalidAll, isGiven } from '../checks.ts';
import { mapAt, numberAt, objectAt, setDefault, textAt, textsAt } from '../fields.ts';
import { driverNameErrors } from './csi.ts';

type Check = (source: Fields, path: string) => StatusCause[];

/** A check that some texts are there. */
const needs =
  (...keys: string[]): Check =>
  (source, path) =>
    keys.filter((key) => !isGiven(source[key])).map((key) => requiredValue(`${path}.${key}`));

const all =
  (...checks: Check[]): Check =>
  (source, path) =>
    checks.flatMap((check) => check(source, path));

const partition: Check = (source, path) => {
  const value = numberAt(source, 'partition') ?? 0;
  return value < 0 || value > 255 ? [invalidValue(`${path}.partition`, value, rangeMessage(1, 255))] : [];
};

/** A path that never goes up. */
function backstepErrors(target: string, path: string): StatusCause[] {
  return target.split('/').includes('..') ? [invalidValue(path, target, "must not contain '..'")] : [];
}

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

const hostPath: Check = (source, path) => {
  const [target, type] = [textAt(source, 'path'), textAt(source, 'type')];
  if (target === '') return [requiredValue(`${path}.path`)];
  const errors = backstepErrors(target, `${path}.path`);
  return hostPathTypes.includes(type) ? errors : [...errors, unsupportedValue(`${path}.type`, type, hostPathTypes)];
};

const local: Check = (source, path) => {
  const target = textAt(source, 'path');
  return target === '' ? [requiredValue(`${path}.path`)] : backstepErrors(target, `${path}.path`);
};

const nfs: Check = (source, path) => {
  const target = textAt(source, 'path');
  const errors = needs('server', 'path')(source, path);
  return target.startsWith('/')
    ? errors
    : [...errors, invalidValue(`${path}.path`, target, 'must be an absolute path')];
};

const glusterfs: Check = (source, path) => {
  const errors = needs('endpoints', 'path')(source, path);
  const namespace = source['endpointsNamespace'];
  if (typeof namespace !== 'string') return errors;
  const detail = 'if the endpointnamespace is set, it must be a valid namespace name';
  const at = `${path}.endpointsNamespace`;
  if (namespace === '') return [...errors, invalidValue(at, namespace, detail)];
  return [...errors, ...invalidAll(at, namespace, dnsLabelErrors(namespace))];
};

/** The secret of a source that names one may not leave out its parts. */
const secretRef =
  (...keys: string[]): Check =>
  (source, path) => {
    const secret = objectAt(source, 'secretRef');
    return secret ? needs(...keys)(secret, `${path}.secretRef`) : [];
  };

const lun = (source: Fields, path: string): StatusCause[] => {
  const value = numberAt(source, 'lun') ?? 0;
  return value < 0 || value > 255 ? [invalidValue(`${path}.lun`, value, rangeMessage(0, 255))] : [];
};

const iscsiNames: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.([a-zA-Z0-9.-]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui.[0-9a-fA-F]{16}$/,
  naa: /^naa.[0-9a-fA-F]{32}$/,
};

function iscsiNameErrors(name: string, path: string): StatusCause[] {
  const pattern = iscsiNames[name.slice(0, 3)];
  return pattern?.test(name) ? [] : [invalidValue(path, name, 'must be valid format')];
}

const iscsi: Check = (source, path) => {
  const [iqn, initiator] = [textAt(source, 'iqn'), source['initiatorName']];
  const errors = needs('targetPortal')(source, path);
  errors.push(...(iqn === '' ? [requiredValue(`${path}.iqn`)] : iscsiNameErrors(iqn, `${path}.iqn`)));
  errors.push(...lun(source, path));
  const authenticates = source['chapAuthDiscovery'] === true || source['chapAuthSession'] === true;
  if (authenticates && !objectAt(source, 'secretRef')) errors.push(requiredValue(`${path}.secretRef`));
  errors.push(...secretRef('name')(source, path));
  if (typeof initiator === 'string') errors.push(...iscsiNameErrors(initiator, `${path}.initiatorname`));
  return errors;
};

const fibreChannel: Check = (source, path) => {
  const [names, ids] = [textsAt(source, 'targetWWNs'), textsAt(source, 'wwids')];
  const at = `${path}.targetWWNs`;
  if (names.length === 0 && ids.length === 0) {
    return [requiredValue(at, 'must specify either targetWWNs or wwids, but not both')];
  }
  if (names.length === 0) return [];
  const errors =
    ids.length > 0 ? [invalidValue(at, names, 'targetWWNs and wwids can not be specified simultaneously')] : [];
  if (source['lun'] !== undefined) return [...errors, ...lun(source, path)];
  return [...errors, requiredValue(`${path}.lun`, 'lun is required if targetWWNs is specified')];
};

const flexVolume: Check = (source, path) => [
  ...needs('driver')(source, path),
  ...Object.keys(mapAt(source, 'options'))
    .filter((key) => /\.(kubernetes|k8s)\.io$/.test(`.${key.split('/', 1)[0]?.toLowerCase()}`))
    .map((key) => invalidValue(`${path}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved')),
];

const quobyte: Check = (source, path) => {
  const registry = textAt(source, 'registry');
  const detail = 'must be a host:port pair or multiple pairs separated by commas';
  const pairs = registry.split(',').every((pair) => /^(\[[^\]]*\]|[^:[\]]*):[^:]*$/.test(pair));
  const errors: StatusCause[] = [];
  if (registry === '') errors.push(requiredValue(`${path}.registry`, detail));
  else if (textAt(source, 'tenant').length >= 65) {
    errors.push(requiredValue(`${path}.tenant`, 'must be a UUID and may not exceed a length of 64 characters'));
  } else if (!pairs) errors.push(invalidValue(`${path}.registry`, registry, detail));
  return [...errors, ...needs('volume')(source, path)];
};

const flocker: Check = (source, path) => {
  const [name, uuid] = [textAt(source, 'datasetName'), textAt(source, 'datasetUUID')];
  const errors: StatusCause[] = [];
  if (name === '' && uuid === '') errors.push(requiredValue(path, 'one of datasetName and datasetUUID is required'));
  if (name !== '' && uuid !== '') {
    errors.push(invalidValue(path, 'resource', 'datasetName and datasetUUID can not be specified simultaneously'));
  }
  if (name.includes('/')) errors.push(invalidValue(`${path}.datasetName`, name, "must not contain '/'"));
  return errors;
};

const azureFile: Check = (source, path) => [
  ...needs('secretName', 'shareName')(source, path),
  ...(source['secretNamespace'] === '' ? [requiredValue(`${path}.secretNamespace`)] : []),
];

const cachingModes = ['None', 'ReadOnly', 'ReadWrite'];
const diskKinds = ['Dedicated', 'Managed', 'Shared'];
const managedDisks = [
  '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}',
];
const blobDisks = ['https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd'];

const azureDisk: Check = (source, path) => {
  const errors = needs('diskName', 'diskURI')(source, path);
  const [mode, kind, uri] = [textAt(source, 'cachingMode'), textAt(source, 'kind'), textAt(source, 'diskURI')];
  if (!cachingModes.includes(mode)) errors.push(unsupportedValue(`${path}.cachingMode`, mode, cachingModes));
  if (!diskKinds.includes(kind)) errors.push(unsupportedValue(`${path}.kind`, kind, diskKinds));
  const [prefix, forms] = kind === 'Managed' ? ['/subscriptions/', managedDisks] : ['https://', blobDisks];
  return uri.startsWith(prefix) ? errors : [...errors, unsupportedValue(`${path}.diskURI`, uri, forms)];
};

const storageOs: Check = (source, path) => {
  const [name, namespace] = [textAt(source, 'volumeName'), textAt(source, 'volumeNamespace')];
  return [
    ...(name === ''
      ? [requiredValue(`${path}.volumeName`)]
      : invalidAll(`${path}.volumeName`, name, dnsLabelErrors(name))),
    ...(namespace === '' ? [] : invalidAll(`${path}.volumeNamespace`, namespace, dnsLabelErrors(namespace))),
    ...secretRef('name', 'namespace')(source, path),
  ];
};

const csiSecrets = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
];

const csi: Check = (source, path) => [
  ...driverNameErrors(textAt(source, 'driver'), `${path}.driver`),
  ...needs('volumeHandle')(source, path),
  ...csiSecrets.flatMap((key) => {
    const secret = objectAt(source, key);
    if (!secret) return [];
    const [name, namespace] = [textAt(secret, 'name'), textAt(secret, 'namespace')];
    const at = `${path}.${key}`;
    return [
      ...(name === '' ? [requiredValue(`${at}.name`)] : invalidAll(`${at}.name`, name, dnsSubdomainErrors(name))),
      ...(namespace === ''
        ? [requiredValue(`${at}.namespace`)]
        : invalidAll(`${at}.namespace`, namespace, dnsLabelErrors(namespace))),
    ];
  }),
];

/** A kind of volume: how upstream names it in errors about itself and about there being another, and its check. */
interface Source {
  readonly key: string;
  readonly path?: string;
  readonly extraPath?: string;
  readonly check: Check;
}

/** The sources of persistent volumes, in the order in which they are looked at. */
const sources: readonly Source[] = [
  { key: 'hostPath', check: hostPath },
  { key: 'gcePersistentDisk', path: 'persistentDisk', check: all(needs('pdName'), partition) },
  { key: 'awsElasticBlockStore', check: all(needs('volumeID'), partition) },
  { key: 'glusterfs', check: glusterfs },
  { key: 'flocker', check: flocker },
  { key: 'nfs', check: nfs },
  { key: 'rbd', check: needs('monitors', 'image') },
  { key: 'quobyte', check: quobyte },
  { key: 'cephfs', extraPath: 'cephFS', check: needs('monitors') },
  { key: 'iscsi', check: iscsi },
  { key: 'cinder', check: all(needs('volumeID'), secretRef('name', 'namespace')) },
  { key: 'fc', check: fibreChannel },
  { key: 'flexVolume', check: flexVolume },
  { key: 'azureFile', check: azureFile },
  { key: 'vsphereVolume', check: needs('volumePath') },
  { key: 'photonPersistentDisk', check: needs('pdID') },
  { key: 'portworxVolume', check: needs('volumeID') },
  { key: 'azureDisk', check: azureDisk },
  { key: 'scaleIO', check: needs('gateway', 'system', 'volumeName') },
  { key: 'local', check: local },
  { key: 'storageos', check: storageOs },
  { key: 'csi', check: csi },
];

const sourceKeys: ReadonlySet<string> = new Set(sources.map(({ key }) => key));

/** The part of a persistent volume's spec that says where the volume is. */
export function volumeSourceOf(spec: Fields): Fields {
  return Object.fromEntries(Object.entries(spec).filter(([key]) => sourceKeys.has(key)));
}

/** What is wrong with where a persistent volume is: exactly one source must say. */
export function volumeSourceErrors(spec: Fields, path: string): StatusCause[] {
  let first: string | undefined;
  const errors = sources.flatMap(({ key, path: own = key, extraPath = key, check }) => {
    const source = objectAt(spec, key);
    if (!source) return [];
    if (first !== undefined) return [forbiddenValue(`${path}.${extraPath}`, 'may not specify more than 1 volume type')];
    first = key;
    const found = check(source, `${path}.${own}`);
    const unplaced = key === 'local' && !objectAt(spec, 'nodeAffinity');
    return unplaced ? [...found, requiredValue(`${path}.nodeAffinity`, 'Local volume requires node affinity')] : found;
  });
  return first === undefined ? [requiredValue(path, 'must specify a volume type')] : errors;
}

const sourceDefaults: Readonly<Record<string, Fields>> = {
  azureDisk: { cachingMode: 'ReadWrite', fsType: 'ext4', kind: 'Shared', readOnly: false },
  iscsi: { iscsiInterface: 'default' },
  rbd: { pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' },
  scaleIO: { storageMode: 'ThinProvisioned', fsType: 'xfs' },
};

/** Fills in the defaults of a persistent volume's source, in place. */
export function defaultVolumeSource(spec: Fields): void {
  const host = objectAt(spec, 'hostPath');
  if (host) host['type'] ??= '';
  for (const [key, defaults] of Object.entries(sourceDefaults)) {
    const source = objectAt(spec, key);
    if (source) for (const [field, value] of Object.entries(defaults)) setDefault(source, field, value);
  }
}
