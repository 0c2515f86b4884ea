import {
  ApiError,
  applyServerSide,
  type KubeObject,
  type ManagedFieldsEntry,
  type Schema,
  trackUpdate,
} from './index.ts';

const text: Schema = { type: 'string' };
const labels: Schema = { type: 'object', additionalProperties: text };
const container: Schema = {
  type: 'object',
  properties: {
    name: text,
    image: text,
    args: { type: 'array', items: text, 'x-kubernetes-list-type': 'atomic' },
    ports: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
      items: {
        type: 'object',
        properties: { containerPort: { type: 'integer' }, protocol: { ...text, default: 'TCP' }, name: text },
      },
    },
  },
};
export const schema: Schema = {
  type: 'object',
  properties: {
    apiVersion: text,
    kind: text,
    metadata: {
      type: 'object',
      properties: {
        name: text,
        namespace: text,
        labels,
        annotations: labels,
        finalizers: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
      },
    },
    spec: {
      type: 'object',
      properties: {
        replicas: { type: 'integer' },
        paused: { type: 'boolean' },
        selector: { ...labels, 'x-kubernetes-map-type': 'atomic' },
        containers: {
          type: 'array',
          items: container,
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
        },
        strategy: { type: 'object', properties: { type: text, surge: text } },
        anything: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
    status: { type: 'object', properties: { ready: { type: 'integer' } } },
  },
};

export const apiVersion = 'apps/v1';
export const times = [
  '2026-01-01T00:00:00Z',
  '2026-01-01T00:00:01Z',
  '2026-01-01T00:00:02Z',
  '2026-01-01T00:00:03Z',
] as const;

export function web(spec: object, metadata: object = {}): KubeObject {
  return { apiVersion, kind: 'Web', metadata: { name: 'web', namespace: 'a', ...metadata }, spec: { ...spec } };
}

/** The object as it would be stored: with a uid. */
export const stored = (object: KubeObject): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, uid: 'u1', creationTimestamp: times[0] },
});

export function apply(
  live: KubeObject | undefined,
  applied: KubeObject,
  manager: string,
  options: { force?: boolean; now?: string; subresource?: string } = {},
): KubeObject {
  const { force = false, now = times[1], subresource } = options;
  return stored(applyServerSide({ live, applied, manager, force, schema, apiVersion, now, subresource }));
}

export function update(
  old: KubeObject | undefined,
  updated: KubeObject,
  manager: string,
  now: string = times[1],
): KubeObject {
  const managedFields = trackUpdate({ old, updated, manager, schema, apiVersion, now });
  return stored({ ...updated, metadata: { ...updated.metadata, managedFields } });
}

export function entry(object: KubeObject, manager: string): ManagedFieldsEntry | undefined {
  return object.metadata.managedFields?.find((candidate) => candidate.manager === manager);
}

export function errorOf(work: () => unknown): ApiError {
  try {
    work();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
