import {
  containersOf,
  type Fields,
  forbidden,
  formatQuantity,
  type KubeObject,
  podResources,
  type Quantity,
  quantityToNumber,
  type ResourceAmounts,
  readAmounts,
  resourcesOf,
} from '../../machinery/index.ts';
import type { Store } from '../store/store.ts';
import { type AdmissionPlugin, type AdmissionRequest, isNewPod, nameInRefusal } from './request.ts';

const LIMIT_RANGES = { group: '', resource: 'limitranges' };
const ANNOTATION = 'kubernetes.io/limit-ranger';

/** Gives containers the limits and requests that their namespace has for them, and holds pods and claims to its bounds. */
export function limitRanger(store: Store): AdmissionPlugin {
  return {
    name: 'LimitRanger',
    mutate(request) {
      if (!isNewPod(request)) return;
      for (const limits of limitsIn(store, request.namespace)) setDefaults(request.object, limits);
    },
    validate(request) {
      const { registration, operation, subresource, namespace, object, old } = request;
      if (subresource !== undefined || registration.served.group !== '' || old?.metadata.deletionTimestamp) return;
      const isClaim = registration.served.resource === 'persistentvolumeclaims' && operation !== 'DELETE';
      if (!isClaim && !isNewPod(request)) return;
      for (const limits of limitsIn(store, namespace)) {
        refuse(request, isClaim ? claimFaults(object, limits) : podFaults(object, limits));
      }
    },
  };
}

/** The limits of each LimitRange of a namespace, by name. */
function limitsIn(store: Store, namespace: string): Fields[][] {
  return [...store.cache(LIMIT_RANGES).entries.from(namespace)].map(
    ({ object }) => (object.spec?.['limits'] as Fields[] | undefined) ?? [],
  );
}

function refuse({ registration, name, object }: AdmissionRequest, faults: readonly string[]): void {
  if (faults.length === 0) return;
  const distinct = [...new Set(faults)];
  const text = distinct.length === 1 ? (distinct[0] ?? '') : `[${distinct.join(', ')}]`;
  throw forbidden(registration.served, nameInRefusal(object, name), text);
}

function setDefaults(pod: KubeObject, limits: readonly Fields[]): void {
  const ofContainers = limits.filter((limit) => limit['type'] === 'Container');
  const wanted = {
    requests: Object.assign({}, ...ofContainers.map((limit) => limit['defaultRequest'])) as Fields,
    limits: Object.assign({}, ...ofContainers.map((limit) => limit['default'])) as Fields,
  };
  const notes: string[] = [];
  for (const [key, what] of [
    ['containers', 'container'],
    ['initContainers', 'init container'],
  ] as const) {
    for (const container of (pod.spec?.[key] as Fields[] | undefined) ?? []) {
      const where = `${what} ${container['name']}`;
      for (const which of ['requests', 'limits'] as const) {
        const set = complete(container, which, wanted[which]);
        if (set.length > 0) notes.push(`${set.sort().join(', ')} ${which.slice(0, -1)} for ${where}`);
      }
    }
  }
  if (notes.length === 0) return;
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    [ANNOTATION]: `LimitRanger plugin set: ${notes.join('; ')}`,
  };
}

/** Adds what a container does not say of its requests or limits, in place; says what. */
function complete(container: Fields, which: 'requests' | 'limits', wanted: Fields): string[] {
  const resources = { ...(container['resources'] as Fields | undefined) };
  const own = resources[which] as Fields | undefined;
  const missing = Object.keys(wanted).filter((name) => own?.[name] === undefined);
  if (missing.length === 0) return [];
  const added = Object.fromEntries(missing.map((name) => [name, wanted[name]]));
  container['resources'] = { ...resources, [which]: { ...own, ...added } };
  return missing;
}

/** What is asked for, and the most that may be used. */
interface Usage {
  readonly requests: ResourceAmounts;
  readonly limits: ResourceAmounts;
}

function podFaults(pod: KubeObject, limits: readonly Fields[]): string[] {
  return limits.flatMap((limit) => {
    if (limit['type'] === 'Pod') return boundFaults(limit, usageOfPod(pod));
    if (limit['type'] !== 'Container') return [];
    return containersOf(pod).flatMap((container) =>
      boundFaults(limit, {
        requests: resourcesOf(container, 'requests'),
        limits: resourcesOf(container, 'limits'),
      }),
    );
  });
}

const usageOfPod = (pod: KubeObject): Usage => ({
  requests: podResources(pod, 'requests', false),
  limits: podResources(pod, 'limits', false),
});

function boundFaults(limit: Fields, usage: Usage): string[] {
  const type = String(limit['type']);
  const check = (key: string, fault: (name: string, bound: Quantity) => string | undefined): string[] =>
    [...readAmounts(limit[key])].flatMap(([name, bound]) => fault(name, bound) ?? []);
  return [
    ...check('min', (name, bound) => minFault(type, name, bound, usage)),
    ...check('max', (name, bound) => maxFault(type, name, bound, usage)),
    ...check('maxLimitRequestRatio', (name, bound) => ratioFault(type, name, bound, usage)),
  ];
}

function claimFaults({ spec }: KubeObject, limits: readonly Fields[]): string[] {
  const requests = readAmounts((spec?.['resources'] as Fields | undefined)?.['requests']);
  const usage: Usage = { requests, limits: new Map() };
  return limits.flatMap((limit) => {
    const type = String(limit['type']);
    if (type !== 'PersistentVolumeClaim') return [];
    return [
      ...[...readAmounts(limit['min'])].flatMap(([name, bound]) => minFault(type, name, bound, usage) ?? []),
      ...[...readAmounts(limit['max'])].flatMap(([name, bound]) => maxRequestFault(type, name, bound, requests) ?? []),
    ];
  });
}

function minFault(type: string, name: string, bound: Quantity, { requests, limits }: Usage): string | undefined {
  const is = `minimum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  const [request, limit] = [requests.get(name), limits.get(name)];
  if (!request) return `${is}.  No request is specified`;
  if (request.nanos < bound.nanos) return `${is}, but request is ${formatQuantity(request)}`;
  return limit && limit.nanos < bound.nanos ? `${is}, but limit is ${formatQuantity(limit)}` : undefined;
}

function maxFault(type: string, name: string, bound: Quantity, { requests, limits }: Usage): string | undefined {
  const is = `maximum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  const [request, limit] = [requests.get(name), limits.get(name)];
  if (!limit) return `${is}.  No limit is specified`;
  if (limit.nanos > bound.nanos) return `${is}, but limit is ${formatQuantity(limit)}`;
  return request && request.nanos > bound.nanos ? `${is}, but request is ${formatQuantity(request)}` : undefined;
}

function maxRequestFault(type: string, name: string, bound: Quantity, requests: ResourceAmounts): string | undefined {
  const is = `maximum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  const request = requests.get(name);
  if (!request) return `${is}.  No request is specified`;
  return request.nanos > bound.nanos ? `${is}, but request is ${formatQuantity(request)}` : undefined;
}

function ratioFault(type: string, name: string, bound: Quantity, { requests, limits }: Usage): string | undefined {
  const is = `${name} max limit to request ratio per ${type} is ${formatQuantity(bound)}`;
  const [request, limit] = [requests.get(name), limits.get(name)];
  if (!request || request.nanos === 0n) return `${is}, but no request is specified or request is 0`;
  if (!limit || limit.nanos === 0n) return `${is}, but no limit is specified or limit is 0`;
  const ratio = quantityToNumber(limit) / quantityToNumber(request);
  return ratio > quantityToNumber(bound) ? `${is}, but provided ratio is ${ratio.toFixed(6)}` : undefined;
}
