import {
  addQuantity,
  compareQuantity,
  dnsLabelErrors,
  duplicateValue,
  type Fields,
  forbiddenValue,
  formatQuantity,
  invalidValue,
  parseQuantity,
  type Quantity,
  requiredValue,
  type StatusCause,
  unsupportedValue,
  valueNotFound,
} from '../../../machinery/index.ts';
import { invalidAll } from '../checks.ts';
import { objectAt, objectsAt, textAt } from '../fields.ts';
import {
  containerResourceNameErrors,
  isIntegerResource,
  mayOvercommit,
  resourceNameErrors,
} from '../resource-names.ts';

const isHugePages = (name: string): boolean => name.startsWith('hugepages-');

const podResources = ['cpu', 'hugepages-', 'memory'];

function podResourceNameErrors(name: string, path: string): StatusCause[] {
  const errors = resourceNameErrors(name, path);
  if (errors.length > 0 || name === 'cpu' || name === 'memory' || isHugePages(name)) return errors;
  return [unsupportedValue(path, name, podResources)];
}

/** What is wrong with the requests, limits and claims of a container. `claims` are those of its pod. */
export function containerResourceErrors(
  resources: Fields | undefined,
  path: string,
  claims: ReadonlySet<string>,
): StatusCause[] {
  return requirementErrors(resources, path, claims, containerResourceNameErrors);
}

function requirementErrors(
  resources: Fields | undefined,
  path: string,
  claims: ReadonlySet<string>,
  checkName: (name: string, path: string) => StatusCause[],
): StatusCause[] {
  const limits = objectAt(resources, 'limits') ?? {};
  const requests = objectAt(resources, 'requests') ?? {};
  const amountsOf = (of: Fields, key: string): StatusCause[] =>
    Object.entries(of).flatMap(([name, amount]) => {
      const at = `${path}.${key}[${name}]`;
      return [...checkName(name, at), ...amountErrors(name, String(amount), at)];
    });
  const errors = [
    ...amountsOf(limits, 'limits'),
    ...Object.keys(requests).flatMap((name) => [
      ...amountsOf({ [name]: requests[name] }, 'requests'),
      ...requestErrors(name, String(requests[name]), limits[name], path),
    ]),
  ];
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHugePages) && !names.includes('cpu') && !names.includes('memory')) {
    errors.push(forbiddenValue(path, 'HugePages require cpu or memory'));
  }
  return [...errors, ...claimErrors(objectsAt(resources, 'claims'), `${path}.claims`, claims)];
}

function amountErrors(name: string, amount: string, path: string): StatusCause[] {
  const { nanos } = parseQuantity(amount);
  const errors: StatusCause[] = [];
  if (nanos < 0n) errors.push(invalidValue(path, amount, 'must be greater than or equal to 0'));
  if (isIntegerResource(name) && nanos % 1_000_000_000n !== 0n)
    errors.push(invalidValue(path, amount, 'must be an integer'));
  if (isHugePages(name)) errors.push(...pageErrors(name, nanos, amount, path));
  return errors;
}

/** Huge pages come whole. */
function pageErrors(name: string, nanos: bigint, amount: string, path: string): StatusCause[] {
  let size: bigint;
  try {
    size = parseQuantity(name.slice('hugepages-'.length)).nanos;
  } catch (error) {
    return [invalidValue(path, amount, error instanceof Error ? error.message : String(error))];
  }
  if (size > 0n && nanos % size === 0n) return [];
  return [invalidValue(path, amount, `${amount} is not positive integer multiple of ${name}`)];
}

function requestErrors(name: string, amount: string, limit: unknown, path: string): StatusCause[] {
  if (limit === undefined) {
    if (mayOvercommit(name)) return [];
    return [requiredValue(`${path}.limits`, 'Limit must be set for non overcommitable resources')];
  }
  const order = compareQuantity(parseQuantity(amount), parseQuantity(String(limit)));
  const wrong = (how: string): StatusCause[] => [
    invalidValue(`${path}.requests`, amount, `must be ${how} ${name} limit of ${limit}`),
  ];
  if (order !== 0 && !mayOvercommit(name)) return wrong('equal to');
  return order > 0 ? wrong('less than or equal to') : [];
}

function claimErrors(list: readonly Fields[], path: string, claims: ReadonlySet<string>): StatusCause[] {
  const used = new Set<string>();
  return list.flatMap((claim, index) => {
    const at = `${path}[${index}]`;
    const [name, request] = [textAt(claim, 'name'), textAt(claim, 'request')];
    if (name === '') return [requiredValue(at)];
    const errors: StatusCause[] = [];
    const key = request === '' ? name : `${name}/${request}`;
    // A claim is used as a whole, or request by request.
    const isWhole = request === '' && used.values().some((other) => other.startsWith(`${name}/`));
    if (used.has(name) || isWhole) errors.push(duplicateValue(at, name));
    else {
      if (request !== '') errors.push(...invalidAll(`${at}.request`, request, dnsLabelErrors(request)));
      if (used.has(key)) errors.push(duplicateValue(at, key));
    }
    used.add(key);
    return claims.has(name) ? errors : [...errors, unknownClaim(at, name, claims)];
  });
}

function unknownClaim(path: string, name: string, claims: ReadonlySet<string>): StatusCause {
  const all = claims.size === 0 ? ' which is empty' : `: ${[...claims].sort().join(', ')}`;
  const missing = valueNotFound(path, name);
  return { ...missing, message: `${missing.message}: must be one of the names in pod.spec.resourceClaims${all}` };
}

/** What is wrong with the resources of a pod as a whole: they have to be enough for its containers. */
export function podResourceErrors(spec: Fields, path: string, claims: ReadonlySet<string>): StatusCause[] {
  const resources = objectAt(spec, 'resources');
  if (!resources) return [];
  const at = `${path}.resources`;
  if (objectAt(spec, 'os')?.['name'] === 'windows') return [forbiddenValue(at, 'may not be set for a windows pod')];
  const errors: StatusCause[] = [];
  if (resources['claims'] !== undefined) {
    errors.push(forbiddenValue(`${at}.claims`, 'claims may not be set for Resources at pod-level'));
  }
  return [
    ...errors,
    ...requirementErrors(resources, at, claims, podResourceNameErrors),
    ...aggregateErrors(spec, resources, at),
  ];
}

function aggregateErrors(spec: Fields, resources: Fields, path: string): StatusCause[] {
  const [limits, requests] = [objectAt(resources, 'limits') ?? {}, objectAt(resources, 'requests') ?? {}];
  const errors: StatusCause[] = [];
  const tooSmall = (of: Fields, key: string, name: string, sum: Quantity): void => {
    const own = of[name];
    if (own === undefined || compareQuantity(sum, parseQuantity(String(own))) <= 0) return;
    const detail = `must be greater than or equal to aggregate container ${key} of ${formatQuantity(sum)}`;
    errors.push(invalidValue(`${path}.${key}[${name}]`, own, detail));
  };
  for (const [name, sum] of aggregate(spec, 'requests')) tooSmall(requests, 'requests', name, sum);
  for (const [name, sum] of aggregate(spec, 'limits')) if (isHugePages(name)) tooSmall(limits, 'limits', name, sum);
  objectsAt(spec, 'containers').forEach((container, index) => {
    for (const [name, limit] of Object.entries(objectAt(objectAt(container, 'resources'), 'limits') ?? {})) {
      const own = limits[name];
      if (own === undefined || compareQuantity(parseQuantity(String(limit)), parseQuantity(String(own))) <= 0) continue;
      const at = `${path}.containers[${index}][${name}].limits`;
      errors.push(invalidValue(at, limit, `must be less than or equal to pod limits of ${own}`));
    }
  });
  return errors;
}

const ZERO: Quantity = { nanos: 0n, format: 'DecimalSI' };

/**
 * What the containers of a pod need together ('requests' or 'limits'), by resource: those that run at a time, sidecars
 * among them, or the greatest init container beside the sidecars before it (component-helpers AggregateContainerRequests).
 */
export function aggregate(spec: Fields, key: 'requests' | 'limits'): Map<string, Quantity> {
  const total = new Map<string, Quantity>();
  const of = (container: Fields): [string, Quantity][] =>
    Object.entries(objectAt(objectAt(container, 'resources'), key) ?? {}).map(([name, amount]) => [
      name,
      parseQuantity(String(amount)),
    ]);
  const add = (to: Map<string, Quantity>, container: Fields): void => {
    for (const [name, amount] of of(container)) to.set(name, addQuantity(to.get(name) ?? ZERO, amount));
  };
  for (const container of objectsAt(spec, 'containers')) add(total, container);
  const sidecars = new Map<string, Quantity>();
  const greatest = new Map<string, Quantity>();
  for (const container of objectsAt(spec, 'initContainers')) {
    const isSidecar = container['restartPolicy'] === 'Always';
    if (isSidecar) for (const map of [total, sidecars]) add(map, container);
    const now = new Map(sidecars);
    if (!isSidecar) add(now, container);
    for (const [name, amount] of now) {
      if (compareQuantity(amount, greatest.get(name) ?? ZERO) > 0) greatest.set(name, amount);
    }
  }
  for (const [name, amount] of greatest) {
    if (compareQuantity(amount, total.get(name) ?? ZERO) > 0) total.set(name, amount);
  }
  return total;
}
