import type { Fields } from '../../machinery/index.ts';
import type { Authorizer } from '../contracts.ts';
import { mapAt, objectAt, textsAt } from '../kinds/fields.ts';
import { CelAuthorizer, ResourceCheck } from '../policy/authorizer.ts';
import type { Evaluation } from '../policy/expressions.ts';
import type { Registration } from '../registry/registration.ts';
import type { Store } from '../store/store.ts';
import type { AdmissionRequest } from './request.ts';
import { shownAs } from './versions.ts';
import { descriptionOf } from './webhooks/review.ts';

/**
 * Makes what the expressions of webhooks and policies can read about a request, in terms of the resource that their rules
 * name. Each part is made when an expression first reads it.
 */
export type Evaluate = (request: AdmissionRequest, target: Registration) => Evaluation;

export function createEvaluate(store: Store, authorizer: Authorizer): Evaluate {
  return (request, target) => ({
    get object() {
      return request.operation === 'DELETE' ? null : shownAs(request.object, target, request);
    },
    get oldObject() {
      return request.old === undefined ? null : shownAs(request.old, target, request);
    },
    get request() {
      return descriptionOf(request, target);
    },
    get namespaceObject() {
      return namespaceObject(store, request);
    },
    get authorizer() {
      return new CelAuthorizer(authorizer, request.user);
    },
    get 'authorizer.requestResource'() {
      const { group, resource } = request.registration.served;
      const { namespace, name, subresource = '' } = request;
      return new ResourceCheck(new CelAuthorizer(authorizer, request.user), {
        ...{ group, resource, subresource, namespace, name },
      });
    },
  });
}

/** The namespace of a request's object, without what expressions must not depend on; null for what is in none. */
function namespaceObject(store: Store, { registration, namespace }: AdmissionRequest): Fields | null {
  if (!registration.served.namespaced || namespace === '') return null;
  const object = store.latest({ group: '', resource: 'namespaces' }, { namespace: '', name: namespace })?.object;
  if (!object) return null;
  const { managedFields: _, uid, ownerReferences: __, ...metadata } = object.metadata;
  const status = objectAt(object, 'status');
  return {
    metadata: { ...metadata, labels: mapAt(metadata as unknown as Fields, 'labels'), UID: uid },
    spec: { finalizers: textsAt(object.spec, 'finalizers') },
    status: { phase: status?.['phase'] },
  };
}
