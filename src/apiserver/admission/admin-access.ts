import { type Fields, invalid, isFields, type StatusCause } from '../../machinery/index.ts';
import type { Store } from '../store/store.ts';
import type { AdmissionPlugin, AdmissionRequest } from './request.ts';

const LABEL = 'resource.kubernetes.io/admin-access';
const NAMESPACES = { group: '', resource: 'namespaces' };
const WHY = `Forbidden: admin access to devices requires the \`${LABEL}: true\` label on the containing namespace`;

/** Lets claims get at devices that others use only in namespaces that are marked for that. */
export function deviceAdminAccess(store: Store): AdmissionPlugin {
  return {
    name: 'DeviceAdminAccess',
    validate(request) {
      const at = specOf(request);
      if (!at) return;
      const errors = accessErrors(at.spec, at.path);
      if (errors.length === 0) return;
      const namespace = store.latest(NAMESPACES, { namespace: '', name: request.namespace })?.object;
      if (namespace?.metadata.labels?.[LABEL] === 'true') return;
      throw invalid(request.registration.served, request.name || request.object.metadata.name, errors);
    },
  };
}

function specOf(request: AdmissionRequest): { spec: Fields; path: string } | undefined {
  const { operation, subresource, registration, object } = request;
  if (operation !== 'CREATE' || subresource !== undefined || registration.served.group !== 'resource.k8s.io') return;
  const { spec } = object;
  if (registration.served.resource === 'resourceclaims' && spec) return { spec, path: 'spec' };
  const inner = spec?.['spec'];
  if (registration.served.resource !== 'resourceclaimtemplates' || !isFields(inner)) return;
  return { spec: inner, path: 'spec.spec' };
}

function accessErrors(spec: Fields, path: string): StatusCause[] {
  const requests = isFields(spec['devices']) ? spec['devices']['requests'] : undefined;
  if (!Array.isArray(requests)) return [];
  return requests.flatMap((request: unknown, index): StatusCause[] => {
    const exactly = isFields(request) ? request['exactly'] : undefined;
    if (!isFields(exactly) || exactly['adminAccess'] !== true) return [];
    return [{ reason: 'FieldValueForbidden', field: `${path}.devices.requests[${index}].adminAccess`, message: WHY }];
  });
}
