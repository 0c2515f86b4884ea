import {
  ApiError,
  badRequest,
  cloneJson,
  conflict,
  type Fields,
  forbidden,
  type KubeObject,
  type LabelSelectorSpec,
  labelSelectorOf,
  notFound,
  timestamp,
} from '../../machinery/index.ts';
import type { UserInfo } from '../contracts.ts';
import type { Core } from '../core.ts';
import type { Registration } from '../registry/registration.ts';
import { decodeObject } from './decode.ts';
import { deleteOne } from './delete.ts';
import { objectKeyOf } from './read.ts';
import type { ApiRequest, Outcome } from './request.ts';
import { settle } from './steps.ts';
import { admitNew, CREATED } from './subresources.ts';
import { change } from './update.ts';
import { beginWrite, type Write } from './write.ts';

/** More pods than this that were evicted and are still there: something is wrong with who counts them. */
const MAX_DISRUPTED_PODS = 2000;
const RETRY_SECONDS = 10;
const REFUSED = "Cannot evict pod as it would violate the pod's disruption budget.";
const BUDGETS = { group: 'policy', resource: 'poddisruptionbudgets' };

/** Who writes what an eviction changes beside the pod. */
const SERVER: UserInfo = { username: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] };

interface EvictionOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: string;
  preconditions?: { uid?: string; resourceVersion?: string };
  dryRun?: string[];
}

/** POST pods/NAME/eviction: a delete that the pod's disruption budget may refuse (policy/v1 Eviction). */
export async function evict(core: Core, pods: Registration, request: ApiRequest): Promise<Outcome> {
  const eviction = decodeObject(request, { apiVersion: 'policy/v1', kind: 'Eviction' });
  const key = objectKeyOf(pods, request);
  if (eviction.metadata.name !== key.name) throw badRequest('name in URL does not match name in Eviction object');
  const options: EvictionOptions = { ...(eviction['deleteOptions'] as EvictionOptions | undefined) };
  const write = beginWrite(core, pods, request, 'CreateOptions');
  const dryRun = isDryRun(options, write);
  await settle(admitNew(write, eviction, 'eviction'));
  const pod = core.store.latest(pods.storage, key)?.object;
  if (!pod) throw notFound(pods.served, key.name);
  const preconditions = { ...options.preconditions };
  const refused = isBeyondBudget(pod) ? undefined : await ask(core, request, pod, dryRun);
  if (refused === 'several') return SEVERAL_BUDGETS;
  // What the decision was about must still be so when the pod goes.
  if (refused === 'unhealthy') preconditions.resourceVersion ??= pod.metadata.resourceVersion ?? '';
  if (!dryRun) await markDisrupted(core, pods, request, preconditions);
  // The mark itself made a new version.
  const { resourceVersion: _, ...uid } = preconditions;
  await deleteOne(core, pods, request, key, {
    gracePeriodSeconds: options.gracePeriodSeconds,
    propagationPolicy: options.propagationPolicy,
    resourceVersion: dryRun ? preconditions.resourceVersion : undefined,
    uid: uid.uid,
    dryRun,
    // The eviction itself has been admitted.
    given: undefined,
  });
  return { kind: 'value', code: 201, value: CREATED };
}

function isDryRun({ dryRun = [] }: EvictionOptions, write: Write): boolean {
  const asked = write.dryRun ? ['All'] : [];
  if (dryRun.length > 0 && asked.length > 0 && !dryRun.every((value) => value === 'All')) {
    const both = `[${asked.join(' ')}] and [${dryRun.join(' ')}]`;
    throw new ApiError(500, 'InternalError', `Non-matching dry-run options in request and content: ${both}`);
  }
  return write.dryRun || dryRun.includes('All');
}

/** A pod that serves nobody, not yet or no longer, is not what budgets are about. */
function isBeyondBudget({ metadata, status }: KubeObject): boolean {
  const phase = status?.['phase'];
  return phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending' || metadata.deletionTimestamp !== undefined;
}

const SEVERAL_BUDGETS: Outcome = {
  kind: 'value',
  code: 500,
  value: {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    code: 500,
  },
};

/**
 * Asks the pod's budget for leave, and takes it off the budget. Throws ApiError 429 when there is none.
 * @returns undefined: go on; 'several': there is more than one budget; 'unhealthy': go on if the pod stays as it is.
 */
async function ask(
  core: Core,
  request: ApiRequest,
  pod: KubeObject,
  dryRun: boolean,
): Promise<'several' | 'unhealthy' | undefined> {
  const registration = core.registry.find('policy', 'v1', 'poddisruptionbudgets');
  const budgets = budgetsOf(core, pod);
  const [budget] = budgets;
  if (!budget || !registration) return undefined;
  if (budgets.length > 1) return 'several';
  if (!isReady(pod) && letsUnhealthyGo(budget)) return 'unhealthy';
  const { name, namespace = '' } = budget.metadata;
  const info = { ...request.info, ...BUDGETS, version: 'v1', subresource: 'status', name, namespace };
  const write = {
    ...beginWrite(
      core,
      registration,
      { ...request, info, user: SERVER, query: new URLSearchParams() },
      'UpdateOptions',
    ),
    dryRun,
  };
  await change(write, 'status', (old) => ({ object: decremented(old, pod.metadata.name), review: null }));
  return undefined;
}

function budgetsOf(core: Core, { metadata }: KubeObject): KubeObject[] {
  const namespace = metadata.namespace ?? '';
  const found: KubeObject[] = [];
  for (const { object } of core.store.cache(BUDGETS).entries.from(namespace)) {
    if (object.metadata.namespace !== namespace) break;
    const selector = object.spec?.['selector'] as LabelSelectorSpec | undefined;
    if (labelSelectorOf(selector).matches(metadata.labels ?? {})) found.push(object);
  }
  return found;
}

interface Typed {
  type?: string;
  status?: string;
}

const conditionsOf = (object: KubeObject): Typed[] => (object.status?.['conditions'] as Typed[] | undefined) ?? [];

const isReady = (pod: KubeObject): boolean =>
  conditionsOf(pod).some(({ type, status }) => type === 'Ready' && status === 'True');

const count = (fields: Fields | undefined, key: string): number => Number(fields?.[key] ?? 0);

/** Pods that are not ready do not count as healthy: they may go if enough others do, or always, as the budget says. */
function letsUnhealthyGo({ spec, status }: KubeObject): boolean {
  if (spec?.['unhealthyPodEvictionPolicy'] === 'AlwaysAllow') return true;
  const desired = count(status, 'desiredHealthy');
  return desired > 0 && count(status, 'currentHealthy') >= desired;
}

/** The budget with one disruption less, or ApiError. */
function decremented(budget: KubeObject, podName: string): KubeObject {
  const { metadata, status } = budget;
  const { name } = metadata;
  const allowed = count(status, 'disruptionsAllowed');
  const disrupted = (status?.['disruptedPods'] ?? {}) as Fields;
  if (count(status, 'observedGeneration') < (metadata.generation ?? 0)) {
    throw refusal(`The disruption budget ${name} is still being processed by the server.`, RETRY_SECONDS);
  }
  const singular = { group: 'policy', resource: 'poddisruptionbudget' };
  if (allowed < 0) throw forbidden(singular, name, 'pdb disruptions allowed is negative');
  if (Object.keys(disrupted).length > MAX_DISRUPTED_PODS) {
    const why = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
    throw forbidden(singular, name, why);
  }
  if (allowed === 0) {
    const [desired, current] = [count(status, 'desiredHealthy'), count(status, 'currentHealthy')];
    throw refusal(`The disruption budget ${name} needs ${desired} healthy pods and has ${current} currently`, 0);
  }
  const next = cloneJson(budget);
  next.status = {
    ...next.status,
    disruptionsAllowed: allowed - 1,
    disruptedPods: { ...disrupted, [podName]: timestamp() },
    ...(allowed === 1 ? { conditions: withoutLeave(next) } : {}),
  };
  return next;
}

function refusal(message: string, retryAfterSeconds: number): ApiError {
  return new ApiError(429, 'TooManyRequests', REFUSED, {
    causes: [{ reason: 'DisruptionBudget', message }],
    ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}),
  });
}

/** The conditions of a budget that allows no more disruptions. */
function withoutLeave(budget: KubeObject): Typed[] {
  const type = 'DisruptionAllowed';
  const before = conditionsOf(budget).find((condition) => condition.type === type);
  const condition = {
    lastTransitionTime: timestamp(),
    message: '',
    ...(before?.status === 'False' ? before : {}),
    type,
    status: 'False',
    reason: 'InsufficientPods',
    ...(budget.status?.['observedGeneration'] ? { observedGeneration: budget.status['observedGeneration'] } : {}),
  };
  const others = conditionsOf(budget);
  return before ? others.map((one) => (one === before ? condition : one)) : [...others, condition];
}

/** Says on the pod why it goes, before it goes. */
async function markDisrupted(
  core: Core,
  pods: Registration,
  request: ApiRequest,
  { uid, resourceVersion }: { uid?: string; resourceVersion?: string },
): Promise<void> {
  const of = { ...request, info: { ...request.info, subresource: 'status' }, query: new URLSearchParams() };
  await change(beginWrite(core, pods, of, 'UpdateOptions'), 'status', (old) => {
    const { metadata } = old;
    const stale = (what: string, wanted: string, found: string | undefined, hint: string): ApiError =>
      conflict(
        { group: '', resource: 'Pod' },
        metadata.name,
        `the ${what} in the precondition (${wanted}) does not match the ${what} in record (${found}). The object might have been ${hint}`,
      );
    if (uid && uid !== metadata.uid) throw stale('UID', uid, metadata.uid, 'deleted and then recreated');
    if (resourceVersion && resourceVersion !== metadata.resourceVersion) {
      throw stale('ResourceVersion', resourceVersion, metadata.resourceVersion, 'modified');
    }
    const pod = cloneJson(old);
    const type = 'DisruptionTarget';
    const others = conditionsOf(pod).filter((condition) => condition.type !== type);
    const said = { type, status: 'True', reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' };
    const known = conditionsOf(old).find((condition) => condition.type === type && condition.status === 'True');
    const times = { lastProbeTime: null, lastTransitionTime: timestamp() };
    pod.status = { ...pod.status, conditions: [...others, { ...times, ...known, ...said }] };
    return { object: pod, review: null };
  });
}
