import {
  dnsSubdomainErrors,
  duplicateValue,
  equalJson,
  type Fields,
  invalidValue,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
  tooLong,
  unsupportedValue,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { invalidAll, nonNegative, quantityErrors, selectorErrors } from '../checks.ts';
import { ensureObject, numberAt, objectAt, objectsAt, textAt, textsAt } from '../fields.ts';
import { immutableFieldErrors } from '../immutable.ts';
import { internalForm, type Shape } from '../internal-form.ts';

const groupPolicies = ['File', 'None', 'ReadWriteOnceWithFSType'];
const lifecycleModes = ['Persistent', 'Ephemeral'];
const maxDriverName = 63;
const maxNodeId = 256;
const minTokenSeconds = 600;

/** The name of a CSI driver. */
export function driverNameErrors(name: string, path: string): StatusCause[] {
  const errors = name === '' ? [requiredValue(path)] : [];
  if (name.length > maxDriverName) errors.push(tooLong(path, maxDriverName));
  return [...errors, ...invalidAll(path, name, dnsSubdomainErrors(name.toLowerCase()))];
}

export const csiDriverStrategy: KindStrategy = {
  needsVersion: true,
  applyDefaults(driver) {
    const spec = ensureObject(driver, 'spec');
    spec['attachRequired'] ??= true;
    for (const key of ['podInfoOnMount', 'storageCapacity', 'requiresRepublish', 'seLinuxMount']) spec[key] ??= false;
    spec['fsGroupPolicy'] ??= 'ReadWriteOnceWithFSType';
    if (textsAt(spec, 'volumeLifecycleModes').length === 0) spec['volumeLifecycleModes'] = ['Persistent'];
  },
  prepareForCreate({ spec }) {
    delete spec?.['nodeAllocatableUpdatePeriodSeconds'];
  },
  prepareForUpdate(driver, old) {
    // The feature that this field belongs to is off by default in 1.34.
    delete driver.spec?.['nodeAllocatableUpdatePeriodSeconds'];
    // Upstream counts the changes of a driver, but not its creation.
    if (!equalJson(driver.spec, old.spec)) driver.metadata.generation = (old.metadata.generation ?? 0) + 1;
  },
  validate({ spec }, old) {
    const errors = driverErrors(spec ?? {});
    if (!old) return errors;
    return [
      ...errors,
      ...immutableFieldErrors(spec, old.spec, 'attachRequired', 'spec.attachedRequired'),
      ...immutableFieldErrors(spec, old.spec, 'volumeLifecycleModes', 'spec.volumeLifecycleModes'),
    ];
  },
};

function driverErrors(spec: Fields): StatusCause[] {
  const errors: StatusCause[] = [];
  const policy = textAt(spec, 'fsGroupPolicy');
  if (!groupPolicies.includes(policy)) errors.push(unsupportedValue('spec.fsGroupPolicy', policy, groupPolicies));
  errors.push(...tokenErrors(objectsAt(spec, 'tokenRequests'), 'spec.tokenRequests'));
  for (const mode of textsAt(spec, 'volumeLifecycleModes')) {
    if (!lifecycleModes.includes(mode))
      errors.push(unsupportedValue('spec.volumeLifecycleModes', mode, lifecycleModes));
  }
  return errors;
}

function tokenErrors(requests: readonly Fields[], path: string): StatusCause[] {
  const audiences = new Set<string>();
  return requests.flatMap((request, index) => {
    const audience = textAt(request, 'audience');
    if (audiences.has(audience)) return [duplicateValue(`${path}[${index}].audience`, audience)];
    audiences.add(audience);
    const seconds = numberAt(request, 'expirationSeconds');
    const wrong = (detail: string): StatusCause[] => [
      invalidValue(`${path}[${index}].expirationSeconds`, seconds, detail),
    ];
    if (seconds === undefined) return [];
    if (seconds < minTokenSeconds) return wrong('may not specify a duration less than 10 minutes');
    return seconds > 2 ** 32 ? wrong('may not specify a duration larger than 2^32 seconds') : [];
  });
}

const driverShape: Shape = {
  Name: 'name=""',
  NodeID: 'nodeID=""',
  TopologyKeys: 'topologyKeys',
  Allocatable: ['allocatable', { Count: 'count' }],
};

export const csiNodeStrategy: KindStrategy = {
  needsVersion: true,
  validate({ spec }, old) {
    const drivers = objectsAt(spec, 'drivers');
    const names = new Set<string>();
    const errors = drivers.flatMap((driver, index) => nodeDriverErrors(driver, `spec.drivers[${index}]`, names));
    if (!old) return errors;
    const before = new Map(objectsAt(old.spec, 'drivers').map((driver) => [textAt(driver, 'name'), driver]));
    for (const driver of drivers) {
      const known = before.get(textAt(driver, 'name'));
      if (!known || equalJson(driver, known)) continue;
      errors.push(invalidValue('spec.drivers', internalForm(driver, driverShape), 'field is immutable'));
    }
    return errors;
  },
};

function nodeDriverErrors(driver: Fields, path: string, names: Set<string>): StatusCause[] {
  const [name, nodeId] = [textAt(driver, 'name'), textAt(driver, 'nodeID')];
  const errors = driverNameErrors(name, `${path}.name`);
  if (nodeId === '') errors.push(requiredValue(`${path}.nodeID`));
  if (nodeId.length > maxNodeId) {
    errors.push(invalidValue(`${path}.nodeID`, nodeId, `must be ${maxNodeId} characters or less`));
  }
  errors.push(...nonNegative(objectAt(driver, 'allocatable'), 'count', `${path}.allocatable`));
  if (names.has(name)) errors.push(duplicateValue(`${path}.name`, name));
  names.add(name);
  const keys = textsAt(driver, 'topologyKeys');
  keys.forEach((key, index) => {
    if (key === '') errors.push(requiredValue(path));
    if (keys.indexOf(key) < index) errors.push(duplicateValue(path, key));
    errors.push(...invalidAll(path, key, qualifiedNameErrors(key)));
  });
  return errors;
}

export const csiStorageCapacityStrategy: KindStrategy = {
  needsVersion: true,
  validate(capacity, old) {
    const className = textAt(capacity, 'storageClassName');
    const errors = [
      ...selectorErrors(objectAt(capacity, 'nodeTopology') ?? {}, 'nodeTopology'),
      ...invalidAll('storageClassName', className, dnsSubdomainErrors(className)),
      ...quantityErrors(capacity['capacity'], 'capacity'),
    ];
    if (!old) return errors;
    return [
      ...errors,
      ...immutableFieldErrors(capacity, old, 'nodeTopology'),
      ...immutableFieldErrors(capacity, old, 'storageClassName'),
    ];
  },
};
