import { type Client, type Informer, type Informers, remember } from '../../client/index.ts';
import type { KubeObject, OwnerReference, Resource } from '../../machinery/index.ts';
import { groupOf, objectKey } from '../../machinery/index.ts';

/** Finalizers by which an object waits for its dependents to be deleted, or to be let go. */
export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

/**
 * present: keeps its dependents. leaving: is being deleted and waits for them. absent: is gone, its dependents should follow.
 * elsewhere: absent, and something of this uid is in another namespace. impossible: a namespaced owner of what is not
 * namespaced, of which nothing can be said.
 */
export type OwnerState = 'present' | 'leaving' | 'absent' | 'elsewhere' | 'impossible';

/** Every resource whose objects may own or be owned, with its informer. */
export interface Graph {
  add(resource: Resource): void;
  /** The resource is not served any more. */
  remove(resource: Resource): void;
  /** Whether every resource's first list is in: only then does finding no dependents mean that there are none. */
  complete(): boolean;
  /** All objects that name this one as an owner and may: a namespaced owner has dependents in its namespace only. */
  dependents(owner: KubeObject): Located[];
  /** The owner's state by the cache; undefined if the cache does not have it, which proves nothing. */
  cachedState(dependent: KubeObject, owner: OwnerReference): OwnerState | undefined;
  /** The owner's state, asked of the API if the cache does not have it. Throws ApiError if that cannot be found out. */
  state(dependent: KubeObject, owner: OwnerReference): Promise<OwnerState>;
  get(resource: Resource, key: string): KubeObject | undefined;
  /** The owner itself, if the cache has it. */
  owner(dependent: KubeObject, owner: OwnerReference): Located | undefined;
}

export interface Located {
  resource: Resource;
  object: KubeObject;
}

interface Entry {
  resource: Resource;
  informer: Informer;
  synced: boolean;
}

/** Owners remembered as absent. A uid never comes back, so an answer of the API holds for ever. */
const absentMemory = 4096;

export function createGraph(client: Client, informers: Informers): Graph {
  const byKind = new Map<string, Entry>();
  /** By all that says where an owner should be: what one dependent claims of a uid is no answer for another. */
  const absent = new Map<string, 'absent' | 'elsewhere'>();

  function cached(dependent: KubeObject, { apiVersion, kind, name, uid }: OwnerReference): Located | undefined {
    const entry = byKind.get(`${groupOf(apiVersion)}/${kind}`);
    if (!entry) return undefined;
    const { resource, informer } = entry;
    const key = objectKey(name, resource.namespaced ? dependent.metadata.namespace : undefined);
    const object = informer.get(key);
    return object?.metadata.uid === uid ? { resource, object } : undefined;
  }

  function cachedState(dependent: KubeObject, owner: OwnerReference): OwnerState | undefined {
    const located = cached(dependent, owner);
    return located ? stateOf(located.object) : absent.get(absenceKey(dependent, owner));
  }

  /** Looks for the uid among all objects of the kind in other namespaces. */
  function isElsewhere(dependent: KubeObject, { apiVersion, kind, uid }: OwnerReference): boolean {
    const { namespace } = dependent.metadata;
    const objects = byKind.get(`${groupOf(apiVersion)}/${kind}`)?.informer.list() ?? [];
    return objects.some(({ metadata }) => metadata.uid === uid && metadata.namespace !== namespace);
  }

  return {
    add(resource) {
      const entry: Entry = { resource, informer: informers.for(resource, true), synced: false };
      byKind.set(`${resource.group}/${resource.kind}`, entry);
      void entry.informer.synced.then(() => {
        entry.synced = true;
      });
    },
    remove: ({ group, kind }) => void byKind.delete(`${group}/${kind}`),
    complete: () => [...byKind.values()].every(({ synced }) => synced),
    dependents: ({ metadata: { uid = '', namespace } }) =>
      [...byKind.values()].flatMap(({ resource, informer }) =>
        informer
          .byIndex('ownerUid', uid)
          .filter((object) => !namespace || object.metadata.namespace === namespace)
          .map((object) => ({ resource, object })),
      ),
    owner: cached,
    cachedState,
    async state(dependent, owner) {
      const known = cachedState(dependent, owner);
      if (known) return known;
      const live = await findOwner(client, dependent, owner);
      if (live === 'impossible') return live;
      if (live?.metadata.uid === owner.uid) return stateOf(live);
      const state = isElsewhere(dependent, owner) ? 'elsewhere' : 'absent';
      remember(absent, absenceKey(dependent, owner), state, absentMemory);
      return state;
    },
    get: (resource, key) => byKind.get(`${resource.group}/${resource.kind}`)?.informer.get(key),
  };
}

function stateOf(owner: KubeObject): OwnerState {
  return isLeaving(owner, foregroundFinalizer) ? 'leaving' : 'present';
}

/** Being deleted, and held by this finalizer. */
export function isLeaving({ metadata }: KubeObject, finalizer: string): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers?.includes(finalizer) ?? false);
}

/** A namespaced owner can only own within its namespace, so that is where it is looked for. */
async function findOwner(
  client: Client,
  dependent: KubeObject,
  owner: OwnerReference,
): Promise<KubeObject | undefined | 'impossible'> {
  const { apiVersion, kind, name } = owner;
  const resource = await client.resourceFor(apiVersion, kind);
  const { namespace } = dependent.metadata;
  if (!resource)
    throw new Error(`the kind of the owner ${kind} ${name} (${apiVersion}) is not served: it may come back`);
  if (resource.namespaced && !namespace) return 'impossible';
  return client.find(resource, resource.namespaced ? { name, namespace } : { name });
}

function absenceKey({ metadata }: KubeObject, { apiVersion, kind, name, uid }: OwnerReference): string {
  return [apiVersion, kind, metadata.namespace, name, uid].join(' ');
}
