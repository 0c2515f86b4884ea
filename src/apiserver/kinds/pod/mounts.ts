import {
  type Fields,
  forbiddenValue,
  invalidValue,
  requiredValue,
  type StatusCause,
  unsupportedValue,
  valueNotFound,
} from '../../../machinery/index.ts';
import { objectAt, objectsAt, textAt } from '../fields.ts';
import { descendingPathErrors, noBackstepErrors } from './paths.ts';

/** The volumes of a pod that containers can use, by name, with the type of their source. */
export type Volumes = ReadonlyMap<string, string>;

/** What is wrong with where a container puts its volumes. */
export function mountErrors(container: Fields, path: string, volumes: Volumes): StatusCause[] {
  const mounts = objectsAt(container, 'volumeMounts');
  const devices = objectsAt(container, 'volumeDevices');
  return [
    ...volumeMountErrors(container, mounts, devices, `${path}.volumeMounts`, volumes),
    ...deviceErrors(mounts, devices, `${path}.volumeDevices`, volumes),
  ];
}

const namesOf = (list: readonly Fields[]): Set<string> => new Set(list.map((item) => textAt(item, 'name')));

function volumeMountErrors(
  container: Fields,
  mounts: readonly Fields[],
  devices: readonly Fields[],
  path: string,
  volumes: Volumes,
): StatusCause[] {
  const points = new Set<string>();
  const deviceNames = namesOf(devices);
  const devicePaths = new Set(devices.map((device) => textAt(device, 'devicePath')));
  return mounts.flatMap((mount, index) => {
    const at = `${path}[${index}]`;
    const errors: StatusCause[] = [];
    const [name, mountPath] = [textAt(mount, 'name'), textAt(mount, 'mountPath')];
    if (name === '') errors.push(requiredValue(`${at}.name`));
    if (!volumes.has(name)) errors.push(valueNotFound(`${at}.name`, name));
    if (mountPath === '') errors.push(requiredValue(`${at}.mountPath`));
    if (points.has(mountPath)) errors.push(invalidValue(`${at}.mountPath`, mountPath, 'must be unique'));
    points.add(mountPath);
    if (deviceNames.has(name)) {
      errors.push(invalidValue(`${at}.name`, name, 'must not already exist in volumeDevices'));
    }
    if (devicePaths.has(mountPath)) {
      errors.push(invalidValue(`${at}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices'));
    }
    // What follows is said of the list: kube-apiserver's paths have no index here.
    return [...errors, ...subPathErrors(mount, path, at), ...propagationErrors(container, mount, path)];
  });
}

function subPathErrors(mount: Fields, list: string, path: string): StatusCause[] {
  const [subPath, expression] = [textAt(mount, 'subPath'), textAt(mount, 'subPathExpr')];
  const errors = subPath === '' ? [] : descendingPathErrors(subPath, `${list}.subPath`);
  if (expression === '') return errors;
  if (subPath !== '') {
    const detail = 'subPathExpr and subPath are mutually exclusive';
    errors.push(invalidValue(`${path}.subPathExpr`, expression, detail));
  }
  return [...errors, ...descendingPathErrors(expression, `${list}.subPathExpr`)];
}

const propagations = ['Bidirectional', 'HostToContainer', 'None'];
const recursions = ['Disabled', 'Enabled', 'IfPossible'];

function propagationErrors(container: Fields, mount: Fields, list: string): StatusCause[] {
  const errors: StatusCause[] = [];
  const [propagation, recursive] = [mount['mountPropagation'], mount['recursiveReadOnly']];
  const isPrivileged = objectAt(container, 'securityContext')?.['privileged'] === true;
  if (propagation !== undefined && !propagations.includes(String(propagation))) {
    errors.push(unsupportedValue(`${list}.mountPropagation`, propagation, propagations));
  }
  if (propagation === 'Bidirectional' && !isPrivileged) {
    const detail = 'Bidirectional mount propagation is available only to privileged containers';
    errors.push(forbiddenValue(`${list}.mountPropagation`, detail));
  }
  if (recursive === undefined || recursive === 'Disabled') return errors;
  const at = `${list}.recursiveReadOnly`;
  if (!recursions.includes(String(recursive))) return [...errors, unsupportedValue(at, recursive, recursions)];
  if (mount['readOnly'] !== true) errors.push(forbiddenValue(at, 'may only be specified when readOnly is true'));
  if (propagation !== undefined && propagation !== 'None') {
    errors.push(forbiddenValue(at, 'may only be specified when mountPropagation is None or not specified'));
  }
  return errors;
}

/** Sources of volumes that can be used as raw devices. */
const blockSources = new Set(['persistentVolumeClaim', 'ephemeral']);

function deviceErrors(
  mounts: readonly Fields[],
  devices: readonly Fields[],
  path: string,
  volumes: Volumes,
): StatusCause[] {
  const [names, paths] = [new Set<string>(), new Set<string>()];
  const mountNames = namesOf(mounts);
  const mountPaths = new Set(mounts.map((mount) => textAt(mount, 'mountPath')));
  return devices.flatMap((device, index) => {
    const at = `${path}[${index}]`;
    const [name, devicePath] = [textAt(device, 'name'), textAt(device, 'devicePath')];
    const source = volumes.get(name);
    const errors: StatusCause[] = [];
    const wrong = (field: string, value: string, detail: string): number =>
      errors.push(invalidValue(`${at}.${field}`, value, detail));
    if (name === '') errors.push(requiredValue(`${at}.name`));
    if (names.has(name)) wrong('name', name, 'must be unique');
    if (source !== undefined && !blockSources.has(source)) {
      wrong('name', name, 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode');
    }
    if (source === undefined) errors.push(valueNotFound(`${at}.name`, name));
    if (devicePath === '') errors.push(requiredValue(`${at}.devicePath`));
    if (paths.has(devicePath)) wrong('devicePath', devicePath, 'must be unique');
    if (noBackstepErrors(devicePath, '').length > 0)
      wrong('devicePath', devicePath, "can not contain backsteps ('..')");
    else paths.add(devicePath);
    if (mountNames.has(name)) wrong('name', name, 'must not already exist in volumeMounts');
    if (mountPaths.has(devicePath)) wrong('devicePath', devicePath, 'must not already exist as a path in volumeMounts');
    if (name !== '') names.add(name);
    return errors;
  });
}
