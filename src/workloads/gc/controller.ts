import { type Controller, createController, type PlatformContext } from '../../client/index.ts';
import { groupResource, type KubeObject, keyOf, type Resource } from '../../machinery/index.ts';
import { customResourceDefinitions } from '../resources.ts';
import { type Collector, collect } from './collect.ts';
import { servedResource } from './crds.ts';
import { createGraph, foregroundFinalizer, isLeaving, type Located, orphanFinalizer } from './owners.ts';

/** The key under which all resources are discovered; no object's key looks like it. */
const discoveryKey = 'discovery';
const neededVerbs = ['delete', 'list', 'watch', 'patch'];

/**
 * Deletes objects whose owners are gone, and sees foreground deletion and orphaning through, for every resource that is
 * served, custom ones included. Nothing is deleted on the word of the cache alone.
 */
export function garbageCollector(context: PlatformContext): Controller {
  const { client, informers } = context;
  const graph = createGraph(client, informers);
  const watched = new Map<string, Watched>();
  const recorder = context.recorder('garbage-collector-controller');
  const collector: Collector = { client, graph, recorder, enqueue: (located) => controller.enqueue(idOf(located)) };

  function watch(resource: Resource): void {
    const id = groupResource(resource);
    const known = watched.get(id);
    if (isIgnored(resource) || known?.resource.version === resource.version) return;
    if (known) unwatch(known.resource);
    graph.add(resource);
    const keys = (object: KubeObject, change: Change) => concerned(resource, object, change);
    // Objects that are there already are queued while the source is being added: collecting them needs the entry.
    const entry: Watched = { resource, end: () => undefined };
    watched.set(id, entry);
    entry.end = controller.addSource({ resource, keys, metadataOnly: true });
  }

  function unwatch(resource: Resource): void {
    const id = groupResource(resource);
    watched.get(id)?.end();
    watched.delete(id);
    graph.remove(resource);
    context.informers.release(resource);
  }

  /** Which objects have to be looked at after a change of one. */
  function concerned(resource: Resource, object: KubeObject, { deleted, old }: Change): string[] {
    const ids: string[] = [];
    if (deleted) {
      for (const dependent of graph.dependents(object)) ids.push(idOf(dependent));
    } else if (needsCollecting(object)) {
      ids.push(idOf({ resource, object }));
    }
    // An owner that waits for its dependents wants to know of each that goes or lets it go.
    if (deleted || (old && old.metadata.ownerReferences !== object.metadata.ownerReferences)) {
      for (const owner of (deleted ? object : old)?.metadata.ownerReferences ?? []) {
        const located = graph.owner(object, owner);
        if (located && isLeaving(located.object, foregroundFinalizer)) ids.push(idOf(located));
      }
    }
    return ids;
  }

  function needsCollecting(object: KubeObject): boolean {
    if (isLeaving(object, foregroundFinalizer) || isLeaving(object, orphanFinalizer)) return true;
    if (object.metadata.deletionTimestamp) return false;
    const owners = object.metadata.ownerReferences ?? [];
    return owners.some((owner) => graph.cachedState(object, owner) !== 'present');
  }

  async function discover(): Promise<void> {
    const { resources, failures } = await client.discover();
    for (const { verbs, ...resource } of resources) {
      if (neededVerbs.every((verb) => verbs.includes(verb))) watch(resource);
    }
    const [first] = failures;
    if (first) throw new Error(`discovering the resources of ${first.groupVersion}: ${first.error.message}`);
  }

  async function reconcile(key: string): Promise<undefined> {
    if (key === discoveryKey) {
      await discover();
      return;
    }
    const [id = '', object = ''] = key.split('|');
    const resource = watched.get(id)?.resource;
    const found = resource && graph.get(resource, object);
    if (resource && found) await collect(collector, { resource, object: found });
  }

  const controller = createController({
    name: 'garbage-collector',
    context,
    sources: [
      {
        resource: customResourceDefinitions,
        keys(definition, { deleted }) {
          const resource = servedResource(definition);
          if (resource && deleted) unwatch(resource);
          else if (resource) watch(resource);
          return [];
        },
      },
    ],
    reconcile,
    workers: 8,
  });
  return {
    ...controller,
    start() {
      controller.start();
      controller.enqueue(discoveryKey);
    },
  };
}

interface Watched {
  resource: Resource;
  end: () => void;
}

interface Change {
  deleted: boolean;
  old?: KubeObject;
}

/** 'resource.group|namespace/name'. */
function idOf({ resource, object }: Located): string {
  return `${groupResource(resource)}|${keyOf(object)}`;
}

/** Events neither own nor are owned, and there are many of them. */
function isIgnored({ group, resource }: Resource): boolean {
  return resource === 'events' && (group === '' || group === 'events.k8s.io');
}
