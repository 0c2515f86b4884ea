import { ApiError, builtinSchema, type KubeObject, notFound } from '../../machinery/index.ts';
import type { Core } from '../core.ts';
import type { Registration } from '../registry/registration.ts';
import { decodeStrictly } from './decode.ts';
import { admitFields, checkKind, typeOf } from './journey.ts';
import type { ApiRequest, Outcome } from './request.ts';
import { type Steps, settle } from './steps.ts';
import { decodeTyped } from './typed.ts';
import { admissionRequest, beginWrite, type Write } from './write.ts';

/** The answer of a create that stores nothing. */
export const CREATED = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };

/** Admission of what is created and never stored. Returns the completed object. */
export function* admitNew(write: Write, object: KubeObject, subresource: string | undefined): Steps<KubeObject> {
  const { admission } = write.core;
  const about = subresource === undefined ? {} : { subresource };
  if (subresource === 'binding' || subresource === 'eviction')
    object.metadata.namespace ??= write.request.info.namespace;
  const question = admissionRequest(write, { operation: 'CREATE', object, old: undefined, ...about });
  yield* admission.mutate(question);
  yield* admission.validate(question);
  return question.object;
}

function serviceAccounts(core: Core): Registration {
  const registration = core.registry.find('', 'v1', 'serviceaccounts');
  if (!registration) throw new Error('service accounts are not served');
  return registration;
}

/** A create of what is never stored: a review, or a token request for a service account. */
export async function answerVirtual(
  core: Core,
  id: string,
  registration: Registration | undefined,
  request: ApiRequest,
): Promise<Outcome> {
  const handler = core.virtual.get(id);
  if (!handler) throw notFound({ group: request.info.group, resource: request.info.resource }, request.info.name);
  const { value: object, duplicates } = decodeStrictly(request, registration ? typeOf(registration) : TOKEN_REQUEST);
  if (registration) checkKind(object, registration);
  if (object.metadata.namespace && object.metadata.namespace !== request.info.namespace) {
    throw new ApiError(
      400,
      'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  }
  const write = beginWrite(core, registration ?? serviceAccounts(core), request, 'CreateOptions');
  const typed = registration ? admitFields(write, object, duplicates) : asTokenRequest(object);
  const admitted = await settle(admitNew(write, typed, registration ? undefined : 'token'));
  const value = await handler(request.user, admitted, request.info.namespace, request.info.name, request.warn);
  return { kind: 'value', code: 201, value };
}

const TOKEN_REQUEST = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' };

function asTokenRequest(object: KubeObject): KubeObject {
  const { apiVersion, kind } = TOKEN_REQUEST;
  return decodeTyped({ ...object, apiVersion, kind }, builtinSchema(apiVersion, kind) ?? {}).object;
}
