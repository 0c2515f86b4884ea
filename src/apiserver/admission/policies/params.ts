import { type KubeObject, labelSelectorOf } from '../../../machinery/index.ts';
import { objectAt, textAt } from '../../kinds/fields.ts';
import type { Registration } from '../../registry/registration.ts';
import type { Registry } from '../../registry/registry.ts';
import type { Store } from '../../store/store.ts';
import type { AdmissionRequest } from '../request.ts';
import type { Binding, Policy } from './definitions.ts';

/** A policy or binding is set up so that it cannot be asked; the message says how, in kube-apiserver's words. */
export class ConfigurationError extends Error {}

/** The resource of a policy's parameters; undefined if it takes none. Throws ConfigurationError for one that nobody serves. */
export function paramResource({ paramKind }: Policy<unknown>, registry: Registry): Registration | undefined {
  if (!paramKind) return undefined;
  const { apiVersion, kind } = paramKind;
  const found = registry
    .all()
    .find((one) => one.apiVersion === apiVersion && one.served.kind === kind && !one.served.virtual);
  if (found) return found;
  throw new ConfigurationError(`failed to find resource referenced by paramKind: '${apiVersion}, Kind=${kind}'`);
}

/**
 * The parameters with which a binding has its policy evaluated, once for each: null for none. Empty if there are none and
 * that is allowed. Throws ConfigurationError.
 */
export function paramsOf(
  store: Store,
  resource: Registration | undefined,
  { paramRef }: Binding,
  request: AdmissionRequest,
): (KubeObject | null)[] {
  if (!resource || !paramRef) return [null];
  const namespace = namespaceOf(resource, textAt(paramRef, 'namespace'), request);
  const found = selected(store, resource, paramRef, namespace);
  if (found.length === 0 && paramRef['parameterNotFoundAction'] === 'Deny') {
    throw new ConfigurationError('no params found for policy binding with `Deny` parameterNotFoundAction');
  }
  return found;
}

function namespaceOf({ served }: Registration, given: string, request: AdmissionRequest): string {
  if (!served.namespaced) {
    if (given === '') return '';
    throw new ConfigurationError('paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
  }
  const namespace = given || request.namespace;
  if (namespace !== '') return namespace;
  throw new ConfigurationError(
    'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
  );
}

function selected(store: Store, resource: Registration, paramRef: object, namespace: string): KubeObject[] {
  const reference = paramRef as Record<string, unknown>;
  const { entries } = store.cache(resource.storage);
  const name = textAt(reference, 'name');
  if (name !== '') {
    const entry = entries.get(namespace, name);
    return entry ? [resource.view(entry).object] : [];
  }
  const selector = labelSelectorOf(objectAt(reference, 'selector') ?? {});
  return [...entries.from(namespace)]
    .filter(({ object }) => selector.matches(object.metadata.labels))
    .map((entry) => resource.view(entry).object);
}
