import type { KubeObject, Resource } from '../machinery/index.ts';
import { ApiError, apiVersionOfResource, isReason, resourcePath } from '../machinery/index.ts';
import type {
  ApplyOptions,
  Client,
  DeleteOptions,
  ListOptions,
  ObjectKey,
  ObjectList,
  PatchType,
  ReadLogOptions,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './client.ts';
import { createDiscovery } from './discovery.ts';
import type { RawWatchEvent, Transport } from './transport.ts';

const pods: Resource = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };
const defaultLogBytes = 1024 * 1024;

const patchMediaTypes: Record<PatchType, string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
};

/** A Client that speaks the Kubernetes REST protocol over a transport. */
export function createClient(transport: Transport): Client {
  const discovery = createDiscovery(transport);

  async function get<T extends KubeObject = KubeObject>(
    resource: Resource,
    key: ObjectKey,
    subresource?: string,
  ): Promise<T> {
    return (await transport.request({ method: 'GET', path: objectPath(resource, key, subresource) })) as T;
  }

  async function find<T extends KubeObject = KubeObject>(resource: Resource, key: ObjectKey): Promise<T | undefined> {
    try {
      return await get<T>(resource, key);
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async function list<T extends KubeObject = KubeObject>(
    resource: Resource,
    options: ListOptions = {},
  ): Promise<ObjectList<T>> {
    const path = resourcePath(resource, { namespace: options.namespace });
    const { metadataOnly } = options;
    const query = listQuery(options);
    const answer = (await transport.request({ method: 'GET', path, query, metadataOnly })) as ObjectList<T>;
    const items = answer.items ?? [];
    const wanted = metadataOnly ? items.map((item) => metadataOf(resource, item) as T) : withTypes(resource, items);
    return { metadata: answer.metadata, items: wanted };
  }

  async function* watch<T extends KubeObject = KubeObject>(
    resource: Resource,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    const query: Record<string, string | undefined> = {
      ...listQuery(options),
      watch: 'true',
      allowWatchBookmarks: 'true',
    };
    if (options.sendInitialEvents) {
      query['sendInitialEvents'] = 'true';
      query['resourceVersionMatch'] = 'NotOlderThan';
    }
    const path = resourcePath(resource, { namespace: options.namespace });
    const { metadataOnly, signal } = options;
    for await (const event of transport.watch({ method: 'GET', path, query, metadataOnly, signal })) {
      const { type, object } = typedEvent<T>(event);
      yield { type, object: metadataOnly ? (metadataOf(resource, object) as T) : object };
    }
  }

  async function write<T extends KubeObject>(
    method: 'POST' | 'PUT',
    resource: Resource,
    object: T,
    options: WriteOptions = {},
  ): Promise<T> {
    const { namespace, name } = object.metadata;
    const at = method === 'POST' && !options.subresource ? { namespace } : { namespace, name };
    const path = resourcePath(resource, { ...at, subresource: options.subresource });
    return (await transport.request({ method, path, query: writeQuery(options), body: object })) as T;
  }

  async function patchWith<T extends KubeObject>(
    resource: Resource,
    key: ObjectKey,
    contentType: string,
    body: unknown,
    options: WriteOptions & { force?: boolean },
  ): Promise<T> {
    const path = objectPath(resource, key, options.subresource);
    const query = writeQuery(options);
    if (options.force) query['force'] = 'true';
    return (await transport.request({ method: 'PATCH', path, query, body, contentType })) as T;
  }

  return {
    ...discovery,
    get,
    find,
    list,
    watch,
    create: (resource, object, options) => write('POST', resource, object, options),
    update: (resource, object, options) => write('PUT', resource, object, options),
    patch: (resource, key, type, body, options = {}) => patchWith(resource, key, patchMediaTypes[type], body, options),
    apply: <T extends KubeObject>(resource: Resource, object: T, options: ApplyOptions) =>
      patchWith<T>(resource, object.metadata, 'application/apply-patch+yaml', object, options),
    async delete(resource, key, options = {}) {
      await transport.request({ method: 'DELETE', path: objectPath(resource, key), body: deleteBody(options) });
    },
    async logs(pod, options = {}) {
      const path = objectPath(pods, pod, 'log');
      const answer = await transport.request({ method: 'GET', path, query: logQuery(options) });
      // Nothing was written: an empty answer has no type.
      if (answer === undefined) return '';
      if (typeof answer !== 'string') throw new ApiError(500, 'InternalError', `GET ${path}: the answer is not a text`);
      return answer;
    },
    async post<T = unknown>(path: string, body: unknown): Promise<T> {
      return (await transport.request({ method: 'POST', path, body })) as T;
    },
  };
}

/** The path of one object; without this check an empty name would address the whole collection. */
function objectPath(resource: Resource, key: ObjectKey, subresource?: string): string {
  if (!key.name) throw new ApiError(400, 'BadRequest', `${resource.resource}: an object's name is required`);
  if (resource.namespaced && !key.namespace) {
    throw new ApiError(400, 'BadRequest', `${resource.resource} "${key.name}": a namespace is required`);
  }
  return resourcePath(resource, { namespace: key.namespace, name: key.name, subresource });
}

function listQuery(options: ListOptions): Record<string, string | undefined> {
  return {
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    limit: options.limit === undefined ? undefined : String(options.limit),
    continue: options.continue,
    resourceVersion: options.resourceVersion,
  };
}

function logQuery({ container, previous, tailLines, limitBytes = defaultLogBytes }: ReadLogOptions) {
  return {
    container,
    previous: previous ? 'true' : undefined,
    tailLines: tailLines === undefined ? undefined : String(tailLines),
    limitBytes: String(limitBytes),
  };
}

function writeQuery(options: WriteOptions): Record<string, string | undefined> {
  return { fieldManager: options.fieldManager, dryRun: options.dryRun ? 'All' : undefined };
}

function deleteBody(options: DeleteOptions): Record<string, unknown> {
  const { uid, resourceVersion, ...rest } = options;
  const preconditions = uid || resourceVersion ? { preconditions: { uid, resourceVersion } } : {};
  return { apiVersion: 'v1', kind: 'DeleteOptions', ...rest, ...preconditions };
}

/** kube-apiserver leaves apiVersion and kind out of the items of a list of built-in objects: puts them back. */
function withTypes<T extends KubeObject>(resource: Resource, items: T[]): T[] {
  const first = items[0];
  if (!first || first.kind) return items;
  const type = { apiVersion: apiVersionOfResource(resource), kind: resource.kind };
  return items.map((item) => ({ ...type, ...item }));
}

/** The part of an object that keeps neither its content nor its managedFields in memory. */
function metadataOf(resource: Resource, object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { apiVersion: apiVersionOfResource(resource), kind: resource.kind, metadata };
}

function typedEvent<T extends KubeObject>(event: RawWatchEvent): WatchEvent<T> {
  if (event.type === 'ERROR') throw ApiError.fromStatus(event.object, 500);
  return event as unknown as WatchEvent<T>;
}
