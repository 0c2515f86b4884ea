import {
  ApiError,
  alreadyExists,
  applyMergePatch,
  conflict,
  type KubeObject,
  keyOf,
  notFound,
  objectKey,
  type Resource,
} from '../../machinery/index.ts';
import { deepFreeze } from '../deep-freeze.ts';
import type { RawWatchEvent, Transport, TransportRequest } from '../transport.ts';

/** An API server of a few resources in memory, for tests: enough of its behaviour for what a client has to cope with. */
export interface FakeApi extends Transport {
  /** Ends every running watch, as a server does after a while. */
  dropWatches(): void;
  /** Forgets the events so far: a watch from an earlier revision is answered with 410. */
  compact(): void;
  /** Sends the latest events of the resource once more to its watchers. */
  repeatEvents(count: number): void;
  install(resource: Resource): void;
  uninstall(resource: Resource): void;
  /** All requests so far, as 'METHOD path'. */
  readonly requests: string[];
  /** Set to have the next requests fail with it. */
  failWith: Error | undefined;
  readonly watchers: number;
}

interface Entry {
  revision: number;
  resource: string;
  event: RawWatchEvent;
}

interface Watcher {
  resource: string;
  queue: RawWatchEvent[];
  wake: () => void;
  ended: boolean;
}

interface Target {
  resource: Resource;
  id: string;
  namespace?: string;
  name?: string;
  subresource?: string;
}

const pathShape = /^\/(?:api|apis\/([^/]+))\/([^/]+)\/(?:namespaces\/([^/]+)\/)?([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/;

export function createFakeApi(resources: readonly Resource[]): FakeApi {
  const served = new Map(resources.map((resource) => [idOf(resource), resource]));
  const stores = new Map<string, Map<string, KubeObject>>();
  const log: Entry[] = [];
  const watchers = new Set<Watcher>();
  let revision = 1;
  let oldest = 0;

  function storeOf(id: string): Map<string, KubeObject> {
    let store = stores.get(id);
    if (!store) {
      store = new Map();
      stores.set(id, store);
    }
    return store;
  }

  function send(entry: Entry): void {
    for (const watcher of watchers) {
      if (watcher.resource !== entry.resource) continue;
      watcher.queue.push(entry.event);
      watcher.wake();
    }
  }

  function commit(id: string, type: string, object: KubeObject): KubeObject {
    revision += 1;
    const metadata = { ...object.metadata, resourceVersion: String(revision) };
    const stored = deepFreeze({ ...object, metadata });
    if (type === 'DELETED') storeOf(id).delete(keyOf(stored));
    else storeOf(id).set(keyOf(stored), stored);
    const entry = { revision, resource: id, event: { type, object: stored } };
    log.push(entry);
    send(entry);
    return stored;
  }

  function targetOf(path: string): Target {
    const [, group = '', version = '', namespace, plural = '', name, subresource] = pathShape.exec(path) ?? [];
    const id = `${group}/${version}/${plural}`;
    const resource = served.get(id);
    if (!resource) throw new ApiError(404, 'NotFound', 'the server could not find the requested resource');
    return { resource, id, namespace, name, subresource };
  }

  function existing({ id, resource, name = '', namespace }: Target): KubeObject {
    const object = storeOf(id).get(objectKey(name, namespace));
    if (!object) throw notFound(resource, name);
    return object;
  }

  function create({ id, resource, namespace }: Target, body: KubeObject): KubeObject {
    const name = body.metadata.name || `${body.metadata.generateName ?? ''}${(revision + 1).toString(36)}`;
    if (storeOf(id).has(objectKey(name, namespace))) throw alreadyExists(resource, name);
    const uid = `uid-${revision + 1}`;
    const creationTimestamp = new Date().toISOString();
    const metadata = { ...body.metadata, name, namespace, uid, generation: 1, creationTimestamp };
    return commit(id, 'ADDED', { ...body, metadata });
  }

  function write(target: Target, changed: KubeObject): KubeObject {
    const { id, resource, name = '', subresource } = target;
    const old = existing(target);
    const wanted = changed.metadata.resourceVersion;
    if (wanted && wanted !== old.metadata.resourceVersion) {
      throw conflict(resource, name, 'the object has been modified; please apply your changes to the latest version');
    }
    const merged = subresource === 'status' ? { ...old, status: changed.status } : { ...changed, status: old.status };
    const { finalizers } = merged.metadata;
    if (old.metadata.deletionTimestamp && !finalizers?.length) return commit(id, 'DELETED', merged);
    return commit(id, 'MODIFIED', merged);
  }

  function remove(target: Target): KubeObject {
    const old = existing(target);
    if (!old.metadata.finalizers?.length) return commit(target.id, 'DELETED', old);
    if (old.metadata.deletionTimestamp) return old;
    const metadata = { ...old.metadata, deletionTimestamp: new Date().toISOString() };
    return commit(target.id, 'MODIFIED', { ...old, metadata });
  }

  function list({ id, namespace }: Target): unknown {
    const all = [...storeOf(id).values()];
    const items = namespace ? all.filter(({ metadata }) => metadata.namespace === namespace) : all;
    return { metadata: { resourceVersion: String(revision) }, items };
  }

  function discovery(path: string): unknown {
    if (path === '/apis') {
      const groups = [...served.values()].filter(({ group }) => group !== '');
      return { groups: groups.map(({ group, version }) => ({ name: group, versions: [{ version }] })) };
    }
    const [, group = '', version = ''] = /^\/(?:api|apis\/([^/]+))\/([^/]+)$/.exec(path) ?? [];
    const found = [...served.values()].filter((each) => each.group === group && each.version === version);
    if (version === '') return undefined;
    if (found.length === 0) throw new ApiError(404, 'NotFound', 'the server could not find the requested resource');
    const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];
    return { resources: found.map(({ resource, kind, namespaced }) => ({ name: resource, kind, namespaced, verbs })) };
  }

  function answer({ method, path, body }: TransportRequest): unknown {
    const discovered = method === 'GET' ? discovery(path) : undefined;
    if (discovered) return discovered;
    const target = targetOf(path);
    switch (method) {
      case 'GET':
        return target.name ? existing(target) : list(target);
      case 'POST':
        return create(target, body as KubeObject);
      case 'PUT':
        return write(target, body as KubeObject);
      case 'PATCH':
        return write(target, applyMergePatch(existing(target), body) as KubeObject);
      case 'DELETE':
        return remove(target);
    }
  }

  async function* watch({ path, query, signal }: TransportRequest): AsyncGenerator<RawWatchEvent> {
    const { id } = targetOf(path);
    const from = Number(query?.['resourceVersion'] ?? 0);
    if (from < oldest) throw new ApiError(410, 'Expired', `too old resource version: ${from} (${oldest})`);
    const backlog = log.filter((entry) => entry.resource === id && entry.revision > from).map(({ event }) => event);
    const watcher: Watcher = { resource: id, queue: backlog, wake: () => undefined, ended: false };
    watchers.add(watcher);
    const end = () => {
      watcher.ended = true;
      watcher.wake();
    };
    signal?.addEventListener('abort', end);
    try {
      while (!watcher.ended && !signal?.aborted) {
        const event = watcher.queue.shift();
        if (event) yield event;
        else await new Promise<void>((resolve) => (watcher.wake = resolve));
      }
    } finally {
      signal?.removeEventListener('abort', end);
      watchers.delete(watcher);
    }
  }

  const api: FakeApi = {
    requests: [],
    failWith: undefined,
    async request(request) {
      api.requests.push(`${request.method} ${request.path}`);
      await Promise.resolve();
      if (api.failWith) throw api.failWith;
      return answer(request);
    },
    watch,
    dropWatches() {
      for (const watcher of watchers) {
        watcher.ended = true;
        watcher.wake();
      }
    },
    compact() {
      log.length = 0;
      oldest = revision;
    },
    repeatEvents(count) {
      for (const entry of log.slice(-count)) send(entry);
    },
    install: (resource) => void served.set(idOf(resource), resource),
    uninstall(resource) {
      served.delete(idOf(resource));
      stores.delete(idOf(resource));
      api.dropWatches();
    },
    get watchers() {
      return watchers.size;
    },
  };
  return api;
}

function idOf({ group, version, resource }: Resource): string {
  return `${group}/${version}/${resource}`;
}
