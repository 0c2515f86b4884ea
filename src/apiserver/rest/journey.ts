import {
  ApiError,
  applySchemaDefaults,
  badRequest,
  builtinTypeName,
  cloneJson,
  equalJson,
  type Fields,
  groupResource,
  invalid,
  type KubeObject,
  type ManagedFieldsEntry,
  pruneUnknown,
  type Schema,
  type StatusCause,
  strictDecodingError,
  timestamp,
  trackUpdate,
  validateSchema,
  zeroValuesOf,
} from '../../machinery/index.ts';
import type { UpdateStrategy } from '../contracts.ts';
import type { Core } from '../core.ts';
import type { Registration } from '../registry/registration.ts';
import type { Decision } from '../store/store.ts';
import {
  bumpGeneration,
  dropEmpty,
  hasStatus,
  keepIdentity,
  metadataErrors,
  metadataUpdateErrors,
  stampNew,
} from './metadata.ts';
import type { WriteQuery } from './query.ts';
import type { ApiRequest } from './request.ts';
import { decodeTyped } from './typed.ts';

/** One write on its way: decode → default → admit → validate → own fields → store. */
export interface Write {
  readonly core: Core;
  readonly registration: Registration;
  readonly request: ApiRequest;
  readonly query: WriteQuery;
}

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
  const { served, custom } = registration;
  const typed = custom ? decodeCustom(object, served.schema) : decodeTyped(object, served.schema, asGiven);
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
  return typed.object;
}

/** A custom resource: metadata is read as its built-in type, the rest pruned by the schema. */
function decodeCustom(object: KubeObject, schema: Schema): { object: KubeObject; unknown: string[] } {
  const { apiVersion, kind, metadata } = object;
  const head = decodeTyped({ apiVersion, kind, metadata }, { type: 'object', properties: schema.properties ?? {} });
  const { object: pruned, removed } = pruneUnknown(cloneJson(object), schema);
  pruned.metadata = head.object.metadata;
  const unknown = new Set([...head.unknown, ...removed]);
  return { object: pruned, unknown: [...unknown].sort() };
}

/** Fills in defaults in place: those of a CRD's schema, or those of a built-in kind. */
function applyDefaults({ served, custom }: Registration, object: KubeObject): void {
  if (!custom) {
    served.strategy?.applyDefaults?.(object);
    return;
  }
  const defaulted = applySchemaDefaults(object, served.schema);
  for (const field of Object.keys(object)) if (!(field in defaulted)) delete object[field];
  Object.assign(object, defaulted);
}

/** What is wrong with everything but metadata. */
function contentErrors(
  registration: Registration,
  object: KubeObject,
  old: KubeObject | undefined,
  scope: UpdateScope,
): StatusCause[] {
  const { served, custom } = registration;
  if (custom) return validateSchema(object, served.schema, old === undefined ? {} : { old });
  return strategyOf(registration, scope)?.validate?.(object, old) ?? [];
}

/** The rules of a built-in kind for a write of the whole object or of a subresource. */
function strategyOf({ served }: Registration, scope: UpdateScope): UpdateStrategy | undefined {
  const { strategy } = served;
  return scope !== undefined && WITH_OWN_RULES.has(scope) ? strategy?.subresources?.[scope] : strategy;
}

/** While a CRD is being deleted, no more objects of its come to be. */
function refuseTerminating({ core, registration }: Write): void {
  if (!registration.custom) return;
  const crd = core.store.latest(
    { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
    { namespace: '', name: groupResource(registration.served) },
  );
  if (!crd?.object.metadata.deletionTimestamp) return;
  const why = 'create not allowed while custom resource definition is terminating';
  throw new ApiError(405, 'MethodNotAllowed', why, {});
}

/** The last part of a create: what is stored of a decoded object that has its name. `object` is changed in place. */
export function finishCreate(write: Write, object: KubeObject, applied?: ManagedFieldsEntry[]): Decision {
  const { core, registration, request, query } = write;
  const { served } = registration;
  refuseTerminating(write);
  stampNew(object, registration, request.info.namespace);
  dropEmpty(object);
  if (hasStatus(registration)) clearStatus(object, registration);
  applyDefaults(registration, object);
  core.admission.admit({
    operation: 'CREATE',
    registration,
    user: request.user,
    object,
    old: undefined,
    dryRun: query.dryRun,
    warn: request.warn,
    annotate: request.annotate,
  });
  served.strategy?.prepareForCreate?.(object);
  const errors = [
    ...metadataErrors(object, registration),
    ...contentErrors(registration, object, undefined, undefined),
  ];
  if (errors.length > 0) throw invalid(served, object.metadata.name, errors);
  served.strategy?.warnings?.(object, undefined).forEach(request.warn);
  core.checkEscalation(request.user, object, undefined);
  own(write, object, undefined, applied, undefined);
  return { put: registration.toStorage(object) };
}

/** Which part of an object an update is about: the whole (but status, where that is separate) or one subresource. */
export type UpdateScope = 'status' | 'scale' | 'finalize' | 'binding' | 'ephemeralcontainers' | 'resize' | undefined;

/** Subresources whose writes have rules of their own: those of the kind do not hold for them. */
const WITH_OWN_RULES = new Set<UpdateScope>(['status', 'binding', 'ephemeralcontainers', 'resize']);

/** Updates that change what an object asks for. */
const COUNTED = new Set<UpdateScope>([undefined, 'scale', 'ephemeralcontainers', 'resize']);

/**
 * The last part of an update: what is stored of the new object. `object` is changed in place; `old` is not.
 * A write that changes nothing keeps the stored object; one that lifts the last finalizer of a deleted object removes it.
 */
export function finishUpdate(
  write: Write,
  object: KubeObject,
  old: KubeObject,
  scope: UpdateScope,
  applied?: ManagedFieldsEntry[],
): Decision | undefined {
  const { core, registration, request, query } = write;
  const { served } = registration;
  keepIdentity(object, old);
  dropEmpty(object);
  if (scope !== 'status' && hasStatus(registration) && scope !== 'binding') restoreStatus(object, old);
  applyDefaults(registration, object);
  const subresource = scope === undefined ? {} : { subresource: scope };
  core.admission.admit({
    operation: 'UPDATE',
    registration,
    user: request.user,
    object,
    old,
    dryRun: query.dryRun,
    warn: request.warn,
    annotate: request.annotate,
    ...subresource,
  });
  const strategy = strategyOf(registration, scope);
  if (scope !== 'finalize') strategy?.prepareForUpdate?.(object, old);
  if (COUNTED.has(scope)) bumpGeneration(object, old, registration);
  const errors = [
    ...metadataUpdateErrors(object, old),
    ...metadataErrors(object, registration),
    ...contentErrors(registration, object, old, scope),
  ];
  if (errors.length > 0) throw invalid(served, object.metadata.name, errors);
  if (scope === undefined) served.strategy?.warnings?.(object, old).forEach(request.warn);
  core.checkEscalation(request.user, object, old);
  own(write, object, old, applied, scope);
  if (unchanged(object, old)) return undefined;
  if (isReleased(object)) return { remove: true, last: registration.toStorage(object) };
  return { put: registration.toStorage(object) };
}

/** Clients do not choose the first status. That of a built-in kind is what Go makes of nothing. */
function clearStatus(object: KubeObject, { served, custom }: Registration): void {
  delete object['status'];
  if (custom) return;
  const status = zeroValuesOf(builtinTypeName(served.schema)).written.find(([field]) => field === 'status');
  if (status) object.status = status[1]() as Fields;
}

function restoreStatus(object: KubeObject, old: KubeObject): void {
  if (old.status === undefined) delete object['status'];
  else object.status = cloneJson(old.status);
}

/** Records which manager set which fields. An apply has worked that out already. */
function own(
  write: Write,
  object: KubeObject,
  old: KubeObject | undefined,
  applied: ManagedFieldsEntry[] | undefined,
  scope: UpdateScope,
): void {
  const { metadata } = object;
  const managed =
    applied ??
    trackUpdate({
      old,
      updated: object,
      manager: write.query.fieldManager,
      schema: write.registration.served.schema,
      apiVersion: write.registration.apiVersion,
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
