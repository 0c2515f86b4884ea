import { ApiError, forbidden, notFound } from '../../machinery/index.ts';
import type { Store } from '../store/store.ts';
import { type AdmissionPlugin, type AdmissionRequest, nameInRefusal } from './request.ts';

const NAMESPACES = { group: '', resource: 'namespaces' };
const IMMORTAL = new Set(['default', 'kube-system', 'kube-public']);

/** Objects are created only in namespaces that exist and are not going away; some namespaces never go away. */
export function namespaceLifecycle(store: Store): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    mutate(request) {
      const { served } = request.registration;
      if (request.operation === 'DELETE' && served.group === '' && served.resource === 'namespaces') {
        if (IMMORTAL.has(request.name)) throw forbidden(served, request.name, 'this namespace may not be deleted');
      }
      requireNamespace(store, request);
    },
    // The namespace may have gone while a webhook was asked.
    validate: (request) => requireNamespace(store, request),
  };
}

function requireNamespace(store: Store, { operation, registration, namespace, name, object }: AdmissionRequest): void {
  if (operation !== 'CREATE' || namespace === '' || !registration.served.namespaced) return;
  const home = store.latest(NAMESPACES, { namespace: '', name: namespace });
  if (!home) throw notFound(NAMESPACES, namespace);
  if (home.object.metadata.deletionTimestamp === undefined) return;
  const message = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const refusal = forbidden(registration.served, nameInRefusal(object, name), message);
  throw new ApiError(403, refusal.reason, refusal.message, {
    ...refusal.details,
    causes: [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  });
}
