import { applyServerSide, badRequest, isFields, type KubeObject, timestamp } from '../../machinery/index.ts';
import type { Registration } from '../registry/registration.ts';
import { prepareCreate } from './create.ts';
import { asObject } from './decode.ts';
import {
  admitFields,
  type Changed,
  checkKind,
  completeNew,
  finishCreate,
  isStatusScope,
  type UpdateScope,
} from './journey.ts';
import { hasStatus } from './metadata.ts';
import { objectKeyOf } from './read.ts';
import type { Outcome } from './request.ts';
import { change, checkStale, KEPT_METADATA, narrowed } from './update.ts';
import type { Write } from './write.ts';

/** Server-side apply (KEP-555): creates what is missing, merges by owner what is there. */
export async function apply(
  write: Write,
  body: unknown,
  duplicates: readonly string[],
  scope: UpdateScope,
): Promise<Outcome> {
  const { core, registration, request } = write;
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
  admitFields(write, given, duplicates, true);
  const applied = relevant(given, registration, scope);
  const merge = (live: KubeObject | undefined): Changed => {
    const merged = applyServerSide({
      live,
      applied,
      manager: write.query.fieldManager,
      schema: registration.served.schema,
      force: write.query.force,
      apiVersion: registration.apiVersion,
      now: timestamp(),
      separate: scope === undefined && hasStatus(registration) ? 'status' : undefined,
      ...(scope === undefined ? {} : { subresource: scope }),
    });
    const object = admitFields(quietly(write), merged);
    return { object, managedFields: merged.metadata.managedFields ?? [] };
  };
  const missing = function* (): ReturnType<typeof finishCreate> {
    const { object, managedFields } = merge(undefined);
    delete object.metadata.resourceVersion;
    return yield* finishCreate(write, yield* completeNew(write, object, managedFields));
  };
  const creates = scope === undefined && !applied.metadata.uid;
  if (creates && !core.store.latest(registration.storage, objectKeyOf(registration, request))) {
    await prepareCreate(write, applied);
  }
  return change(
    write,
    scope,
    (live) => {
      checkStale(registration, applied, live);
      const { object, managedFields } = merge(live);
      return { ...narrowed(object, live, scope, registration), managedFields: managedFields ?? [] };
    },
    creates ? missing : undefined,
  );
}

/** What was said about the applied object need not be said again about the merged one. */
function quietly(write: Write): Write {
  return { ...write, query: { ...write.query, fieldValidation: 'Ignore' } };
}

/** The part of an applied configuration that the endpoint is about: an apply cannot own what it cannot set. */
function relevant(object: KubeObject, registration: Registration, scope: UpdateScope): KubeObject {
  if (isStatusScope(scope)) {
    const { apiVersion, kind, metadata, status } = object;
    const kept = registration.custom ? undefined : KEPT_METADATA[kind];
    if (kept) delete metadata[kept];
    return { apiVersion, kind, metadata, ...(isFields(status) ? { status } : {}) };
  }
  if (hasStatus(registration)) delete object['status'];
  return object;
}
