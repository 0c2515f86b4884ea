import {
  compareQuantity,
  configKeyErrors,
  dnsLabelErrors,
  dnsSubdomainErrors,
  duplicateValue,
  envNameErrors,
  type Fields,
  invalidValue,
  parseQuantity,
  portNameErrors,
  portNumberErrors,
  qualifiedNameErrors,
  quantityError,
  requiredValue,
  type StatusCause,
  unsupportedValue,
  valueNotFound,
} from '../../machinery/index.ts';
import { invalidAll, isGiven, oneOf } from './checks.ts';
import { numberAt, objectAt, objectsAt, textAt } from './fields.ts';

const protocols = ['SCTP', 'TCP', 'UDP'];
const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const messagePolicies = ['File', 'FallbackToLogsOnError'];

/** What is wrong with a container of any sort, its lifecycle apart. `volumes` are the names that it may mount. */
export function containerErrors(container: Fields, path: string, volumes: ReadonlySet<string>): StatusCause[] {
  const name = textAt(container, 'name');
  return [
    ...(name === '' ? [requiredValue(`${path}.name`)] : invalidAll(`${path}.name`, name, dnsLabelErrors(name))),
    ...(textAt(container, 'image') === '' ? [requiredValue(`${path}.image`)] : []),
    ...oneOf(container, 'terminationMessagePolicy', path, messagePolicies),
    ...portsErrors(objectsAt(container, 'ports'), `${path}.ports`),
    ...objectsAt(container, 'env').flatMap((variable, i) => envErrors(variable, `${path}.env[${i}]`)),
    ...objectsAt(container, 'envFrom').flatMap((source, i) => envFromErrors(source, `${path}.envFrom[${i}]`)),
    ...mountErrors(objectsAt(container, 'volumeMounts'), `${path}.volumeMounts`, volumes),
    ...oneOf(container, 'imagePullPolicy', path, pullPolicies),
    ...resourceErrors(objectAt(container, 'resources'), `${path}.resources`),
  ];
}

function portsErrors(ports: readonly Fields[], path: string): StatusCause[] {
  const names = new Set<string>();
  return ports.flatMap((port, index) => {
    const at = `${path}[${index}]`;
    const errors: StatusCause[] = [];
    const name = textAt(port, 'name');
    const nameErrors = name === '' ? [] : portNameErrors(name);
    if (nameErrors.length > 0) errors.push(...invalidAll(`${at}.name`, name, nameErrors));
    else if (name !== '' && names.has(name)) errors.push(duplicateValue(`${at}.name`, name));
    names.add(name);
    const number = numberAt(port, 'containerPort') ?? 0;
    if (number === 0) errors.push(requiredValue(`${at}.containerPort`));
    else errors.push(...invalidAll(`${at}.containerPort`, number, portNumberErrors(number)));
    const hostPort = numberAt(port, 'hostPort') ?? 0;
    if (hostPort !== 0) errors.push(...invalidAll(`${at}.hostPort`, hostPort, portNumberErrors(hostPort)));
    return [...errors, ...oneOf(port, 'protocol', at, protocols)];
  });
}

const fieldReferences = [
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

function envErrors(variable: Fields, path: string): StatusCause[] {
  const name = textAt(variable, 'name');
  const errors = name === '' ? [requiredValue(`${path}.name`)] : invalidAll(`${path}.name`, name, envNameErrors(name));
  const from = objectAt(variable, 'valueFrom');
  if (!from) return errors;
  const at = `${path}.valueFrom`;
  const given = Object.keys(from).filter((key) => objectAt(from, key));
  if (textAt(variable, 'value') !== '' && given.length > 0) {
    errors.push(invalidValue(at, '', 'may not be specified when `value` is not empty'));
  }
  if (given.length === 0) {
    errors.push(
      invalidValue(at, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'),
    );
  }
  if (given.length > 1) errors.push(invalidValue(at, '', 'may not have more than one field specified at a time'));
  const fieldRef = objectAt(from, 'fieldRef');
  if (fieldRef) errors.push(...fieldReferenceErrors(fieldRef, `${at}.fieldRef`));
  for (const key of ['configMapKeyRef', 'secretKeyRef']) {
    const reference = objectAt(from, key);
    if (reference) errors.push(...keyReferenceErrors(reference, `${at}.${key}`));
  }
  return errors;
}

function fieldReferenceErrors(reference: Fields, path: string): StatusCause[] {
  const fieldPath = textAt(reference, 'fieldPath');
  if (fieldPath === '') return [requiredValue(`${path}.fieldPath`)];
  if (/^metadata\.(labels|annotations)\['[^']+'\]$/.test(fieldPath)) return [];
  return fieldReferences.includes(fieldPath) ? [] : [unsupportedValue(`${path}.fieldPath`, fieldPath, fieldReferences)];
}

function keyReferenceErrors(reference: Fields, path: string): StatusCause[] {
  const [name, key] = [textAt(reference, 'name'), textAt(reference, 'key')];
  return [
    ...(name === '' ? [] : invalidAll(`${path}.name`, name, dnsSubdomainErrors(name))),
    ...(key === '' ? [requiredValue(`${path}.key`)] : invalidAll(`${path}.key`, key, configKeyErrors(key))),
  ];
}

function envFromErrors(source: Fields, path: string): StatusCause[] {
  const prefix = textAt(source, 'prefix');
  const errors = prefix === '' ? [] : invalidAll(`${path}.prefix`, prefix, envNameErrors(prefix));
  const given = ['configMapRef', 'secretRef'].filter((key) => objectAt(source, key));
  if (given.length === 0) errors.push(invalidValue(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
  if (given.length > 1) errors.push(invalidValue(path, '', 'may not have more than one field specified at a time'));
  for (const key of given) {
    const name = textAt(objectAt(source, key), 'name');
    if (name === '') errors.push(requiredValue(`${path}.${key}.name`));
    else errors.push(...invalidAll(`${path}.${key}.name`, name, dnsSubdomainErrors(name)));
  }
  return errors;
}

/** A path that must stay below the volume that it is in. */
function descendingPathErrors(target: string, path: string): StatusCause[] {
  const errors = target.startsWith('/') ? [invalidValue(path, target, 'must be a relative path')] : [];
  if (target.split('/').includes('..')) errors.push(invalidValue(path, target, "must not contain '..'"));
  return errors;
}

function mountErrors(mounts: readonly Fields[], path: string, volumes: ReadonlySet<string>): StatusCause[] {
  const points = new Set<string>();
  return mounts.flatMap((mount, index) => {
    const at = `${path}[${index}]`;
    const errors: StatusCause[] = [];
    const name = textAt(mount, 'name');
    if (name === '') errors.push(requiredValue(`${at}.name`));
    if (!volumes.has(name)) errors.push(valueNotFound(`${at}.name`, name));
    const mountPath = textAt(mount, 'mountPath');
    if (mountPath === '') errors.push(requiredValue(`${at}.mountPath`));
    if (points.has(mountPath)) errors.push(invalidValue(`${at}.mountPath`, mountPath, 'must be unique'));
    points.add(mountPath);
    const [subPath, expression] = [textAt(mount, 'subPath'), textAt(mount, 'subPathExpr')];
    if (subPath !== '') errors.push(...descendingPathErrors(subPath, `${path}.subPath`));
    if (expression !== '' && subPath !== '') {
      const detail = 'subPathExpr and subPath are mutually exclusive';
      errors.push(invalidValue(`${at}.subPathExpr`, expression, detail));
    }
    if (expression !== '') errors.push(...descendingPathErrors(expression, `${path}.subPathExpr`));
    return errors;
  });
}

const containerResources = new Set(['cpu', 'memory', 'ephemeral-storage']);

export function resourceNameErrors(name: string, path: string): StatusCause[] {
  const errors = invalidAll(path, name, qualifiedNameErrors(name));
  if (errors.length > 0 || name.includes('/') || containerResources.has(name) || name.startsWith('hugepages-')) {
    return errors;
  }
  return [
    invalidValue(path, name, 'must be a standard resource type or fully qualified'),
    invalidValue(path, name, 'must be a standard resource for containers'),
  ];
}

/** What may be requested beyond its limit: the native resources, huge pages apart. */
const mayOvercommit = (name: string): boolean => !name.includes('/') && !name.startsWith('hugepages-');

/** What is wrong with requests and limits. */
function resourceErrors(resources: Fields | undefined, path: string): StatusCause[] {
  const limits = objectAt(resources, 'limits') ?? {};
  const requests = objectAt(resources, 'requests') ?? {};
  return [
    ...Object.entries(limits).flatMap(([name, amount]) => amountErrors(name, amount, `${path}.limits[${name}]`)),
    ...Object.entries(requests).flatMap(([name, amount]) => {
      const errors = amountErrors(name, amount, `${path}.requests[${name}]`);
      return errors.length > 0 ? errors : requestErrors(name, String(amount), limits[name], path);
    }),
  ];
}

function amountErrors(name: string, amount: unknown, path: string): StatusCause[] {
  const errors = resourceNameErrors(name, path);
  const wrong = quantityError(amount);
  if (wrong !== undefined) return [...errors, invalidValue(path, amount, wrong)];
  const { nanos } = parseQuantity(String(amount));
  if (nanos < 0n) errors.push(invalidValue(path, amount, 'must be greater than or equal to 0'));
  if (name.includes('/') && nanos % 1_000_000_000n !== 0n) {
    errors.push(invalidValue(path, amount, 'must be an integer'));
  }
  return errors;
}

function requestErrors(name: string, amount: string, limit: unknown, path: string): StatusCause[] {
  if (!isGiven(limit) || quantityError(limit) !== undefined) {
    const needsLimit = !mayOvercommit(name) && !isGiven(limit);
    return needsLimit ? [requiredValue(`${path}.limits`, 'Limit must be set for non overcommitable resources')] : [];
  }
  const order = compareQuantity(parseQuantity(amount), parseQuantity(String(limit)));
  if (order !== 0 && !mayOvercommit(name)) {
    return [invalidValue(`${path}.requests`, amount, `must be equal to ${name} limit of ${limit}`)];
  }
  return order > 0
    ? [invalidValue(`${path}.requests`, amount, `must be less than or equal to ${name} limit of ${limit}`)]
    : [];
}
