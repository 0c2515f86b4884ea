import {
  addAmounts,
  compareQuantity,
  type Fields,
  forbidden,
  formatQuantity,
  growth,
  type KubeObject,
  limitsOn,
  quotaEvaluator,
  type ResourceAmounts,
  readAmounts,
  unsaidResources,
  writeAmounts,
} from '../../machinery/index.ts';
import type { Store } from '../store/store.ts';
import { type AdmissionPlugin, type AdmissionRequest, nameInRefusal } from './request.ts';

const QUOTAS = { group: '', resource: 'resourcequotas' };
/** What no quota counts: what comes and goes by itself, and reviews, which are never stored. */
const IGNORED: ReadonlySet<string> = new Set(['events', 'events.events.k8s.io', 'bindings']);

/** A quota, and what a write would add to what is used of it. */
interface Charge {
  readonly quota: KubeObject;
  readonly amounts: ResourceAmounts;
}

/**
 * Holds a namespace to its quotas. What a write uses is charged to their status in the turn in which it is queued, on
 * what all writes before it have charged: two writes can never use the same room.
 */
export function resourceQuota(store: Store): AdmissionPlugin {
  return {
    name: 'ResourceQuota',
    validate(request) {
      request.flight.beside = undefined;
      if (!isCounted(request)) return;
      const quotas = quotasIn(store, request.namespace);
      if (quotas.length === 0) return;
      const charges = chargesOf(request, quotas);
      if (charges.length === 0) return;
      for (const charge of charges) checkRoom(request, charge);
      request.flight.beside = () => {
        for (const charge of charges) pay(store, charge);
      };
    },
  };
}

function isCounted({ operation, registration, namespace, subresource, object, old }: AdmissionRequest): boolean {
  const { group, resource } = registration.served;
  const id = group === '' ? resource : `${resource}.${group}`;
  if (namespace === '' || IGNORED.has(id) || registration.served.virtual) return false;
  if (subresource !== undefined)
    return group === '' && resource === 'persistentvolumeclaims' && subresource === 'status';
  if (operation === 'CREATE') return true;
  if (operation !== 'UPDATE' || !old) return false;
  if (group === '' && resource === 'pods') return hasDeadline(object) !== hasDeadline(old);
  return ['services', 'persistentvolumeclaims', 'resourceclaims.resource.k8s.io'].includes(id);
}

const hasDeadline = ({ spec }: KubeObject): boolean => spec?.['activeDeadlineSeconds'] !== undefined;

/** The quotas of a namespace as all writes so far have left them, by name. */
function quotasIn(store: Store, namespace: string): KubeObject[] {
  return [...store.cache(QUOTAS).entries.from(namespace)].flatMap(
    ({ name }) => store.latest(QUOTAS, { namespace, name })?.object ?? [],
  );
}

/** What a write would add to each quota. Throws ApiError 403 for one that it cannot be charged to. */
function chargesOf(request: AdmissionRequest, quotas: readonly KubeObject[]): Charge[] {
  const { registration, object, old } = request;
  const of = registration.served;
  const { usage } = quotaEvaluator(of);
  const used = usage(object);
  return quotas.flatMap((quota) => {
    const limits = limitsOn(quota, Object.keys((quota.status?.['hard'] as Fields | undefined) ?? {}), of, object);
    if (limits.length === 0) return [];
    checkKnown(request, quota, limits);
    const before = old && limitsOn(quota, limits, of, old).length > 0 ? usage(old) : new Map();
    const amounts = new Map([...growth(used, before)].filter(([name]) => limits.includes(name)));
    return amounts.size > 0 ? [{ quota, amounts }] : [];
  });
}

function checkKnown(request: AdmissionRequest, quota: KubeObject, limits: readonly string[]): void {
  const { name } = quota.metadata;
  const { group, resource } = request.registration.served;
  const unsaid = group === '' && resource === 'pods' ? unsaidResources(request.object, limits) : undefined;
  if (unsaid !== undefined) refuse(request, `failed quota: ${name}: ${unsaid}`);
  const used = readAmounts(quota.status?.['used']);
  if (limits.some((limit) => !used.has(limit))) {
    refuse(request, `status unknown for quota: ${name}, resources: ${[...limits].sort().join(',')}`);
  }
}

/** Throws ApiError 403 if a quota has no room for a charge. What PVCs report of themselves is counted all the same. */
function checkRoom(request: AdmissionRequest, { quota, amounts }: Charge): void {
  if (request.subresource === 'status') return;
  const [hard, used] = [readAmounts(quota.status?.['hard']), readAmounts(quota.status?.['used'])];
  const total = new Map(used);
  addAmounts(total, amounts);
  const exceeded = [...amounts.keys()].filter((name) => {
    const [wanted, limit] = [total.get(name), hard.get(name)];
    return wanted && limit && compareQuantity(wanted, limit) > 0;
  });
  if (exceeded.length === 0) return;
  const list = (of: ResourceAmounts): string =>
    exceeded
      .toSorted()
      .map((name) => `${name}=${formatQuantity(of.get(name) ?? { nanos: 0n, format: 'DecimalSI' })}`)
      .join(',');
  const { name } = quota.metadata;
  refuse(request, `exceeded quota: ${name}, requested: ${list(amounts)}, used: ${list(used)}, limited: ${list(hard)}`);
}

function refuse({ registration, name, object }: AdmissionRequest, why: string): never {
  throw forbidden(registration.served, nameInRefusal(object, name), why);
}

/** Writes down what is used now. A quota that is gone limits nothing any more. */
function pay(store: Store, { quota, amounts }: Charge): void {
  const { name, namespace = '' } = quota.metadata;
  const key = { namespace, name };
  if (!store.latest(QUOTAS, key)) return;
  const written = store.write(QUOTAS, key, (current) => {
    if (!current) throw new Error(`the quota ${namespace}/${name} went in the turn in which it was charged`);
    const used = readAmounts(current.object.status?.['used']);
    addAmounts(used, amounts);
    return { put: { ...current.object, status: { ...current.object.status, used: writeAmounts(used) } } };
  });
  // It is committed with the write that it belongs to, which tells of a failure.
  written.catch(() => undefined);
}
