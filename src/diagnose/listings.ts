import type { Client } from '../client/index.ts';
import { groupResource, isReason, type KubeObject, type Resource } from '../machinery/index.ts';

/** What a server has, each resource listed at most once. */
export interface Listings {
  list(resource: Resource, namespace: string | undefined): Promise<readonly KubeObject[]>;
  /** The objects whose owner references name this one. */
  owned(owner: KubeObject): Promise<readonly KubeObject[]>;
  /** Every object of a namespace, or of the whole cluster, once. */
  all(namespace: string | undefined): Promise<readonly KubeObject[]>;
  /** Resources that may not be listed, as 'ingresses.networking.k8s.io', in the order of the alphabet. */
  hidden(): string[];
}

export interface ListingOptions {
  client: Client;
  /** Resources that may hold owned objects. */
  resources: readonly Resource[];
  /** Many namespaces will be asked about: list each resource once for all of them. */
  everywhere?: boolean;
}

export function createListings({ client, resources, everywhere = false }: ListingOptions): Listings {
  const hidden = new Set<string>();
  const lists = new Map<string, Promise<Listed>>();
  const indexes = new Map<string, Promise<Map<string, KubeObject[]>>>();
  /** The namespace to list when one is asked about. */
  const scopeOf = (namespace: string | undefined) => (everywhere ? undefined : namespace);

  const listed = (resource: Resource, namespace: string | undefined): Promise<Listed> =>
    once(lists, `${groupResource(resource)}/${namespace ?? ''}`, async () => {
      const items = await listAll(client, resource, namespace, () => hidden.add(groupResource(resource)));
      return { items, byNamespace: Map.groupBy(items, ({ metadata }) => metadata.namespace ?? '') };
    });

  const all = async (namespace: string | undefined): Promise<KubeObject[]> => {
    const candidates = resources.filter(canBeOwned(namespace));
    const found = await Promise.all(candidates.map((resource) => listed(resource, namespace)));
    return distinct(found.flatMap(({ items }) => items));
  };

  return {
    async list(resource, namespace) {
      const asked = resource.namespaced ? namespace : undefined;
      const { items, byNamespace } = await listed(resource, scopeOf(asked));
      return asked === undefined ? items : (byNamespace.get(asked) ?? []);
    },
    async owned({ metadata: { namespace, uid = '' } }) {
      const scope = scopeOf(namespace);
      const index = await once(indexes, scope ?? '', async () => indexByOwner(await all(scope)));
      return index.get(uid) ?? [];
    },
    all: (namespace) => all(namespace),
    hidden: () => [...hidden].sort(),
  };
}

interface Listed {
  items: readonly KubeObject[];
  byNamespace: Map<string, KubeObject[]>;
}

function once<T>(known: Map<string, Promise<T>>, key: string, find: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? find();
  known.set(key, found);
  return found;
}

/** A namespaced owner owns within its namespace only; Events are many and never owned. */
export const canBeOwned = (namespace: string | undefined) => (resource: Resource) =>
  resource.resource !== 'events' && (resource.namespaced || namespace === undefined);

const pageSize = 500;

/** Every object of a resource; none when it may not be listed (then `onHidden` is called) or is no longer served. */
export async function listAll(
  client: Client,
  resource: Resource,
  namespace: string | undefined,
  onHidden?: () => void,
): Promise<readonly KubeObject[]> {
  const items: KubeObject[] = [];
  const where = resource.namespaced && namespace !== undefined ? { namespace } : {};
  try {
    let next: string | undefined;
    do {
      const page = await client.list(resource, { ...where, limit: pageSize, ...(next ? { continue: next } : {}) });
      for (const item of page.items) items.push(item);
      next = page.metadata.continue;
    } while (next);
    return items;
  } catch (error) {
    // An answer from what may be seen is better than none.
    if (isReason(error, 'Forbidden')) onHidden?.();
    else if (!isReason(error, 'NotFound') && !isReason(error, 'MethodNotAllowed')) throw error;
    return items;
  }
}

/** What is asked for; undefined where it may not be read. */
export async function visible<T>(answer: Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isReason(error, 'Forbidden')) return undefined;
    throw error;
  }
}

/** One object may come through two resources: Ingress in two groups, say. */
function distinct(objects: readonly KubeObject[]): KubeObject[] {
  const byUid = new Map<unknown, KubeObject>();
  for (const object of objects) {
    const id = object.metadata.uid ?? object;
    if (!byUid.has(id)) byUid.set(id, object);
  }
  return [...byUid.values()];
}

/** Objects by the uid of each of their owners. */
export function indexByOwner(objects: readonly KubeObject[]): Map<string, KubeObject[]> {
  const byOwner = new Map<string, KubeObject[]>();
  for (const object of objects) {
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      const owned = byOwner.get(uid);
      if (owned) owned.push(object);
      else byOwner.set(uid, [object]);
    }
  }
  return byOwner;
}
