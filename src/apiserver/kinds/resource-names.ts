import { invalidValue, qualifiedNameErrors, type StatusCause } from '../../machinery/index.ts';
import { invalidAll } from './checks.ts';

const container = ['cpu', 'memory', 'ephemeral-storage'];
const counted = [
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
];
const quota: ReadonlySet<string> = new Set([
  ...container,
  ...container.flatMap((name) => [`requests.${name}`, `limits.${name}`]),
  'requests.storage',
  ...counted,
]);
const standard: ReadonlySet<string> = new Set([...quota, 'storage']);
const wholeNumbers: ReadonlySet<string> = new Set(counted);
const containerNames: ReadonlySet<string> = new Set(container);

const isHugePages = (name: string): boolean => name.startsWith('hugepages-');
const isQuotaHugePages = (name: string): boolean => isHugePages(name) || name.startsWith('requests.hugepages-');

/** True for the resources of Kubernetes itself, which have no domain of their own. */
export function isNativeResource(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

/** True for what devices offer, 'example.com/gpu'. */
export function isExtendedResource(name: string): boolean {
  if (isNativeResource(name) || name.startsWith('requests.')) return false;
  return qualifiedNameErrors(`requests.${name}`).length === 0;
}

/** True for what comes in whole numbers only. */
export function isIntegerResource(name: string): boolean {
  return wholeNumbers.has(name) || isExtendedResource(name);
}

/** True for what a container may ask for less of than it may use. */
export function mayOvercommit(name: string): boolean {
  return isNativeResource(name) && !isHugePages(name);
}

/** True for what a ResourceQuota can limit without a domain. */
export function isQuotaResource(name: string): boolean {
  return quota.has(name) || isQuotaHugePages(name);
}

/** The name of a resource of any kind. */
export function resourceNameErrors(name: string, path: string): StatusCause[] {
  const errors = invalidAll(path, name, qualifiedNameErrors(name));
  if (errors.length > 0 || name.includes('/') || standard.has(name) || isQuotaHugePages(name)) return errors;
  return [invalidValue(path, name, 'must be a standard resource type or fully qualified')];
}

/** The name of a resource of a container. */
export function containerResourceNameErrors(name: string, path: string): StatusCause[] {
  const errors = resourceNameErrors(name, path);
  if (!name.includes('/')) {
    if (containerNames.has(name) || isHugePages(name)) return errors;
    return [...errors, invalidValue(path, name, 'must be a standard resource for containers')];
  }
  if (isNativeResource(name) || isExtendedResource(name)) return errors;
  return [...errors, invalidValue(path, name, "doesn't follow extended resource name standard")];
}

/** The name of what a ResourceQuota limits. */
export function quotaResourceNameErrors(name: string, path: string): StatusCause[] {
  const errors = resourceNameErrors(name, path);
  if (name.includes('/') || isQuotaResource(name)) return errors;
  return [...errors, invalidValue(path, name, 'must be a standard resource for quota')];
}
