import type { Client, Informers } from '../client/index.ts';
import { ApiError, type KubeObject, objectKey, type Resource } from '../machinery/index.ts';
import { canBeOwned, createListings, type Listings, listAll, visible } from './listings.ts';
import type { ContainerRun, ObjectSource } from './types.ts';

export interface SourceOptions {
  client: Client;
  /** Resources that may hold owned objects; each is listed once, or its informer used. */
  resources: readonly Resource[];
}

/** Reads through a Client: for commands. Every list is fetched at most once in the life of the source. */
export function clientSource(options: SourceOptions): ObjectSource {
  return listingSource(options.client, createListings(options));
}

/** The same over listings that somebody else has too. */
export function listingSource(client: Client, listings: Listings): ObjectSource {
  return {
    ...reading(client),
    async list(apiVersion, kind, namespace) {
      const resource = await client.resourceFor(apiVersion, kind);
      return resource ? listings.list(resource, namespace) : [];
    },
    owned: listings.owned,
  };
}

/** Reads from shared informers through their indexes: for controllers. */
export function informerSource({
  client,
  informers,
  resources,
}: SourceOptions & { informers: Informers }): ObjectSource {
  const watched = new Map(resources.map((resource) => [kindKey(resource), resource]));
  const watchedFor = async (apiVersion: string, kind: string) => {
    const resource = await client.resourceFor(apiVersion, kind);
    return resource && { resource, informer: watched.has(kindKey(resource)) ? informers.for(resource) : undefined };
  };
  const direct = reading(client);
  return {
    ...direct,
    async get(apiVersion, kind, key) {
      const found = await watchedFor(apiVersion, kind);
      if (found?.informer === undefined) return direct.get(apiVersion, kind, key);
      await found.informer.synced;
      return found.informer.get(objectKey(key.name, found.resource.namespaced ? key.namespace : undefined));
    },
    async list(apiVersion, kind, namespace) {
      const found = await watchedFor(apiVersion, kind);
      if (found === undefined) return [];
      if (found.informer === undefined) return listAll(client, found.resource, namespace);
      await found.informer.synced;
      return found.informer.list(found.resource.namespaced ? namespace : undefined);
    },
    async owned(owner) {
      const candidates = resources
        .filter(canBeOwned(owner.metadata.namespace))
        .map((resource) => informers.for(resource));
      await Promise.all(candidates.map((informer) => informer.synced));
      return candidates.flatMap((informer) => informer.byIndex('ownerUid', owner.metadata.uid ?? ''));
    },
  };
}

const kindKey = (resource: Resource): string => `${resource.group}/${resource.resource}`;

/** What both kinds of source ask the server for directly. */
function reading(client: Client): Omit<ObjectSource, 'list' | 'owned'> {
  const known = new Map<string, Promise<readonly KubeObject[]>>();
  return {
    async get(apiVersion, kind, key) {
      const resource = await client.resourceFor(apiVersion, kind);
      if (resource === undefined || (resource.namespaced && !key.namespace)) return undefined;
      return client.find(resource, resource.namespaced ? key : { name: key.name });
    },
    events(object) {
      const { uid, name, namespace } = object.metadata;
      const key = uid ?? `${object.kind}/${namespace ?? ''}/${name}`;
      const events = known.get(key) ?? eventsOf(client, object);
      known.set(key, events);
      return events;
    },
    lastLog: (run) => lastLog(client, run),
  };
}

/** As many Events of one object as may matter. */
const mostEvents = 500;

async function eventsOf(client: Client, { kind, metadata }: KubeObject): Promise<readonly KubeObject[]> {
  const resource = await client.resourceFor('v1', 'Event');
  if (resource === undefined) return [];
  const { uid, name, namespace = 'default' } = metadata;
  const fieldSelector = uid ? `involvedObject.uid=${uid}` : `involvedObject.name=${name},involvedObject.kind=${kind}`;
  const listed = await visible(client.list(resource, { namespace, fieldSelector, limit: mostEvents }));
  return listed?.items ?? [];
}

/** Lines of a log that may have last words among them, and bytes of it. */
const lastLines = { tailLines: 20, limitBytes: 16 * 1024 };

async function lastLog(client: Client, { namespace, pod, container, previous }: ContainerRun) {
  try {
    const text = await client.logs({ namespace, name: pod }, { container, previous, ...lastLines });
    return text.split('\n');
  } catch (error) {
    // Not allowed, gone, or its node is not there: the answer is whole without it.
    if (error instanceof ApiError) return [];
    throw error;
  }
}
