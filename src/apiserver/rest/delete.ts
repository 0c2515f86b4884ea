import {
  cloneJson,
  type Fields,
  invalid,
  invalidValue,
  isReason,
  type KubeObject,
  notFound,
  timestamp,
} from '../../machinery/index.ts';
import { listPage } from '../cache/list.ts';
import type { Core } from '../core.ts';
import type { Registration } from '../registry/registration.ts';
import type { Entry } from '../store/entry.ts';
import type { Decision, Key } from '../store/store.ts';
import { commit } from './commit.ts';
import { decodeOptionalObject } from './decode.ts';
import { isReleased } from './journey.ts';
import { checkPreconditions } from './metadata.ts';
import { selectionOf, writeQuery } from './query.ts';
import { objectKeyOf } from './read.ts';
import type { ApiRequest, Outcome } from './request.ts';
import { RETURNS_DELETED } from './returns-deleted.ts';
import { viewable } from './stored.ts';
import { admissionRequest, beginWrite } from './write.ts';

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';
/** Keeps a deleted CRD until its objects are gone. */
export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';
const DEFAULT_GRACE_SECONDS = 30;
/** How many objects of a collection are on their way to being deleted at a time. */
const MAX_AT_ONCE = 256;

export interface DeleteOptions {
  gracePeriodSeconds: number | undefined;
  propagationPolicy: string | undefined;
  uid: string | undefined;
  resourceVersion: string | undefined;
  dryRun: boolean;
  /** The options as their client sent them; undefined if admission has been asked already. */
  given: Fields | undefined;
}

/** meta/v1 DeleteOptions from the body, or else from the query. Throws ApiError 422 for values out of range. */
export function deleteOptions(request: ApiRequest): DeleteOptions {
  const body = decodeOptionalObject(request) as (KubeObject & Record<string, unknown>) | undefined;
  const { query: parameters } = request;
  const query = writeQuery(request, 'DeleteOptions');
  const preconditions = body?.['preconditions'] as Record<string, string> | undefined;
  const grace =
    body?.['gracePeriodSeconds'] ??
    (parameters.has('gracePeriodSeconds') ? Number(parameters.get('gracePeriodSeconds')) : undefined);
  const orphan = body?.['orphanDependents'] ?? parameters.get('orphanDependents');
  const legacyPolicy = orphan === true || orphan === 'true' ? 'Orphan' : undefined;
  const policy = body?.['propagationPolicy'] ?? parameters.get('propagationPolicy') ?? legacyPolicy;
  const dryRun = body?.['dryRun'];
  const options = { group: 'meta.k8s.io', kind: 'DeleteOptions' };
  if (grace !== undefined && !Number.isInteger(grace)) {
    throw invalid(options, '', [invalidValue('gracePeriodSeconds', grace, 'must be an integer')]);
  }
  if (policy != null && policy !== '' && !['Foreground', 'Background', 'Orphan'].includes(String(policy))) {
    const detail = 'must be one of "Foreground", "Background", "Orphan"';
    throw invalid(options, '', [invalidValue('propagationPolicy', policy, detail)]);
  }
  return {
    gracePeriodSeconds: grace === undefined ? undefined : Math.max(0, grace as number),
    propagationPolicy: policy ? String(policy) : undefined,
    uid: preconditions?.['uid'],
    resourceVersion: preconditions?.['resourceVersion'],
    dryRun: (Array.isArray(dryRun) && dryRun.includes('All')) || query.dryRun,
    given: given(body, query.options, { gracePeriodSeconds: grace, propagationPolicy: policy || undefined }),
  };
}

/** The options as a client sent them: in a body, or else in the query. */
function given(body: KubeObject | undefined, query: Fields, parameters: Fields): Fields {
  if (!body)
    return { ...query, ...Object.fromEntries(Object.entries(parameters).filter(([, value]) => value != null)) };
  const { metadata: _, kind, apiVersion, ...options } = body;
  return { ...query, ...options };
}

/** DELETE of one object. */
export async function remove(core: Core, registration: Registration, request: ApiRequest): Promise<Outcome> {
  const key = objectKeyOf(registration, request);
  const { entry, removed } = await deleteOne(core, registration, request, key, deleteOptions(request));
  const { served } = registration;
  if (!removed || (!served.custom && RETURNS_DELETED.has(served.kind))) {
    await registration.prepare?.([entry]);
    return { kind: 'entry', code: 200, registration, entry: registration.view(entry) };
  }
  const uid = entry.object.metadata.uid;
  const details = { name: key.name, ...(served.group ? { group: served.group } : {}), kind: served.resource, uid };
  const value = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
  return { kind: 'value', code: 200, value };
}

/** DELETE of every object in a selection. */
export async function removeCollection(core: Core, registration: Registration, request: ApiRequest): Promise<Outcome> {
  const options = deleteOptions(request);
  const selection = selectionOf(request, registration);
  const cache = core.store.cache(registration.storage);
  const { entries: selected } = await listPage(cache, core.store.revision, selection, { limit: 0 });
  const deleted: Entry[] = [];
  const left = selected.values();
  // The workers share what is left; one that does not wait for admission leaves the next object to the same transaction.
  await Promise.all(
    Array.from({ length: Math.min(selected.length, MAX_AT_ONCE) }, async () => {
      for (const { namespace, name } of left) {
        try {
          deleted.push((await deleteOne(core, registration, request, { namespace, name }, options)).entry);
        } catch (error) {
          if (!isReason(error, 'NotFound')) throw error;
        }
      }
    }),
  );
  await registration.prepare?.(deleted);
  return { kind: 'list', registration, page: { entries: deleted, revision: core.store.revision } };
}

/** Deletes one object, at once or in steps (grace, finalizers); says which. */
export async function deleteOne(
  core: Core,
  registration: Registration,
  request: ApiRequest,
  key: Key,
  options: DeleteOptions,
): Promise<{ entry: Entry; removed: boolean }> {
  const write = { ...beginWrite(core, registration, request, 'DeleteOptions'), dryRun: options.dryRun };
  let removed = false;
  const entry = await commit(write, key, function* (current) {
    if (!current) throw notFound(registration.served, key.name);
    checkPreconditions(registration, current.object, options);
    yield* viewable(registration, current);
    const old = registration.view(current).object;
    if (options.given) {
      // As upstream: who deletes a collection names none of it.
      const name = request.info.verb === 'deletecollection' ? '' : key.name;
      const about = { operation: 'DELETE', object: old, old, namespace: key.namespace, name } as const;
      const question = admissionRequest(write, { ...about, options: options.given });
      yield* core.admission.mutate(question);
      yield* core.admission.validate(question);
    }
    const decision = deletion(current.object, current, options);
    removed = 'remove' in decision;
    return decision;
  });
  return { entry, removed };
}

/** What deleting an object means now: remove it, or mark it and wait for its grace period and finalizers. */
function deletion(old: KubeObject, current: Entry, options: DeleteOptions): Decision {
  const object = cloneJson(old);
  const { metadata } = object;
  setFinalizers(object, options.propagationPolicy);
  if (old.kind === 'CustomResourceDefinition') holdForCleanup(object);
  const grace = graceOf(old, options);
  const first = metadata.deletionTimestamp === undefined;
  const shorter = !first && grace < (metadata.deletionGracePeriodSeconds ?? 0);
  if (first || shorter) {
    const began = first
      ? Date.now()
      : Date.parse(metadata.deletionTimestamp ?? '') - (metadata.deletionGracePeriodSeconds ?? 0) * 1000;
    metadata.deletionTimestamp = timestamp((grace === 0 ? Date.now() : began) + grace * 1000);
    if (first && metadata.generation) metadata.generation++;
    // A namespace goes when it is empty: it has no grace period.
    if (isNamespace(object)) object.status = { ...object.status, phase: 'Terminating' };
    else metadata.deletionGracePeriodSeconds = grace;
  }
  if (isReleased(object)) return { remove: true };
  const sameFinalizers = String(metadata.finalizers) === String(old.metadata.finalizers);
  return first || shorter || !sameFinalizers ? { put: object } : { keep: current };
}

/** Foreground and orphan deletion are finalizers that the garbage collector acts on. */
function setFinalizers({ metadata }: KubeObject, policy: string | undefined): void {
  if (policy === undefined) return;
  const finalizers = (metadata.finalizers ?? []).filter((name) => name !== FOREGROUND && name !== ORPHAN);
  if (policy === 'Foreground') finalizers.push(FOREGROUND);
  if (policy === 'Orphan') finalizers.push(ORPHAN);
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;
}

/** A CRD goes after its objects: the custom resource server takes the finalizer away. */
function holdForCleanup({ metadata }: KubeObject): void {
  if (metadata.deletionTimestamp || metadata.finalizers?.includes(CLEANUP_FINALIZER)) return;
  metadata.finalizers = [...(metadata.finalizers ?? []), CLEANUP_FINALIZER];
}

const isNamespace = (object: KubeObject): boolean => object.kind === 'Namespace' && object.apiVersion === 'v1';

/** Seconds that a pod is given to end; everything else goes at once. */
function graceOf({ kind, apiVersion, spec, status }: KubeObject, { gracePeriodSeconds }: DeleteOptions): number {
  if (kind !== 'Pod' || apiVersion !== 'v1') return 0;
  if (!spec?.['nodeName'] || status?.['phase'] === 'Failed' || status?.['phase'] === 'Succeeded') return 0;
  return gracePeriodSeconds ?? Number(spec['terminationGracePeriodSeconds'] ?? DEFAULT_GRACE_SECONDS);
}
