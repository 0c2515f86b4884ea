import { ApiError, groupResource, notFound } from '../../machinery/index.ts';
import type { Core } from '../core.ts';
import type { Registration } from '../registry/registration.ts';
import { bind } from './binding.ts';
import { answerComputed } from './computed.ts';
import { create } from './create.ts';
import { remove, removeCollection } from './delete.ts';
import { evict } from './eviction.ts';
import { patch } from './patch.ts';
import { get, list, watch } from './read.ts';
import type { ApiRequest, Outcome } from './request.ts';
import { scale } from './scale.ts';
import { answerVirtual } from './subresources.ts';
import { update } from './update.ts';

/** 404 for a path that nothing serves. */
export function noSuchResource(): ApiError {
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});
}

/** 405 for a verb that a resource does not have. */
export function methodNotAllowed(): ApiError {
  return new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

/** Does what an authorized request for a resource asks for. Throws ApiError. */
export async function dispatch(core: Core, request: ApiRequest): Promise<Outcome> {
  const { group, version, resource, subresource } = request.info;
  const registration = core.registry.find(group, version, resource);
  if (!registration) throw noSuchResource();
  const { served } = registration;
  checkScope(served.namespaced, request);
  const deprecation = registration.custom?.deprecationWarning ?? served.strategy?.deprecation;
  if (deprecation) request.warn(deprecation);
  return subresource === '' ? onResource(core, registration, request) : onSubresource(core, registration, request);
}

/** Refuses a path that names a namespace where the resource has none, or none where it has one. Throws ApiError 404 or 405. */
function checkScope(namespaced: boolean, { info }: ApiRequest): void {
  const { namespace, name, resource, verb } = info;
  if (namespaced) {
    // Reads of a collection may go over all namespaces.
    if (namespace !== '' || verb === 'list' || verb === 'watch') return;
    throw name === '' ? methodNotAllowed() : noSuchResource();
  }
  // Authorization takes a namespace to be inside itself. Under another one it would pass for that one's content.
  const itself = resource === 'namespaces' && namespace === name;
  if (namespace !== '' && !itself) throw noSuchResource();
}

function onResource(core: Core, registration: Registration, request: ApiRequest): Outcome | Promise<Outcome> {
  const { served } = registration;
  const { verb } = request.info;
  if (served.virtual && verb === 'create') {
    if (served.resource === 'bindings' && served.group === '') return bind(core, pods(core), request);
    return answerVirtual(core, groupResource(served), registration, request);
  }
  if (!(served.verbs as readonly string[]).includes(verb)) throw methodNotAllowed();
  const computed = core.computed.get(groupResource(served));
  if (computed) return answerComputed(computed, registration, request, core.store.revision);
  switch (verb) {
    case 'get':
      return get(core, registration, request);
    case 'list':
      return list(core, registration, request);
    case 'watch':
      return watch(core, registration, request);
    case 'create':
      // A name in the path of a POST is nobody's.
      if (request.info.name !== '') throw methodNotAllowed();
      return create(core, registration, request);
    case 'update':
      return update(core, registration, request, undefined);
    case 'patch':
      return patch(core, registration, request, undefined);
    case 'delete':
      return remove(core, registration, request);
    default:
      return removeCollection(core, registration, request);
  }
}

function pods(core: Core): Registration {
  const registration = core.registry.find('', 'v1', 'pods');
  if (!registration) throw noSuchResource();
  return registration;
}

function onSubresource(core: Core, registration: Registration, request: ApiRequest): Outcome | Promise<Outcome> {
  const { served } = registration;
  const { verb, subresource } = request.info;
  const info = served.subresources.find(({ name }) => name === subresource);
  if (!info) throw noSuchResource();
  if (!(info.verbs as readonly string[]).includes(verb)) throw methodNotAllowed();
  switch (subresource) {
    case 'status':
    case 'ephemeralcontainers':
    case 'resize':
    case 'approval':
      if (verb === 'get') return get(core, registration, request);
      return verb === 'patch'
        ? patch(core, registration, request, subresource)
        : update(core, registration, request, subresource);
    case 'scale':
      return scale(core, registration, request);
    case 'binding':
      return bind(core, registration, request);
    case 'eviction':
      return evict(core, registration, request);
    case 'finalize':
      // The only way to change a namespace's spec.finalizers.
      return update(core, registration, request, 'finalize');
    case 'token':
      if (!core.store.latest(registration.storage, { namespace: request.info.namespace, name: request.info.name })) {
        throw notFound(served, request.info.name);
      }
      return answerVirtual(core, 'serviceaccounts/token', undefined, request);
    default:
      throw new ApiError(400, 'BadRequest', `Upgrade request required for ${served.resource}/${subresource}`);
  }
}
