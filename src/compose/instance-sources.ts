import type { ControllerSource, Informers } from '../client/index.ts';
import {
  apiVersionOf,
  controllerOf,
  groupOf,
  type KubeObject,
  keyOf,
  objectKey,
  type Resource,
} from '../machinery/index.ts';
import { kindKey } from './kinds.ts';
import { INSTANCE_ID_LABEL } from './names.ts';
import type { Readers } from './readers.ts';

const replicaSets: Resource = {
  group: 'apps',
  version: 'v1',
  resource: 'replicasets',
  kind: 'ReplicaSet',
  namespaced: true,
};
const pods: Resource = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };
const jobs: Resource = { group: 'batch', version: 'v1', resource: 'jobs', kind: 'Job', namespaced: true };

/** What the built-in controllers make of a composed workload: where its faults show. */
const descendants: Record<string, readonly Resource[]> = {
  'apps/v1/Deployment': [replicaSets, pods],
  'apps/v1/ReplicaSet': [pods],
  'apps/v1/StatefulSet': [pods],
  'apps/v1/DaemonSet': [pods],
  'batch/v1/CronJob': [jobs, pods],
  'batch/v1/Job': [pods],
};

/** Every resource in which a change may matter to an instance: what it composes and what comes of that. */
export function watchedResources(composed: Iterable<Resource>): Resource[] {
  const watched = new Map<string, Resource>();
  for (const resource of composed) {
    for (const each of [resource, ...(descendants[kindOf(resource)] ?? [])]) watched.set(kindOf(each), each);
  }
  return [...watched.values()];
}

/**
 * The sources of an instance controller: the instances, and everything that belongs to them.
 * @param onGone called when an instance is no more, to forget what is remembered for it.
 */
export function instanceSources(
  instances: Resource,
  watched: readonly Resource[],
  informers: Informers,
  readers: Readers,
  onGone: (instance: KubeObject) => void,
): ControllerSource[] {
  const informer = informers.for(instances);
  informer.addIndex(UID_INDEX, (object) => [object.metadata.uid ?? '']);
  const byKind = new Map(watched.map((resource) => [kindOf(resource), resource]));

  /** Climbs controller references until it comes to an instance; other objects are known by their label. */
  const instanceOf = (object: KubeObject): string | undefined => {
    let at: KubeObject | undefined = object;
    for (let height = 0; at && height < MAX_HEIGHT; height++) {
      const owner = controllerOf(at);
      if (!owner) break;
      if (owner.kind === instances.kind && groupOf(owner.apiVersion) === instances.group) {
        return objectKey(owner.name, instances.namespaced ? at.metadata.namespace : undefined);
      }
      const parent = byKind.get(kindKey(owner));
      at =
        parent &&
        informers.for(parent).get(objectKey(owner.name, parent.namespaced ? at.metadata.namespace : undefined));
    }
    const uid = object.metadata.labels?.[INSTANCE_ID_LABEL];
    const [instance] = uid ? informer.byIndex(UID_INDEX, uid) : [];
    return instance && keyOf(instance);
  };

  const owned = watched.filter((resource) => kindOf(resource) !== kindOf(instances));
  return [
    {
      resource: instances,
      keys: (instance, { deleted }) => {
        if (deleted) onGone(instance);
        return [keyOf(instance), ...readers.of(instances, keyOf(instance))];
      },
    },
    ...owned.map((resource) => ({
      resource,
      keys: (object: KubeObject) => {
        const key = instanceOf(object);
        const reading = readers.of(resource, keyOf(object));
        return key === undefined ? reading : [key, ...reading];
      },
    })),
  ];
}

const UID_INDEX = 'uid';
/** Deployment → ReplicaSet → Pod is three; a few more for controllers that we do not know. */
const MAX_HEIGHT = 6;

function kindOf(resource: Resource): string {
  return kindKey({ apiVersion: apiVersionOf(resource.group, resource.version), kind: resource.kind });
}
