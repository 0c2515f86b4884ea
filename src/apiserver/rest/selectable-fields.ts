import { badRequest, groupResource, type KubeObject } from '../../machinery/index.ts';
import type { Registration } from '../registry/registration.ts';
import type { Entry } from '../store/entry.ts';

type Reader = (object: KubeObject) => unknown;

function at(...path: string[]): Reader {
  return (object) => {
    let value: unknown = object;
    for (const key of path) value = (value as Record<string, unknown> | undefined)?.[key];
    return value;
  };
}

const INVOLVED = ['apiVersion', 'fieldPath', 'kind', 'name', 'namespace', 'resourceVersion', 'uid'];

/** What field selectors may name besides metadata.name and metadata.namespace, by resource as it is stored. */
const FIELDS: Record<string, Record<string, Reader>> = {
  pods: {
    'spec.nodeName': at('spec', 'nodeName'),
    'spec.restartPolicy': at('spec', 'restartPolicy'),
    'spec.schedulerName': at('spec', 'schedulerName'),
    'spec.serviceAccountName': at('spec', 'serviceAccountName'),
    'spec.hostNetwork': (pod) => at('spec', 'hostNetwork')(pod) ?? false,
    'status.phase': at('status', 'phase'),
    'status.podIP': at('status', 'podIP'),
    'status.nominatedNodeName': at('status', 'nominatedNodeName'),
  },
  events: {
    ...Object.fromEntries(INVOLVED.map((field) => [`involvedObject.${field}`, at('involvedObject', field)])),
    ...Object.fromEntries(INVOLVED.map((field) => [`regarding.${field}`, at('involvedObject', field)])),
    reason: at('reason'),
    reportingComponent: (event) => at('reportingComponent')(event) ?? at('source', 'component')(event),
    reportingController: at('reportingComponent'),
    source: (event) => at('source', 'component')(event) ?? at('reportingComponent')(event),
    type: at('type'),
  },
  'certificatesigningrequests.certificates.k8s.io': { 'spec.signerName': at('spec', 'signerName') },
  namespaces: { 'status.phase': at('status', 'phase'), name: at('metadata', 'name') },
  nodes: { 'spec.unschedulable': (node) => at('spec', 'unschedulable')(node) ?? false },
  secrets: { type: at('type') },
  services: { 'spec.clusterIP': at('spec', 'clusterIP'), 'spec.type': at('spec', 'type') },
  'jobs.batch': { 'status.successful': (job) => at('status', 'succeeded')(job) ?? 0 },
  replicationcontrollers: { 'status.replicas': (controller) => at('status', 'replicas')(controller) ?? 0 },
  persistentvolumeclaims: { name: at('metadata', 'name') },
  persistentvolumes: { name: at('metadata', 'name') },
  'ipaddresses.networking.k8s.io': Object.fromEntries(
    ['group', 'resource', 'namespace', 'name'].map((key) => [`spec.parentRef.${key}`, at('spec', 'parentRef', key)]),
  ),
  'resourceslices.resource.k8s.io': { 'spec.nodeName': at('spec', 'nodeName'), 'spec.driver': at('spec', 'driver') },
  'replicasets.apps': { 'status.replicas': (set) => at('status', 'replicas')(set) ?? 0 },
};

/** Fields that can be read without looking into the object. */
export const NAMES: readonly string[] = ['metadata.name', 'metadata.namespace'];

/**
 * How a field that selectors name is read: off stored objects of a built-in kind, and off custom resources in the version
 * that is asked for. The entries of those have to be ready for that where a webhook converts.
 * @throws ApiError 400 for a field that is not selectable.
 */
export function fieldReader(registration: Registration, field: string): (entry: Entry) => string {
  const { custom, storage } = registration;
  if (field === 'metadata.name') return ({ name }) => name;
  if (field === 'metadata.namespace') return ({ namespace }) => namespace;
  const builtin = custom ? undefined : FIELDS[groupResource(storage)];
  const reader = builtin && Object.hasOwn(builtin, field) ? builtin[field] : undefined;
  if (reader) return ({ object }) => String(reader(object) ?? '');
  if (!custom?.selectableFields.includes(field)) throw badRequest(`field label not supported: ${field}`);
  const own = at(...field.split('.'));
  return (entry) => String(own(registration.view(entry).object) ?? '');
}
