/** What pods and persistent volumes check alike about where a volume is. */
import {
  type Fields,
  invalidValue,
  rangeMessage,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../machinery/index.ts';
import { isGiven } from './checks.ts';
import { mapAt, numberAt, textAt, textsAt } from './fields.ts';
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
