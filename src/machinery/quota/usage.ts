import type { Fields, KubeObject } from '../object.ts';
import type { Quantity } from '../quantity.ts';
import { groupResource } from '../resource.ts';
import { addAmounts, countOf, type ResourceAmounts, readAmounts } from './amounts.ts';
import { containersOf, podResources, resourcesOf } from './pod-resources.ts';

interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

/** What objects of a resource use of quotas, and which limits of a quota are about them. */
export interface QuotaEvaluator {
  usage(object: KubeObject): ResourceAmounts;
  /** True if the objects use what a quota limits by this name. */
  handles(name: string): boolean;
}

const one = countOf(1);
const classSuffix = '.storageclass.storage.k8s.io/';
const deviceSuffix = '.deviceclass.resource.k8s.io/devices';
const betaClass = 'volume.beta.kubernetes.io/storage-class';

/** Resources of which a quota counts objects by a short name of old, too. */
const counted: ReadonlySet<string> = new Set(['configmaps', 'replicationcontrollers', 'resourcequotas', 'secrets']);

/** The name by which a quota counts objects of a resource: 'count/deployments.apps'. */
export function countName(of: GroupResource): string {
  return `count/${groupResource(of)}`;
}

/** How objects of a resource are charged to quotas. */
export function quotaEvaluator(of: GroupResource): QuotaEvaluator {
  const count = countName(of);
  const special = Object.hasOwn(specials, groupResource(of)) ? specials[groupResource(of)] : undefined;
  if (special) {
    return {
      usage: (object) => new Map([[count, one], ...special.usage(object)]),
      handles: (name) => name === count || special.handles(name),
    };
  }
  const names = of.group === '' && counted.has(of.resource) ? [count, of.resource] : [count];
  const usage = new Map(names.map((name) => [name, one]));
  return { usage: () => usage, handles: (name) => usage.has(name) };
}

const computeNames: ReadonlySet<string> = new Set(
  ['cpu', 'memory', 'ephemeral-storage'].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
);

const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/');

const specials: Readonly<Record<string, QuotaEvaluator>> = {
  pods: {
    usage: (pod) => (isOver(pod) ? new Map() : podUsage(pod)),
    handles: (name) =>
      name === 'pods' ||
      computeNames.has(name) ||
      /^(requests\.)?hugepages-/.test(name) ||
      (name.startsWith('requests.') && !isNative(name)),
  },
  services: {
    usage: ({ spec }) => {
      const ports = (spec?.['ports'] as Fields[] | undefined) ?? [];
      const balanced = spec?.['type'] === 'LoadBalancer';
      const everyPort =
        spec?.['type'] === 'NodePort' || (balanced && spec?.['allocateLoadBalancerNodePorts'] !== false);
      const nodePorts = everyPort ? ports : ports.filter((port) => balanced && port['nodePort']);
      return new Map([
        ['services', one],
        ['services.loadbalancers', countOf(balanced ? 1 : 0)],
        ['services.nodeports', countOf(nodePorts.length)],
      ]);
    },
    handles: (name) => ['services', 'services.nodeports', 'services.loadbalancers'].includes(name),
  },
  persistentvolumeclaims: {
    usage: claimUsage,
    handles: (name) => /(^|\.storageclass\.storage\.k8s\.io\/)(persistentvolumeclaims|requests\.storage)$/.test(name),
  },
  'resourceclaims.resource.k8s.io': {
    usage: deviceUsage,
    handles: (name) => name.endsWith(deviceSuffix),
  },
};

/** True for a pod that uses nothing any more: it has ended, or its time to end is up. */
function isOver({ metadata, status }: KubeObject): boolean {
  if (status?.['phase'] === 'Failed' || status?.['phase'] === 'Succeeded') return true;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return false;
  return Date.now() > Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000;
}

function podUsage(pod: KubeObject): Map<string, Quantity> {
  return computeUsage(podResources(pod, 'requests', true), podResources(pod, 'limits', true));
}

/** Requests and limits by the names that quotas have for them. */
function computeUsage(requests: ResourceAmounts, limits: ResourceAmounts): Map<string, Quantity> {
  const usage = new Map([['pods', one]]);
  for (const name of ['cpu', 'memory', 'ephemeral-storage']) {
    const [request, limit] = [requests.get(name), limits.get(name)];
    if (request) usage.set(name, request).set(`requests.${name}`, request);
    if (limit) usage.set(`limits.${name}`, limit);
  }
  for (const [name, request] of requests) {
    if (name.startsWith('hugepages-')) usage.set(name, request).set(`requests.${name}`, request);
    else if (!isNative(name)) usage.set(`requests.${name}`, request);
  }
  return usage;
}

const mustBeSaid: ReadonlySet<string> = new Set(
  ['cpu', 'memory'].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
);

/**
 * Why a pod cannot be charged to a quota with these limits: 'must specify cpu for: app; memory for: app'. Every container
 * must say what is limited, unless the pod says it as a whole.
 */
export function unsaidResources(pod: KubeObject, limits: readonly string[]): string | undefined {
  if (pod.spec?.['resources'] !== undefined) return undefined;
  const containers = new Map<string, Set<string>>();
  for (const container of containersOf(pod)) {
    const said = computeUsage(resourcesOf(container, 'requests'), resourcesOf(container, 'limits'));
    for (const name of limits) {
      if (!mustBeSaid.has(name) || said.has(name)) continue;
      containers.set(name, (containers.get(name) ?? new Set()).add(String(container['name'])));
    }
  }
  if (containers.size === 0) return undefined;
  const names = [...containers.keys()].sort();
  return `must specify ${names.map((name) => `${name} for: ${[...(containers.get(name) ?? [])].sort().join(',')}`).join('; ')}`;
}

function claimUsage({ metadata, spec, status }: KubeObject): ResourceAmounts {
  const usage = new Map([['persistentvolumeclaims', one]]);
  const requests = readAmounts((spec?.['resources'] as Fields | undefined)?.['requests']);
  const [asked, given] = [requests.get('storage'), readAmounts(status?.['allocatedResources']).get('storage')];
  const storage = given && (!asked || given.nanos > asked.nanos) ? given : asked;
  if (storage) usage.set('requests.storage', roundedUp(storage));
  const className = metadata.annotations?.[betaClass] ?? spec?.['storageClassName'];
  if (!className) return usage;
  return new Map([
    ...usage,
    ...[...usage].map(([name, amount]) => [`${className}${classSuffix}${name}`, amount] as const),
  ]);
}

function roundedUp({ nanos, format }: Quantity): Quantity {
  const whole = 1_000_000_000n;
  return { nanos: ((nanos + whole - 1n) / whole) * whole, format };
}

/** A claim that asks for all devices of a class may get this many. */
const mostDevices = 32;

function deviceUsage({ spec }: KubeObject): ResourceAmounts {
  const usage = new Map<string, Quantity>();
  const devices = spec?.['devices'] as Fields | undefined;
  for (const request of (devices?.['requests'] as Fields[] | undefined) ?? []) {
    const exactly = request['exactly'] as Fields | undefined;
    const others = (request['firstAvailable'] as Fields[] | undefined) ?? [];
    const most = new Map<string, Quantity>();
    for (const one of exactly ? [exactly] : others) {
      const amount = countOf(one['allocationMode'] === 'All' ? mostDevices : Number(one['count'] ?? 0));
      const name = `${one['deviceClassName']}${deviceSuffix}`;
      if (amount.nanos > (most.get(name)?.nanos ?? -1n)) most.set(name, amount);
    }
    addAmounts(usage, most);
  }
  return usage;
}
