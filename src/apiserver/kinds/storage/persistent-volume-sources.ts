import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  type Fields,
  forbiddenValue,
  invalidValue,
  requiredValue,
  type StatusCause,
} from '../../../machinery/index.ts';
import { invalidAll } from '../checks.ts';
import { objectAt, setDefault, textAt } from '../fields.ts';
import { noBackstepErrors } from '../pod/paths.ts';
import {
  all,
  azureDisk,
  fibreChannel,
  flexVolume,
  flocker,
  hasLongPortal,
  hostPath,
  iscsi,
  LONG_PORTAL,
  needs,
  nfs,
  partition,
  quobyte,
  type SourceCheck,
} from '../volume-source-checks.ts';
import { driverNameErrors } from './csi.ts';

const local: SourceCheck = (source, path) => {
  const target = textAt(source, 'path');
  return target === '' ? [requiredValue(`${path}.path`)] : noBackstepErrors(target, `${path}.path`);
};

const glusterfs: SourceCheck = (source, path) => {
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
  (...keys: string[]): SourceCheck =>
  (source, path) => {
    const secret = objectAt(source, 'secretRef');
    return secret ? needs(...keys)(secret, `${path}.secretRef`) : [];
  };

const azureFile: SourceCheck = (source, path) => [
  ...needs('secretName', 'shareName')(source, path),
  ...(source['secretNamespace'] === '' ? [requiredValue(`${path}.secretNamespace`)] : []),
];

const storageOs: SourceCheck = (source, path) => {
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

const csi: SourceCheck = (source, path) => [
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
  readonly check: SourceCheck;
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
  { key: 'iscsi', check: all(iscsi('must be valid format'), secretRef('name')) },
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

/** What is wrong with where a persistent volume of a name is: exactly one source must say. */
export function volumeSourceErrors(spec: Fields, path: string, name: string): StatusCause[] {
  let first: string | undefined;
  const errors = sources.flatMap(({ key, path: own = key, extraPath = key, check }) => {
    const source = objectAt(spec, key);
    if (!source) return [];
    if (first !== undefined) return [forbiddenValue(`${path}.${extraPath}`, 'may not specify more than 1 volume type')];
    first = key;
    const found = check(source, `${path}.${own}`);
    if (key === 'iscsi' && hasLongPortal(source, name)) {
      found.push(invalidValue(`${path}.iscsi.targetportal`, textAt(source, 'targetPortal'), LONG_PORTAL));
    }
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
