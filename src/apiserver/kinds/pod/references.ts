import {
  canonicalQuantity,
  configKeyErrors,
  dnsSubdomainErrors,
  type Fields,
  invalidValue,
  parseQuantity,
  qualifiedNameErrors,
  quantityError,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { invalidAll } from '../checks.ts';
import { textAt } from '../fields.ts';

/** The fields of a pod that an environment variable may have as its value. */
export const envFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

/** Those that a file may hold. */
export const fileFields = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

/** The fields that references can name at all. */
const knownFields = new Set([...envFields, ...fileFields, 'spec.restartPolicy', 'spec.schedulerName', 'status.phase']);

/** What is wrong with a reference to a field of the pod; `supported` are those that may be named here. */
export function fieldReferenceErrors(reference: Fields, path: string, supported: readonly string[]): StatusCause[] {
  const [version, field] = [textAt(reference, 'apiVersion'), textAt(reference, 'fieldPath')];
  if (version === '') return [requiredValue(`${path}.apiVersion`)];
  if (field === '') return [requiredValue(`${path}.fieldPath`)];
  const unknown = (why: string): StatusCause[] => [
    invalidValue(`${path}.fieldPath`, field, `error converting fieldPath: ${why}`),
  ];
  if (version !== 'v1') return unknown(`unsupported pod version: ${version}`);
  const subscripted = /^([^[]*)\['(.*)'\]$/s.exec(field);
  if (subscripted) {
    const [, map = '', key = ''] = subscripted;
    if (map !== 'metadata.annotations' && map !== 'metadata.labels') {
      return unknown(`field label does not support subscript: ${field}`);
    }
    return invalidAll(path, key, qualifiedNameErrors(map === 'metadata.annotations' ? key.toLowerCase() : key));
  }
  if (!knownFields.has(field)) return unknown(`field label not supported: ${field}`);
  return supported.includes(field) ? [] : [unsupportedValue(`${path}.fieldPath`, field, supported)];
}

const resources = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const byteDivisors = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

/** Resources whose amounts can be divided, and what by. */
const divisors: readonly (readonly [resource: RegExp, named: string, divisors: readonly string[]])[] = [
  [/^(limits|requests)\.cpu$/, 'cpu', ['1m', '1']],
  [/^(limits|requests)\.memory$/, 'memory', byteDivisors],
  [/^(limits|requests)\.ephemeral-storage$/, 'local ephemeral storage', byteDivisors],
  [/^(limits|requests)\.hugepages-/, 'hugepages', byteDivisors],
];

/** What is wrong with a reference to a container's resource; in a file it has to say whose (`inFile`). */
export function resourceReferenceErrors(reference: Fields, path: string, inFile: boolean): StatusCause[] {
  const resource = textAt(reference, 'resource');
  const errors: StatusCause[] = [];
  if (inFile && textAt(reference, 'containerName') === '') errors.push(requiredValue(`${path}.containerName`));
  else if (resource === '') errors.push(requiredValue(`${path}.resource`));
  else if (!resources.includes(resource) && !/^(limits|requests)\.hugepages-/.test(resource)) {
    errors.push(unsupportedValue(`${path}.resource`, resource, resources));
  }
  const divisor = String(reference['divisor'] ?? '0');
  if (quantityError(divisor) !== undefined || parseQuantity(divisor).nanos === 0n) return errors;
  const rule = divisors.find(([pattern]) => pattern.test(resource));
  if (rule && !rule[2].includes(canonicalQuantity(divisor))) {
    const listed = rule[2].length === 2 ? rule[2].join(' and ') : rule[2].join(', ');
    const detail = `only divisor's values ${listed} are supported with the ${rule[1]} resource`;
    errors.push(invalidValue(`${path}.divisor`, resource, detail));
  }
  return errors;
}

/** What is wrong with a reference to a key of a ConfigMap or Secret. */
export function keyReferenceErrors(reference: Fields, path: string): StatusCause[] {
  const [name, key] = [textAt(reference, 'name'), textAt(reference, 'key')];
  return [
    ...invalidAll(`${path}.name`, name, dnsSubdomainErrors(name)),
    ...(key === '' ? [requiredValue(`${path}.key`)] : invalidAll(`${path}.key`, key, configKeyErrors(key))),
  ];
}
