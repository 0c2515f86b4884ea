import {
  ApiError,
  aggregateOf,
  builtinSchema,
  cloneJson,
  conflict,
  type Fields,
  type KubeObject,
  notFound,
  requiredValue,
  type StatusCause,
  timestamp,
  unsupportedValue,
} from '../../machinery/index.ts';
import type { Core } from '../core.ts';
import { objectAt, textAt } from '../kinds/fields.ts';
import type { Registration } from '../registry/registration.ts';
import { decodeObject, decodeStrictly } from './decode.ts';
import { admitFields, checkKind, typeOf } from './journey.ts';
import { checkPreconditions } from './metadata.ts';
import type { ApiRequest, Outcome } from './request.ts';
import { type Steps, settle } from './steps.ts';
import { decodeTyped } from './typed.ts';
import { change } from './update.ts';
import { admissionRequest, beginWrite, type Write } from './write.ts';

interface Condition {
  type: string;
  [field: string]: unknown;
}

/** The answer of a create that stores nothing. */
export const CREATED = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };

/** POST pods/NAME/binding: puts a pod on a node, once. */
export async function bind(core: Core, pods: Registration, request: ApiRequest): Promise<Outcome> {
  const binding = decodeObject(request, { apiVersion: 'v1', kind: 'Binding' });
  const target = objectAt(binding, 'target') ?? {};
  const misplaced = targetErrors(target);
  // kube-apiserver wraps these in no Status of their own: clients get them as a 500 without a reason.
  if (misplaced.length > 0) throw new ApiError(500, '', aggregateOf(misplaced));
  const name = request.info.name || binding.metadata.name;
  const of = { ...request, info: { ...request.info, name, resource: 'pods' } };
  const write = beginWrite(core, pods, of, 'CreateOptions');
  await settle(admitNew(write, binding, 'binding'));
  await change(write, 'binding', (old) => {
    checkPreconditions(pods, old, binding.metadata);
    const refuse = (why: string): never => {
      throw conflict({ group: '', resource: 'pods/binding' }, name, why);
    };
    if (old.metadata.deletionTimestamp) refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
    const assigned = old.spec?.['nodeName'];
    if (assigned) refuse(`pod ${name} is already assigned to node ${JSON.stringify(assigned)}`);
    const gates = old.spec?.['schedulingGates'];
    if (Array.isArray(gates) && gates.length > 0) refuse(`pod ${name} has non-empty .spec.schedulingGates`);
    const pod = cloneJson(old);
    pod.spec = { ...pod.spec, nodeName: target['name'] };
    if (binding.metadata.annotations) {
      pod.metadata.annotations = { ...pod.metadata.annotations, ...binding.metadata.annotations };
    }
    pod.status = { ...pod.status, conditions: withScheduled(pod) };
    return { object: pod, review: null };
  });
  return { kind: 'value', code: 201, value: CREATED };
}

function targetErrors(target: Fields): StatusCause[] {
  const kind = textAt(target, 'kind');
  return [
    ...(kind === '' || kind === 'Node' ? [] : [unsupportedValue('target.kind', kind, ['Node', '<empty>'])]),
    ...(textAt(target, 'name') === '' ? [requiredValue('target.name')] : []),
  ];
}

function withScheduled(pod: KubeObject): Condition[] {
  const conditions = ((pod.status?.['conditions'] as Condition[] | undefined) ?? []).filter(
    ({ type }) => type !== 'PodScheduled',
  );
  return [
    ...conditions,
    { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: timestamp() },
  ];
}

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
