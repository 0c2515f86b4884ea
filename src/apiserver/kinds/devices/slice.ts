import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  duplicateValue,
  type Fields,
  invalidValue,
  requiredValue,
  type StatusCause,
  timestamp,
  tooLong,
  tooMany,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { invalidAll } from '../checks.ts';
import { numberAt, objectAt, objectsAt, textAt } from '../fields.ts';
import { immutableFieldErrors } from '../immutable.ts';
import { nodeSelectorErrors } from '../node-selector-errors.ts';
import { driverNameErrors } from '../storage/csi.ts';
import { deviceTaintErrors, qualifiedDeviceNameErrors } from './checks.ts';
import { poolNameErrors } from './claim-status.ts';

const maxDevices = 128;
const maxAttributes = 32;
const maxTaints = 4;
const maxValue = 64;
const semver =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;

export const resourceSliceStrategy: KindStrategy = {
  applyDefaults({ spec }) {
    for (const device of objectsAt(spec, 'devices')) {
      for (const taint of objectsAt(device, 'taints')) taint['timeAdded'] ??= timestamp();
    }
  },
  prepareForCreate({ spec }) {
    dropDisabled(spec ?? {});
  },
  prepareForUpdate({ spec }) {
    dropDisabled(spec ?? {});
  },
  validate({ spec: given }, old) {
    const spec = given ?? {};
    const pool = objectAt(spec, 'pool');
    const errors = [...driverNameErrors(textAt(spec, 'driver'), 'spec.driver'), ...poolErrors(pool, 'spec.pool')];
    if (old) {
      errors.push(
        ...immutableFieldErrors(pool, objectAt(old.spec, 'pool'), 'name', 'spec.pool.name'),
        ...immutableFieldErrors(spec, old.spec, 'driver', 'spec.driver'),
        ...immutableFieldErrors(spec, old.spec, 'nodeName', 'spec.nodeName'),
      );
    }
    return [...errors, ...placeErrors(spec, 'spec'), ...devicesErrors(objectsAt(spec, 'devices'), 'spec.devices')];
  },
};

/** What belongs to features that are off by default in 1.34 is not kept. */
function dropDisabled(spec: Fields): void {
  for (const key of ['sharedCounters', 'perDeviceNodeSelection']) delete spec[key];
  for (const device of objectsAt(spec, 'devices')) {
    const disabled = ['taints', 'consumesCounters', 'nodeName', 'nodeSelector', 'allNodes', 'allowMultipleAllocations'];
    for (const key of [...disabled, 'bindsToNode', 'bindingConditions', 'bindingFailureConditions']) delete device[key];
    for (const capacity of Object.values(objectAt(device, 'capacity') ?? {})) {
      delete (capacity as Fields)['requestPolicy'];
    }
  }
}

function poolErrors(pool: Fields | undefined, path: string): StatusCause[] {
  const [count, generation] = [numberAt(pool, 'resourceSliceCount') ?? 0, numberAt(pool, 'generation') ?? 0];
  const errors = poolNameErrors(textAt(pool, 'name'), `${path}.name`);
  if (count <= 0) errors.push(invalidValue(`${path}.resourceSliceCount`, count, 'must be greater than zero'));
  if (generation < 0) {
    errors.push(invalidValue(`${path}.generation`, generation, 'must be greater than or equal to zero'));
  }
  return errors;
}

/** Where the devices of a slice can be used must be said in one way. */
function placeErrors(spec: Fields, path: string): StatusCause[] {
  const [node, selector] = [spec['nodeName'], objectAt(spec, 'nodeSelector')];
  const ways: string[] = [];
  const errors: StatusCause[] = [];
  if (typeof node === 'string' && node !== '') {
    ways.push('`nodeName`');
    errors.push(...invalidAll(`${path}.nodeName`, node, dnsSubdomainErrors(node)));
  } else if (node === '') {
    errors.push(invalidValue(`${path}.nodeName`, '', 'must be either unset or set to a non-empty string'));
  }
  if (selector) {
    ways.push('`nodeSelector`');
    errors.push(...nodeSelectorErrors(selector, `${path}.nodeSelector`));
    const terms = objectsAt(selector, 'nodeSelectorTerms');
    if (terms.length !== 1) {
      const detail = 'must have exactly one node selector term';
      errors.push(invalidValue(`${path}.nodeSelector.nodeSelectorTerms`, terms, detail));
    }
  }
  if (spec['allNodes'] === true) ways.push('`allNodes`');
  else if (spec['allNodes'] === false) {
    errors.push(invalidValue(`${path}.allNodes`, false, 'must be either unset or set to true'));
  }
  const detail = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
  if (ways.length === 0) errors.push(requiredValue(path, detail));
  if (ways.length > 1) {
    errors.push(invalidValue(path, `{${ways.join(', ')}}`, `${detail}, but multiple fields are set`));
  }
  return errors;
}

function devicesErrors(devices: readonly Fields[], path: string): StatusCause[] {
  const names = new Set<string>();
  const errors = devices.flatMap((device, index) => deviceErrors(device, `${path}[${index}]`));
  if (devices.length > maxDevices) errors.push(tooMany(path, devices.length, maxDevices));
  devices.forEach((device, index) => {
    const name = textAt(device, 'name');
    if (names.has(name)) errors.push(duplicateValue(`${path}[${index}].name`, name));
    names.add(name);
  });
  return errors;
}

function deviceErrors(device: Fields, path: string): StatusCause[] {
  const name = textAt(device, 'name');
  const errors = invalidAll(`${path}.name`, name, dnsLabelErrors(name));
  const attributes = Object.entries(objectAt(device, 'attributes') ?? {});
  const capacities = Object.keys(objectAt(device, 'capacity') ?? {});
  const total = attributes.length + capacities.length;
  if (total > maxAttributes) {
    const detail = `the total number of attributes and capacities must not exceed ${maxAttributes}`;
    errors.push(invalidValue(path, total, detail));
  }
  for (const [key, attribute] of attributes) {
    const at = `${path}.attributes[${key}]`;
    errors.push(...qualifiedDeviceNameErrors(key, at), ...attributeErrors(attribute as Fields, at));
  }
  for (const key of capacities) errors.push(...qualifiedDeviceNameErrors(key, `${path}.capacity[${key}]`));
  const taints = objectsAt(device, 'taints');
  errors.push(...taints.flatMap((taint, index) => deviceTaintErrors(taint, `${path}.taints[${index}]`)));
  return taints.length > maxTaints ? [...errors, tooMany(`${path}.taints`, taints.length, maxTaints)] : errors;
}

const attributeTypes = ['int', 'bool', 'string', 'version'];

function attributeErrors(attribute: Fields, path: string): StatusCause[] {
  const given = attributeTypes.filter((type) => attribute[type] !== undefined);
  const errors: StatusCause[] = [];
  const [text, version] = [attribute['string'], attribute['version']];
  if (typeof text === 'string' && Buffer.byteLength(text) > maxValue) {
    errors.push(tooLong(`${path}.string`, maxValue));
  }
  if (typeof version === 'string') {
    const at = `${path}.version`;
    if (version.length > 4 * maxValue || !semver.test(version)) {
      errors.push(invalidValue(at, version, 'must be a string compatible with semver.org spec 2.0.0'));
    }
    if (Buffer.byteLength(version) > maxValue) errors.push(tooLong(at, maxValue));
  }
  if (given.length === 0) errors.push(requiredValue(path, 'exactly one value must be specified'));
  if (given.length > 1) {
    const [int = null, bool = null] = [attribute['int'], attribute['bool']];
    const printed = { IntValue: int, BoolValue: bool, StringValue: text ?? null, VersionValue: version ?? null };
    errors.push(invalidValue(path, printed, 'exactly one value must be specified'));
  }
  return errors;
}
