import {
  applyJsonPatch,
  applyMergePatch,
  applyServerSide,
  applyStrategicPatch,
  badRequest,
  type KubeObject,
} from '../../machinery/index.ts';
import type { Core } from '../core.ts';
import type { Registration } from '../registry/registration.ts';
import { timestamp } from '../time.ts';
import { asObject, decodeValue, unsupportedMediaType } from './decode.ts';
import { admitFields, checkKind, finishCreate, type UpdateScope, type Write } from './journey.ts';
import { isObject } from './json.ts';
import { hasStatus } from './metadata.ts';
import { writeQuery } from './query.ts';
import type { ApiRequest, Outcome } from './request.ts';
import { type Changed, change, checkVersion, narrowed } from './update.ts';

const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
const APPLY_PATCH = 'application/apply-patch+yaml';

/** Applies a patch that is no apply to any object, by its media type. Throws ApiError 415 for another. */
export function patched(
  object: KubeObject,
  patch: unknown,
  contentType: string,
  schema: Registration['served']['schema'] | undefined,
): KubeObject {
  if (contentType === JSON_PATCH) return applyJsonPatch(object, patch);
  if (contentType === MERGE_PATCH) return applyMergePatch(object, patch);
  if (contentType === STRATEGIC_PATCH && schema) return applyStrategicPatch(object, patch, schema);
  const strategic = schema ? [STRATEGIC_PATCH] : [];
  throw unsupportedMediaType([JSON_PATCH, MERGE_PATCH, ...strategic, APPLY_PATCH]);
}

/** PATCH of an object or its status. The patch meets the newest state, so it never conflicts unless it asks to. */
export async function patch(
  core: Core,
  registration: Registration,
  request: ApiRequest,
  scope: UpdateScope,
): Promise<Outcome> {
  const write: Write = { core, registration, request, query: writeQuery(request, 'PatchOptions') };
  const body = decodeValue(request);
  if (request.contentType === APPLY_PATCH) return apply(write, body, scope);
  const schema = registration.custom ? undefined : registration.served.schema;
  return change(write, scope, (old) => {
    const object = admitFields(write, patched(old, body, request.contentType, schema));
    if (object.metadata.resourceVersion === undefined)
      object.metadata.resourceVersion = old.metadata.resourceVersion ?? '';
    checkVersion(write, object, old);
    if (object.metadata.name !== old.metadata.name) {
      throw badRequest(
        `the name of the object (${object.metadata.name}) does not match the name on the URL (${old.metadata.name})`,
      );
    }
    return { object: narrowed(object, old, scope) };
  });
}

/** Server-side apply (KEP-555): creates what is missing, merges by owner what is there. */
async function apply(write: Write, body: unknown, scope: UpdateScope): Promise<Outcome> {
  const { registration, request } = write;
  const given = asObject(body);
  checkKind(given, registration);
  given.metadata.name ??= request.info.name;
  if (given.metadata.name !== request.info.name) {
    throw badRequest(
      `the name of the object (${given.metadata.name}) does not match the name on the URL (${request.info.name})`,
    );
  }
  if (given.metadata.managedFields && given.metadata.managedFields.length > 0) {
    throw badRequest('metadata.managedFields must be nil');
  }
  const applied = relevant(admitFields(write, given), registration, scope);
  if (registration.served.namespaced) applied.metadata.namespace ??= request.info.namespace;
  const merge = (live: KubeObject | undefined): Changed => {
    const merged = applyServerSide({
      live,
      applied,
      manager: write.query.fieldManager,
      schema: registration.served.schema,
      force: write.query.force,
      apiVersion: registration.apiVersion,
      now: timestamp(),
      ...(scope === undefined ? {} : { subresource: scope }),
    });
    const object = admitFields(quietly(write), merged);
    return { object, managedFields: merged.metadata.managedFields ?? [] };
  };
  const missing = (): ReturnType<typeof finishCreate> => {
    const { object, managedFields } = merge(undefined);
    delete object.metadata.resourceVersion;
    return finishCreate(write, object, managedFields);
  };
  return change(
    write,
    scope,
    (live) => {
      checkVersion(
        write,
        {
          ...applied,
          metadata: {
            ...applied.metadata,
            resourceVersion: applied.metadata.resourceVersion ?? live.metadata.resourceVersion ?? '',
          },
        },
        live,
      );
      const { object, managedFields } = merge(live);
      return { object: narrowed(object, live, scope), managedFields: managedFields ?? [] };
    },
    scope === undefined && !applied.metadata.uid ? missing : undefined,
  );
}

/** What was said about the applied object need not be said again about the merged one. */
function quietly(write: Write): Write {
  return { ...write, query: { ...write.query, fieldValidation: 'Ignore' } };
}

/** The part of an applied configuration that the endpoint is about: an apply cannot own what it cannot set. */
function relevant(object: KubeObject, registration: Registration, scope: UpdateScope): KubeObject {
  if (scope === 'status') {
    const { apiVersion, kind, metadata, status } = object;
    return { apiVersion, kind, metadata, ...(isObject(status) ? { status } : {}) };
  }
  if (hasStatus(registration)) delete object['status'];
  return object;
}
