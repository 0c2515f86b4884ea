/** What pods and persistent volumes check alike about where a volume is. */
import {
  type Fields,
  invalidValue,
  rangeMessage,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../machinery/index.ts';
import { isGiven, oneOf } from './checks.ts';
import { mapAt, numberAt, objectAt, textAt, textsAt } from './fields.ts';
import { noBackstepErrors } from './pod/paths.ts';

/** What is wrong with a source that lies at a path. */
export type SourceCheck = (source: Fields, path: string) => StatusCause[];

/** Texts, or lists of them, that have to be given. */
export const needs =
  (...keys: string[]): SourceCheck =>
  (source, path) =>
    keys.filter((key) => !isGiven(source[key])).map((key) => requiredValue(`${path}.${key}`));

export const all =
  (...checks: SourceCheck[]): SourceCheck =>
  (source, path) =>
    checks.flatMap((check) => check(source, path));

const hostPathTypes = [
  ...['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket'],
];

export const hostPath: SourceCheck = (source, path) => {
  const [target, type] = [textAt(source, 'path'), textAt(source, 'type')];
  if (target === '') return [requiredValue(`${path}.path`)];
  const errors = noBackstepErrors(target, `${path}.path`);
  return hostPathTypes.includes(type) ? errors : [...errors, unsupportedValue(`${path}.type`, type, hostPathTypes)];
};

export const partition: SourceCheck = (source, path) => {
  const number = numberAt(source, 'partition') ?? 0;
  return number >= 0 && number <= 255 ? [] : [invalidValue(`${path}.partition`, number, rangeMessage(1, 255))];
};

export const lun: SourceCheck = (source, path) => {
  const number = numberAt(source, 'lun') ?? 0;
  return number >= 0 && number <= 255 ? [] : [invalidValue(`${path}.lun`, number, rangeMessage(0, 255))];
};

export const nfs: SourceCheck = (source, path) => {
  const target = textAt(source, 'path');
  const errors = needs('server', 'path')(source, path);
  return target.startsWith('/')
    ? errors
    : [...errors, invalidValue(`${path}.path`, target, 'must be an absolute path')];
};

export const fibreChannel: SourceCheck = (source, path) => {
  const [names, ids] = [textsAt(source, 'targetWWNs'), textsAt(source, 'wwids')];
  const at = `${path}.targetWWNs`;
  if (names.length === 0) {
    return ids.length > 0 ? [] : [requiredValue(at, 'must specify either targetWWNs or wwids, but not both')];
  }
  const errors =
    ids.length > 0 ? [invalidValue(at, names, 'targetWWNs and wwids can not be specified simultaneously')] : [];
  if (source['lun'] !== undefined) return [...errors, ...lun(source, path)];
  return [...errors, requiredValue(`${path}.lun`, 'lun is required if targetWWNs is specified')];
};

export const flocker: SourceCheck = (source, path) => {
  const [name, uuid] = [textAt(source, 'datasetName'), textAt(source, 'datasetUUID')];
  if (name === '' && uuid === '') return [requiredValue(path, 'one of datasetName and datasetUUID is required')];
  const errors: StatusCause[] = [];
  if (name !== '' && uuid !== '') {
    errors.push(invalidValue(path, 'resource', 'datasetName and datasetUUID can not be specified simultaneously'));
  }
  if (name.includes('/')) errors.push(invalidValue(`${path}.datasetName`, name, "must not contain '/'"));
  return errors;
};

export const flexVolume: SourceCheck = (source, path) => [
  ...needs('driver')(source, path),
  ...Object.keys(mapAt(source, 'options'))
    .filter((key) => /\.(kubernetes|k8s)\.io$/.test(`.${key.split('/', 1)[0]?.toLowerCase()}`))
    .map((key) => invalidValue(`${path}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved')),
];

const iscsiNames: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.([a-zA-Z0-9.-]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui.[a-zA-Z0-9]{16}$/,
  naa: /^naa.[a-zA-Z0-9]{32}$/,
};
const unknownForm = 'must be valid format starting with iqn, eui, or naa';

function iscsiNameErrors(name: string, path: string, otherwise = unknownForm): StatusCause[] {
  const pattern = iscsiNames[name.slice(0, 3)];
  if (!pattern) return [invalidValue(path, name, otherwise)];
  return pattern.test(name) ? [] : [invalidValue(path, name, 'must be valid format')];
}

/** @param otherwise what is said of a name that begins with none of the known forms. */
export const iscsi =
  (otherwise?: string): SourceCheck =>
  (source, path) => {
    const [name, initiator] = [textAt(source, 'iqn'), source['initiatorName']];
    const errors = needs('targetPortal', 'iqn')(source, path);
    if (name !== '') errors.push(...iscsiNameErrors(name, `${path}.iqn`, otherwise));
    errors.push(...lun(source, path));
    const authenticates = source['chapAuthDiscovery'] === true || source['chapAuthSession'] === true;
    if (authenticates && !objectAt(source, 'secretRef')) errors.push(requiredValue(`${path}.secretRef`));
    if (typeof initiator === 'string') errors.push(...iscsiNameErrors(initiator, `${path}.initiatorname`, otherwise));
    return errors;
  };

/** True when the names of a volume and its portal are too long together for an initiator's name to be made of them. */
export function hasLongPortal(iscsi: Fields | undefined, volume: string): boolean {
  return iscsi?.['initiatorName'] !== undefined && `${volume}:${textAt(iscsi, 'targetPortal')}`.length > 64;
}

export const LONG_PORTAL =
  'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.';

const managedDisk = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
const blobDisk = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';

export const azureDisk: SourceCheck = (source, path) => {
  const { cachingMode, kind } = source;
  const errors = needs('diskName', 'diskURI')(source, path);
  if (cachingMode !== undefined) errors.push(...oneOf(source, 'cachingMode', path, ['None', 'ReadOnly', 'ReadWrite']));
  if (kind === undefined) return errors;
  errors.push(...oneOf(source, 'kind', path, ['Dedicated', 'Managed', 'Shared']));
  const uri = textAt(source, 'diskURI');
  const [prefix, form] = kind === 'Managed' ? ['/subscriptions/', managedDisk] : ['https://', blobDisk];
  return uri.startsWith(prefix) ? errors : [...errors, unsupportedValue(`${path}.diskURI`, uri, [form])];
};

export const quobyte: SourceCheck = (source, path) => {
  const registry = textAt(source, 'registry');
  const detail = 'must be a host:port pair or multiple pairs separated by commas';
  const errors: StatusCause[] = [];
  if (registry === '') errors.push(requiredValue(`${path}.registry`, detail));
  else if (textAt(source, 'tenant').length > 64) {
    errors.push(requiredValue(`${path}.tenant`, 'must be a UUID and may not exceed a length of 64 characters'));
  } else {
    for (const pair of registry.split(',')) {
      if (!/^(\[[^[\]]*\]|[^[\]:]*):[^[\]:]*$/.test(pair)) {
        errors.push(invalidValue(`${path}.registry`, registry, detail));
      }
    }
  }
  return [...errors, ...needs('volume')(source, path)];
};
