import {
  badRequest,
  builtinTypeName,
  cloneJson,
  embeddedResources,
  equalJson,
  type Fields,
  forbidden,
  groupResource,
  invalid,
  isFields,
  type KubeObject,
  type ManagedFieldsEntry,
  type ObjectMeta,
  type StatusCause,
  strictDecodingError,
  timestamp,
  trackUpdate,
  validateSchema,
  zeroValuesOf,
} from '../../machinery/index.ts';
import type { AdmissionRequest } from '../admission/request.ts';
import type { UpdateStrategy } from '../contracts.ts';
import type { Registration } from '../registry/registration.ts';
import type { Decision } from '../store/store.ts';
import { conform, normalize } from './conform.ts';
import {
  bumpGeneration,
  embeddedMetadataErrors,
  forgetIdentity,
  hasStatus,
  keepIdentity,
  metadataErrors,
  metadataUpdateErrors,
  stampNew,
} from './metadata.ts';
import type { Steps } from './steps.ts';
import { stored } from './stored.ts';
import { admissionRequest, type Write } from './write.ts';

/** What an object of this endpoint is when its body does not say. Custom resources have to. */
export function typeOf({ served, apiVersion, custom }: Registration): { apiVersion: string; kind: string } | undefined {
  return custom ? undefined : { apiVersion, kind: served.kind };
}

/** Checks that an object from a client is of the kind and version that its path says. Throws ApiError 400. */
export function checkKind(object: KubeObject, { served, apiVersion }: Registration): void {
  if (object.apiVersion !== apiVersion) {
    throw badRequest(
      `the API version in the data (${object.apiVersion}) does not match the expected API version (${apiVersion})`,
    );
  }
  if (object.kind !== served.kind) {
    throw badRequest(`the kind in the data (${object.kind}) does not match the expected kind (${served.kind})`);
  }
}

/**
 * An object of ours out of one from a client or a patch: wrong types are refused, unknown fields dropped, and reported
 * as the request's fieldValidation asks. Nothing of the result is shared with the argument.
 * @param duplicates paths of the fields that the request's body gives more than once.
 * @param asGiven true to keep empty fields as they are.
 */
export function admitFields(
  write: Write,
  object: KubeObject,
  duplicates: readonly string[] = [],
  asGiven = false,
): KubeObject {
  const { registration, query, request } = write;
  const { served } = registration;
  const typed = conform(registration, object, asGiven);
  const problems = [
    ...duplicates.map((path) => `duplicate field "${path}"`),
    ...typed.unknown.map((path) => `unknown field "${path}"`),
  ];
  if (problems.length > 0 && query.fieldValidation === 'Strict') {
    throw strictDecodingError(served.kind, served.version, problems);
  }
  if (query.fieldValidation === 'Warn') problems.forEach(request.warn);
  typed.object.apiVersion = registration.apiVersion;
  typed.object.kind = served.kind;
  // An empty list says that nobody owns anything any more, which its absence does not.
  if (!write.registration.custom && object.metadata.managedFields?.length === 0)
    typed.object.metadata.managedFields = [];
  return typed.object;
}

/** Whose errors they are: an object that two groups serve is that of the group in which it is stored. */
function blamed({ served, storage }: Registration): { group: string; kind: string } {
  return { group: storage.group, kind: served.kind };
}

/** What is wrong with everything but metadata. */
function contentErrors(
  registration: Registration,
  object: KubeObject,
  old: KubeObject | undefined,
  scope: UpdateScope,
): StatusCause[] {
  const { served, custom } = registration;
  if (custom) return [...validateSchema(object, served.schema, old ? { old } : {}), ...embeddedErrors(object, served)];
  return strategyOf(registration, scope)?.validate?.(object, old) ?? [];
}

/** What is wrong with the metadata of the resources that a custom resource has in it. */
function embeddedErrors(object: KubeObject, { schema }: Registration['served']): StatusCause[] {
  return [...embeddedResources(object, schema)].flatMap(({ resource: { metadata }, path }) =>
    isFields(metadata) ? embeddedMetadataErrors(metadata as Partial<ObjectMeta>, `${path}.metadata`) : [],
  );
}

/** The rules of a built-in kind for a write of the whole object or of a subresource. */
function strategyOf({ served }: Registration, scope: UpdateScope): UpdateStrategy | undefined {
  const { strategy } = served;
  return scope !== undefined && WITH_OWN_RULES.has(scope) ? strategy?.subresources?.[scope] : strategy;
}

/** While a CRD is being deleted, no more objects of its come to be. */
function refuseTerminating({ core, registration }: Write, name: string): void {
  if (!registration.custom) return;
  const crd = core.store.latest(
    { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
    { namespace: '', name: groupResource(registration.served) },
  );
  if (!crd?.object.metadata.deletionTimestamp) return;
  throw forbidden(registration.served, name, 'create not allowed while custom resource definition is terminating');
}

/**
 * The first part of a create: an object as its client, its defaults and admission want it. It may have no name yet.
 * `object` is changed in place.
 */
export function* completeNew(write: Write, object: KubeObject, applied?: ManagedFieldsEntry[]): Steps<KubeObject> {
  const { core, registration, request } = write;
  if (registration.served.namespaced) object.metadata.namespace = request.info.namespace;
  forgetIdentity(object);
  if (hasStatus(registration) && !registration.served.strategy?.keepsFirstStatus) clearStatus(object, registration);
  normalize(registration, object);
  own(write, object, undefined, applied, undefined);
  const question = admissionRequest(write, {
    operation: 'CREATE',
    object,
    old: undefined,
    name: object.metadata.name ?? '',
  });
  yield* core.admission.mutate(question);
  if (question.object !== object) normalize(registration, question.object);
  return question.object;
}

/** The last part of a create: what is stored of an object that is complete and has its name. It is changed in place. */
export function* finishCreate(write: Write, object: KubeObject): Steps<Decision> {
  const { core, registration, request } = write;
  const { served } = registration;
  refuseTerminating(write, object.metadata.name);
  stampNew(object, registration, request.info.namespace);
  served.strategy?.prepareForCreate?.(object, request.user);
  const question = admissionRequest(write, { operation: 'CREATE', object, old: undefined, name: object.metadata.name });
  core.admission.allocate(question);
  const errors = [
    ...metadataErrors(object, registration),
    ...contentErrors(registration, object, undefined, undefined),
  ];
  if (errors.length > 0) throw invalid(blamed(registration), object.metadata.name, errors);
  served.strategy?.warnings?.(object, undefined).forEach(request.warn);
  core.checkEscalation(request.user, object, undefined);
  yield* core.admission.validate(question);
  return { put: yield* stored(registration, object) };
}

/** Which part of an object an update is about: the whole (but status, where that is separate) or one subresource. */
export type UpdateScope = 'status' | 'approval' | 'scale' | 'finalize' | 'ephemeralcontainers' | 'resize' | undefined;

/** True for the subresources that change nothing but the status. */
export function isStatusScope(scope: UpdateScope): scope is 'status' | 'approval' {
  return scope === 'status' || scope === 'approval';
}

/** Subresources whose writes have rules of their own: those of the kind do not hold for them. */
const WITH_OWN_RULES = new Set<UpdateScope>(['status', 'approval', 'ephemeralcontainers', 'finalize', 'resize']);

/** Updates that change what an object asks for. */
const COUNTED = new Set<UpdateScope>([undefined, 'scale', 'ephemeralcontainers', 'resize']);

/** What a change makes of the current object. */
export interface Changed {
  /** Shares nothing with the current object. */
  object: KubeObject;
  /** For an apply: who owns what. */
  managedFields?: ManagedFieldsEntry[];
  /** What the client sent, where it counts as written though the endpoint does not write all of it. */
  sent?: KubeObject;
  /** True when the client asks for nothing in place of a value (no replicas in a Scale). */
  released?: boolean;
  /** What admission has completed and is to judge in place of the object: its Scale. null: it has judged already. */
  review?: AdmissionRequest | null;
}

/**
 * The last part of an update: what is stored of the changed object. That is changed in place; `old` is not.
 * A write that changes nothing keeps the stored object; one that lifts the last finalizer of a deleted object removes it.
 */
export function* finishUpdate(
  write: Write,
  changed: Changed,
  old: KubeObject,
  scope: UpdateScope,
): Steps<Decision | undefined> {
  const { core, registration, request } = write;
  const prepare = (object: KubeObject): void => {
    keepIdentity(object, old);
    if (!isStatusScope(scope) && hasStatus(registration)) restoreStatus(object, old);
    normalize(registration, object);
  };
  prepare(changed.object);
  own(write, changed.object, old, changed.managedFields, scope, changed);
  const subresource = scope === undefined ? {} : { subresource: scope };
  const question = admissionRequest(write, { operation: 'UPDATE', object: changed.object, old, ...subresource });
  if (changed.review === undefined) {
    yield* core.admission.mutate(question);
    if (question.object !== changed.object) prepare(question.object);
  }
  const { object } = question;
  const strategy = strategyOf(registration, scope);
  strategy?.prepareForUpdate?.(object, old);
  core.admission.allocate(question);
  if (COUNTED.has(scope)) bumpGeneration(object, old, registration);
  const errors = [
    ...metadataUpdateErrors(object, old),
    ...metadataErrors(object, registration),
    ...contentErrors(registration, object, old, scope),
  ];
  if (errors.length > 0) throw invalid(blamed(registration), object.metadata.name, errors);
  if (scope === undefined || WITH_OWN_RULES.has(scope)) strategy?.warnings?.(object, old).forEach(request.warn);
  core.checkEscalation(request.user, object, old);
  const review = changed.review === undefined ? question : changed.review;
  if (review) yield* core.admission.validate(review);
  if (unchanged(object, old)) return undefined;
  const kept = yield* stored(registration, object);
  return isReleased(object) ? { remove: true, last: kept } : { put: kept };
}

/** Clients do not choose the first status. That of a built-in kind is what Go makes of nothing. */
function clearStatus(object: KubeObject, { served, custom }: Registration): void {
  delete object.status;
  if (custom) return;
  const status = zeroValuesOf(builtinTypeName(served.schema)).written.find(([field]) => field === 'status');
  if (status) object.status = status[1]() as Fields;
}

function restoreStatus(object: KubeObject, old: KubeObject): void {
  if (old.status === undefined) delete object.status;
  else object.status = cloneJson(old.status);
}

/** Records which manager set which fields: before admission, whose additions nobody owns. An apply has worked that out. */
function own(
  { query, registration }: Write,
  object: KubeObject,
  old: KubeObject | undefined,
  applied: ManagedFieldsEntry[] | undefined,
  scope: UpdateScope,
  { sent = object, released }: { sent?: KubeObject; released?: boolean } = {},
): void {
  const { metadata } = object;
  const { status: _, ...withoutStatus } = object;
  const managed =
    applied ??
    trackUpdate({
      old,
      // The first status is the server's.
      updated: !old && hasStatus(registration) ? (withoutStatus as KubeObject) : sent,
      released,
      manager: query.fieldManager,
      schema: registration.served.schema,
      apiVersion: registration.apiVersion,
      now: timestamp(),
      ...(scope === undefined ? {} : { subresource: scope }),
    });
  if (managed === undefined || managed.length === 0) delete metadata.managedFields;
  else metadata.managedFields = managed;
}

/** True when nothing but the times in managedFields differs. */
function unchanged(object: KubeObject, old: KubeObject): boolean {
  const content = ({ metadata, ...rest }: KubeObject): unknown => ({
    ...rest,
    metadata: {
      ...metadata,
      resourceVersion: undefined,
      managedFields: metadata.managedFields?.map(({ time: _, ...entry }) => entry),
    },
  });
  return equalJson(content(object), content(old));
}

/** True for a deleted object that nothing holds back any more. */
export function isReleased({ metadata, kind, apiVersion, spec }: KubeObject): boolean {
  if (!metadata.deletionTimestamp || (metadata.finalizers?.length ?? 0) > 0) return false;
  const namespaceFinalizers = kind === 'Namespace' && apiVersion === 'v1' ? spec?.['finalizers'] : undefined;
  if (Array.isArray(namespaceFinalizers) && namespaceFinalizers.length > 0) return false;
  return (metadata.deletionGracePeriodSeconds ?? 0) === 0;
}
