import {
  ApiError,
  aggregateOf,
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
import { commit } from './commit.ts';
import { decodeObject } from './decode.ts';
import { checkPreconditions } from './metadata.ts';
import { objectKeyOf } from './read.ts';
import type { ApiRequest, Outcome } from './request.ts';
import { settle } from './steps.ts';
import { stored, viewable } from './stored.ts';
import { admitNew, CREATED } from './subresources.ts';
import { beginWrite } from './write.ts';

/**
 * POST pods/NAME/binding: puts a pod on a node, once. The pod itself is not judged again and nobody comes to own what
 * changes of it: kube-apiserver, too, writes that past everything an update passes through.
 */
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
  const key = objectKeyOf(pods, of);
  await commit(write, key, function* (current) {
    if (!current) throw notFound(pods.served, key.name);
    yield* viewable(pods, current);
    const old = pods.view(current).object;
    checkPreconditions(pods, old, binding.metadata);
    refuseUnbindable(old);
    return { put: yield* stored(pods, bound(old, textAt(target, 'name'), binding.metadata.annotations)) };
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

function refuseUnbindable({ metadata, spec }: KubeObject): void {
  const refuse = (why: string): never => {
    throw conflict({ group: '', resource: 'pods/binding' }, metadata.name, `pod ${metadata.name} ${why}`);
  };
  if (metadata.deletionTimestamp) refuse('is being deleted, cannot be assigned to a host');
  const assigned = spec?.['nodeName'];
  if (assigned) refuse(`is already assigned to node ${JSON.stringify(assigned)}`);
  const gates = spec?.['schedulingGates'];
  if (Array.isArray(gates) && gates.length > 0) refuse('has non-empty .spec.schedulingGates');
}

/** The pod on its node; what has not changed of it is shared. */
function bound(old: KubeObject, nodeName: string, annotations: Record<string, string> | undefined): KubeObject {
  const metadata = annotations
    ? { ...old.metadata, annotations: { ...old.metadata.annotations, ...annotations } }
    : old.metadata;
  const conditions = (old.status?.['conditions'] as { type: string }[] | undefined) ?? [];
  const scheduled = { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: timestamp() };
  return {
    ...old,
    metadata,
    spec: { ...old.spec, nodeName },
    status: { ...old.status, conditions: [...conditions.filter(({ type }) => type !== 'PodScheduled'), scheduled] },
  };
}
