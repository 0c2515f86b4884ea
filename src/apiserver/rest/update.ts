import {
  badRequest,
  cloneJson,
  conflict,
  invalid,
  invalidValue,
  type KubeObject,
  notFound,
} from '../../machinery/index.ts';
import type { Core } from '../core.ts';
import type { Registration } from '../registry/registration.ts';
import type { Decision } from '../store/store.ts';
import { commit, STALE } from './commit.ts';
import { checkNamespace, prepareCreate } from './create.ts';
import { decodeStrictly } from './decode.ts';
import {
  admitFields,
  type Changed,
  checkKind,
  completeNew,
  finishCreate,
  finishUpdate,
  isStatusScope,
  typeOf,
  type UpdateScope,
} from './journey.ts';
import { checkPreconditions } from './metadata.ts';
import { objectKeyOf } from './read.ts';
import type { ApiRequest, Outcome } from './request.ts';
import type { Steps } from './steps.ts';
import { viewable } from './stored.ts';
import { beginWrite, type Write } from './write.ts';

/** PUT of a whole object, or of its status. */
export async function update(
  core: Core,
  registration: Registration,
  request: ApiRequest,
  scope: UpdateScope,
): Promise<Outcome> {
  const write = beginWrite(core, registration, request, 'UpdateOptions');
  const { value: body, duplicates } = decodeStrictly(request, typeOf(registration));
  checkKind(body, registration);
  const object = admitFields(write, body, duplicates);
  checkNamespace(write, object);
  if (object.metadata.name !== request.info.name) {
    if (object.metadata.name) {
      throw badRequest(
        `the name of the object (${object.metadata.name}) does not match the name on the URL (${request.info.name})`,
      );
    }
    object.metadata.name = request.info.name;
  }
  const make = (old: KubeObject): Changed => {
    checkVersion(write, object, old);
    // Its admission may have to begin again.
    return narrowed(cloneJson(object), old, scope, registration);
  };
  if (scope !== undefined || !registration.served.strategy?.createsOnUpdate) return change(write, scope, make);
  if (!core.store.latest(registration.storage, objectKeyOf(registration, request))) {
    await prepareCreate(write, object);
  }
  return change(write, scope, make, () => createdByUpdate(write, cloneJson(object)));
}

/** What a PUT stores where there is nothing yet: it must not have been made from something that was there. */
function* createdByUpdate(write: Write, object: KubeObject): Steps<Decision> {
  const { uid, resourceVersion } = object.metadata;
  if (uid || resourceVersion) throw notFound(write.registration.served, object.metadata.name);
  return yield* finishCreate(write, yield* completeNew(write, object));
}

/** 409 for an object that was read before someone else's write; some kinds must say what they were read at. */
export function checkVersion({ registration }: Write, object: KubeObject, old: KubeObject): void {
  const { served, custom } = registration;
  const { resourceVersion, name } = object.metadata;
  if (!resourceVersion && (custom || served.strategy?.needsVersion)) {
    const detail = 'must be specified for an update';
    throw invalid({ group: served.group, kind: served.resource }, name, [
      invalidValue('metadata.resourceVersion', 0, detail),
    ]);
  }
  checkStale(registration, object, old);
}

/** 409 when an object names another uid or another version than the stored one has. */
export function checkStale(registration: Registration, object: KubeObject, old: KubeObject): void {
  const { resourceVersion, uid, name } = object.metadata;
  checkPreconditions(registration, old, { uid });
  if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) {
    throw conflict(registration.served, name, STALE);
  }
}

/** Metadata that an update of the status of some built-in kinds leaves alone. */
export const KEPT_METADATA: Readonly<Record<string, 'labels' | 'ownerReferences'>> = {
  Deployment: 'labels',
  Pod: 'ownerReferences',
};

/**
 * For an update of the status: the old object with the new status, and for a built-in kind with its new metadata, as
 * kube-apiserver has it. Of a custom resource the metadata counts as written, though it is not.
 */
export function narrowed(
  object: KubeObject,
  old: KubeObject,
  scope: UpdateScope,
  { served, custom }: Registration,
): Changed {
  if (!isStatusScope(scope)) return { object };
  const { status: _, metadata, ...rest } = old;
  const reset = custom || served.strategy?.keepsMetadataOnStatus;
  const narrow = { ...cloneJson(rest), metadata: cloneJson(reset ? metadata : object.metadata) } as KubeObject;
  const kept = custom ? undefined : KEPT_METADATA[served.kind];
  if (kept) Object.assign(narrow.metadata, { [kept]: cloneJson(metadata[kept]) });
  if (kept && narrow.metadata[kept] === undefined) delete narrow.metadata[kept];
  if (object.status !== undefined) narrow.status = object.status;
  return custom ? { object: narrow, sent: { ...narrow, metadata: object.metadata } } : { object: narrow };
}

/**
 * Changes an existing object: `make` sees the object as it is after all earlier writes, so that nothing can come between.
 * `missing` decides about an object that does not exist; without it that is a 404.
 */
export async function change(
  write: Write,
  scope: UpdateScope,
  make: (old: KubeObject) => Changed | Steps<Changed>,
  missing?: () => Steps<Decision>,
): Promise<Outcome> {
  const { registration, request } = write;
  const key = objectKeyOf(registration, request);
  let created = false;
  const entry = await commit(write, key, function* (current) {
    created = current === undefined;
    if (!current) {
      if (!missing) throw notFound(registration.served, key.name);
      return yield* missing();
    }
    yield* viewable(registration, current);
    const old = registration.view(current).object;
    const making = make(old);
    const changed = 'object' in making ? making : yield* making;
    return (yield* finishUpdate(write, changed, old, scope)) ?? { keep: current };
  });
  await registration.prepare?.([entry]);
  return { kind: 'entry', code: created ? 201 : 200, registration, entry: registration.view(entry) };
}
