import { ApiError, forbidden, notFound } from '../../machinery/index.ts';
import type { Store } from '../store/store.ts';
import type { AdmissionRequest } from './request.ts';

const NAMESPACES = { group: '', resource: 'namespaces' };
const IMMORTAL = new Set(['default', 'kube-system', 'kube-public']);
const NAME_LABEL = 'kubernetes.io/metadata.name';

/** Objects are created only in namespaces that exist and are not going away; some namespaces never go away. */
export function bindNamespace(store: Store, request: AdmissionRequest): void {
  const { operation, registration, object } = request;
  const { served } = registration;
  const { name, namespace } = object.metadata;
  if (served.group === '' && served.resource === 'namespaces') {
    if (operation === 'DELETE' && IMMORTAL.has(name)) {
      throw forbidden(served, name, 'this namespace may not be deleted');
    }
    if (operation !== 'DELETE') object.metadata.labels = { ...object.metadata.labels, [NAME_LABEL]: name };
    if (operation === 'CREATE') completeNamespace(request);
    return;
  }
  if (operation !== 'CREATE' || !namespace) return;
  const home = store.latest(NAMESPACES, { namespace: '', name: namespace });
  if (!home) throw notFound(NAMESPACES, namespace);
  if (home.object.metadata.deletionTimestamp === undefined) return;
  const message = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const refusal = forbidden(served, name, message);
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

/** A namespace keeps the finalizer `kubernetes` until everything in it is gone. */
function completeNamespace({ object }: AdmissionRequest): void {
  const finalizers = new Set(Array.isArray(object.spec?.['finalizers']) ? object.spec['finalizers'] : []);
  object.spec = { ...object.spec, finalizers: [...finalizers.add('kubernetes')] };
  object.status = { phase: 'Active' };
}
