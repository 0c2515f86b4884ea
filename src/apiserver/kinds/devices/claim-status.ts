import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  duplicateValue,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  requiredValue,
  type StatusCause,
  tooLong,
  tooMany,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { invalidAll } from '../checks.ts';
import { objectAt, objectsAt, textAt, textsAt } from '../fields.ts';
import { immutableFieldErrors } from '../immutable.ts';
import { parseCidr } from '../networking/ip-values.ts';
import { nodeSelectorErrors } from '../node-selector-errors.ts';
import { driverNameErrors } from '../storage/csi.ts';
import { referenceErrors, referencesErrors } from './checks.ts';
import { configurationErrors, rawObjectErrors } from './class.ts';

const maxReserved = 256;
const maxResults = 32;
const maxConditions = 8;
const maxData = 10 * 1024;
const maxInterface = 256;
const maxHardware = 128;
const NO_ADDRESS = 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)';
const maxIps = 16;
const sources = ['FromClaim', 'FromClass'];
const maxPool = 253;

/** The name of a pool of devices: parts that are DNS subdomains. */
export function poolNameErrors(name: string, path: string): StatusCause[] {
  if (name === '') return [requiredValue(path)];
  const errors = name.length > maxPool ? [tooLong(path, maxPool)] : [];
  return [...errors, ...name.split('/').flatMap((part) => invalidAll(path, part, dnsSubdomainErrors(part)))];
}

const idOf = (device: Fields): string => ['driver', 'pool', 'device'].map((key) => textAt(device, key)).join('/');

const resultsOf = ({ status }: { status?: Fields }): readonly Fields[] =>
  objectsAt(objectAt(objectAt(status, 'allocation'), 'devices'), 'results');

/** The status of a device goes with its allocation, in place. */
export function dropDeallocated(claim: KubeObject, old: KubeObject): void {
  const allocated = new Set(resultsOf(claim).map(idOf));
  const gone = new Set(
    resultsOf(old)
      .map(idOf)
      .filter((id) => !allocated.has(id)),
  );
  const devices = objectsAt(claim.status, 'devices');
  if (!claim.status || devices.length === 0) return;
  const kept = devices.filter((device) => !gone.has(idOf(device)));
  if (kept.length > 0) claim.status['devices'] = kept;
  else delete claim.status['devices'];
}

/** What is wrong with a change of a claim's status. @param names of the requests of the claim. */
export function claimStatusErrors(
  claim: KubeObject,
  old: KubeObject | undefined,
  names: ReadonlySet<string>,
): StatusCause[] {
  const status = claim.status ?? {};
  const allocation = objectAt(status, 'allocation');
  const errors = [...reservedErrors(claim, old), ...deviceErrors(claim)];
  if (!allocation) return errors;
  if (objectAt(old?.status, 'allocation')) {
    return [...errors, ...immutableFieldErrors(status, old?.status, 'allocation', 'status.allocation')];
  }
  return [...errors, ...allocationErrors(allocation, 'status.allocation', names)];
}

function reservedErrors({ metadata, status }: KubeObject, old: KubeObject | undefined): StatusCause[] {
  const path = 'status.reservedFor';
  const reserved = objectsAt(status, 'reservedFor');
  const before = new Set(objectsAt(old?.status, 'reservedFor').map((consumer) => textAt(consumer, 'uid')));
  const seen = new Set<string>();
  const errors = reserved.flatMap((consumer, index) =>
    ['resource', 'name', 'uid']
      .filter((key) => textAt(consumer, key) === '')
      .map((key) => requiredValue(`${path}[${index}].${key}`)),
  );
  if (reserved.length > maxReserved) errors.push(tooMany(path, reserved.length, maxReserved));
  reserved.forEach((consumer, index) => {
    const uid = textAt(consumer, 'uid');
    if (seen.has(uid)) errors.push(duplicateValue(`${path}[${index}].uid`, uid));
    seen.add(uid);
  });
  if (reserved.length === 0) return errors;
  if (!objectAt(status, 'allocation')) {
    return [...errors, forbiddenValue(path, 'may not be specified when `allocated` is not set')];
  }
  const grows = [...seen].some((uid) => !before.has(uid));
  if (!metadata.deletionTimestamp || !grows) return errors;
  const detail = 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set';
  return [...errors, forbiddenValue(path, detail)];
}

function deviceErrors(claim: KubeObject): StatusCause[] {
  const allocated = new Set(resultsOf(claim).map(idOf));
  const seen = new Set<string>();
  const devices = objectsAt(claim.status, 'devices');
  const errors = devices.flatMap((device, index) => oneDeviceErrors(device, `status.devices[${index}]`, allocated));
  devices.forEach((device, index) => {
    const id = idOf(device);
    if (seen.has(id)) errors.push(duplicateValue(`status.devices[${index}].deviceID`, printedId));
    seen.add(id);
  });
  return errors;
}

/** How upstream prints the id of a device, whatever it is. */
const printedId: Fields = { Driver: {}, Pool: {}, Device: {}, ShareID: {} };

function oneDeviceErrors(device: Fields, path: string, allocated: ReadonlySet<string>): StatusCause[] {
  const conditions = objectsAt(device, 'conditions');
  const name = textAt(device, 'device');
  const errors = [
    ...driverNameErrors(textAt(device, 'driver'), `${path}.driver`),
    ...poolNameErrors(textAt(device, 'pool'), `${path}.pool`),
    ...invalidAll(`${path}.device`, name, dnsLabelErrors(name)),
  ];
  if (!allocated.has(idOf(device))) {
    errors.push(invalidValue(path, printedId, 'must be an allocated device in the claim'));
  }
  if (conditions.length > maxConditions) {
    errors.push(tooMany(`${path}.conditions`, conditions.length, maxConditions));
  }
  if (device['data'] !== undefined) errors.push(...rawObjectErrors(device['data'], `${path}.data`, maxData));
  return [...errors, ...networkErrors(objectAt(device, 'networkData'), `${path}.networkData`)];
}

function networkErrors(data: Fields | undefined, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  if (textAt(data, 'interfaceName').length > maxInterface) errors.push(tooLong(`${path}.interfaceName`, maxInterface));
  if (textAt(data, 'hardwareAddress').length > maxHardware)
    errors.push(tooLong(`${path}.hardwareAddress`, maxHardware));
  const ips = textsAt(data, 'ips');
  if (ips.length > maxIps) errors.push(tooMany(`${path}.ips`, ips.length, maxIps));
  ips.forEach((ip, index) => {
    if (!parseCidr(ip)) errors.push(invalidValue(`${path}.ips[${index}]`, ip, NO_ADDRESS));
  });
  return errors;
}

function allocationErrors(allocation: Fields, path: string, names: ReadonlySet<string>): StatusCause[] {
  const devices = objectAt(allocation, 'devices');
  const [results, configs] = [objectsAt(devices, 'results'), objectsAt(devices, 'config')];
  const selector = objectAt(allocation, 'nodeSelector');
  const at = `${path}.devices`;
  return [
    ...results.flatMap((result, index) => resultErrors(result, `${at}.results[${index}]`, names)),
    ...(results.length > maxResults ? [tooMany(`${at}.results`, results.length, maxResults)] : []),
    ...configs.flatMap((config, index) => configErrors(config, `${at}.config[${index}]`, names)),
    ...(selector ? nodeSelectorErrors(selector, `${path}.nodeSelector`) : []),
  ];
}

function resultErrors(result: Fields, path: string, names: ReadonlySet<string>): StatusCause[] {
  const device = textAt(result, 'device');
  return [
    ...referenceErrors(textAt(result, 'request'), `${path}.request`, names),
    ...driverNameErrors(textAt(result, 'driver'), `${path}.driver`),
    ...poolNameErrors(textAt(result, 'pool'), `${path}.pool`),
    ...invalidAll(`${path}.device`, device, dnsLabelErrors(device)),
  ];
}

function configErrors(config: Fields, path: string, names: ReadonlySet<string>): StatusCause[] {
  const source = textAt(config, 'source');
  const at = `${path}.source`;
  const errors = source === '' ? [requiredValue(at)] : [];
  if (source !== '' && !sources.includes(source)) errors.push(unsupportedValue(at, source, sources));
  return [
    ...errors,
    ...referencesErrors(textsAt(config, 'requests'), `${path}.requests`, names),
    ...configurationErrors(config, path),
  ];
}
