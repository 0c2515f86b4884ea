import {
  ApiError,
  alreadyExists,
  badRequest,
  cloneJson,
  invalid,
  isReason,
  type KubeObject,
  requiredValue,
} from '../../machinery/index.ts';
import type { Core } from '../core.ts';
import type { Registration } from '../registry/registration.ts';
import { commit } from './commit.ts';
import { normalize } from './conform.ts';
import { decodeStrictly } from './decode.ts';
import { admitFields, checkKind, completeNew, finishCreate, typeOf } from './journey.ts';
import { generatedName } from './metadata.ts';
import type { ApiRequest, Outcome } from './request.ts';
import { settle } from './steps.ts';
import { beginWrite, type Write } from './write.ts';

/** How often a generated name that is taken is made anew (upstream's RetryGenerateName). */
const NAME_ATTEMPTS = 8;

/** POST of a new object. */
export async function create(core: Core, registration: Registration, request: ApiRequest): Promise<Outcome> {
  const write = beginWrite(core, registration, request, 'CreateOptions');
  const { value: body, duplicates } = decodeStrictly(request, typeOf(registration));
  checkKind(body, registration);
  const given = admitFields(write, body, duplicates);
  checkNamespace(write, given);
  await prepareCreate(write, given);
  if (given.metadata.resourceVersion) {
    throw new ApiError(500, 'InternalError', 'resourceVersion should not be set on objects to be created');
  }
  const object = await settle(completeNew(write, given));
  const { name, generateName } = object.metadata;
  if (name) return store(write, object);
  if (!generateName) {
    throw invalid(registration.served, '', [requiredValue('metadata.name', 'name or generateName is required')]);
  }
  for (let attempt = 1; ; attempt++) {
    const named = cloneJson(object);
    named.metadata.name = generatedName(generateName);
    normalize(registration, named);
    try {
      return await store(write, named);
    } catch (error) {
      if (attempt === NAME_ATTEMPTS || !isReason(error, 'AlreadyExists')) throw error;
    }
  }
}

/** What comes before a create is decided: waits for what is about to be. */
export async function prepareCreate(write: Write, object: KubeObject): Promise<void> {
  await write.core.admission.ready(write.registration, write.request.info.namespace, object);
}

/** A namespace in the object must be the one in the path. */
export function checkNamespace({ registration, request }: Write, object: KubeObject): void {
  const wanted = registration.served.namespaced ? request.info.namespace : '';
  const given = object.metadata.namespace ?? '';
  if (registration.served.namespaced && wanted === '') {
    throw badRequest('an empty namespace may not be set during creation');
  }
  if (given !== '' && given !== wanted) {
    throw badRequest(
      `the namespace of the provided object does not match the namespace sent on the request (${given} != ${wanted})`,
    );
  }
}

async function store(write: Write, object: KubeObject): Promise<Outcome> {
  const { registration, request } = write;
  const key = { namespace: registration.served.namespaced ? request.info.namespace : '', name: object.metadata.name };
  const entry = await commit(write, key, function* (current) {
    const decision = yield* finishCreate(write, object);
    if (current) throw taken(registration.served, current.object);
    return decision;
  });
  await registration.prepare?.([entry]);
  return { kind: 'entry', code: 201, registration, entry: registration.view(entry) };
}

/** 409 for a name that is taken, if only by an object that is on its way out. */
function taken(served: Registration['served'], { metadata }: KubeObject): ApiError {
  const error = alreadyExists(served, metadata.name);
  if (!metadata.deletionTimestamp) return error;
  return new ApiError(error.code, error.reason, `object is being deleted: ${error.message}`, error.details);
}
