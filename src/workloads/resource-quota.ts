import { type Controller, createController, type PlatformContext } from '../client/index.ts';
import {
  addAmounts,
  builtinResources,
  countName,
  equalJson,
  type Fields,
  isReason,
  type KubeObject,
  keyOf,
  limitsOn,
  type Quantity,
  quotaEvaluator,
  type Resource,
  readAmounts,
  splitKey,
  writeAmounts,
} from '../machinery/index.ts';
import { persistentVolumeClaims, pods, resourceQuotas, services } from './resources.ts';

/**
 * Works out what is used of each quota, from what there is: when a quota is new or changed, and when something goes that
 * was charged to it. What comes is charged by admission, in the turn in which it is stored.
 */
export function resourceQuotaController(context: PlatformContext): Controller {
  const { client, informers } = context;
  const quotas = informers.for(resourceQuotas);
  const followed = new Set([pods, services, persistentVolumeClaims].map(countName));

  const quotasBeside = ({ metadata }: KubeObject): string[] => quotas.list(metadata.namespace).map(keyOf);

  /** From now on an object of this resource that goes has the quotas of its namespace worked out again. */
  function follow(resource: Resource): void {
    const id = countName(resource);
    if (followed.has(id)) return;
    followed.add(id);
    controller.addSource({ resource, keys: (object, { deleted }) => (deleted ? quotasBeside(object) : []) });
  }

  async function reconcile(key: string): Promise<undefined> {
    const { namespace = '', name } = splitKey(key);
    // The lists are read after the quota: whatever is charged meanwhile changes the quota, and the update is refused.
    const quota = await client.find(resourceQuotas, { namespace, name });
    if (!quota || quota.metadata.deletionTimestamp) return;
    const hard = (quota.spec?.['hard'] ?? {}) as Fields;
    const used = await usedIn(namespace, quota, Object.keys(hard));
    const status = { hard, used: writeAmounts(used) };
    if (equalJson(status, { hard: quota.status?.['hard'] ?? {}, used: quota.status?.['used'] ?? {} })) return;
    await client.update(resourceQuotas, { ...quota, status }, { subresource: 'status' });
  }

  async function usedIn(namespace: string, quota: KubeObject, limits: string[]): Promise<Map<string, Quantity>> {
    const used = readAmounts(Object.fromEntries(limits.map((limit) => [limit, '0'])));
    for (const resource of await resourcesOf(limits)) {
      follow(resource);
      const { usage } = quotaEvaluator(resource);
      for (const object of await objectsIn(namespace, resource)) {
        const charged = limitsOn(quota, limits, resource, object);
        if (charged.length === 0) continue;
        addAmounts(used, new Map([...usage(object)].filter(([limit]) => charged.includes(limit))));
      }
    }
    return used;
  }

  /** The resources whose objects are charged to any of these limits. */
  async function resourcesOf(limits: readonly string[]): Promise<Resource[]> {
    const counts = limits.filter((limit) => limit.startsWith('count/'));
    const known = new Set(builtinResources.map(countName));
    const custom = counts.every((limit) => known.has(limit)) ? [] : (await client.discover()).resources;
    const chosen = new Map<string, Resource>();
    for (const resource of [...builtinResources, ...custom]) {
      const id = countName(resource);
      const wanted =
        resource.namespaced && resource.verbs.includes('list') && limits.some(quotaEvaluator(resource).handles);
      if (wanted && !chosen.has(id)) chosen.set(id, resource);
    }
    return [...chosen.values()];
  }

  /** None of a resource that is not served any more. */
  async function objectsIn(namespace: string, resource: Resource): Promise<KubeObject[]> {
    try {
      return (await client.list(resource, { namespace })).items;
    } catch (error) {
      if (isReason(error, 'NotFound')) return [];
      throw error;
    }
  }

  const controller = createController({
    name: 'resourcequota-controller',
    context,
    sources: [
      { resource: resourceQuotas },
      { resource: pods, keys: (pod, { deleted }) => (deleted || hasEnded(pod) ? quotasBeside(pod) : []) },
      ...[services, persistentVolumeClaims].map((resource) => ({
        resource,
        keys: (object: KubeObject, change: { deleted: boolean; old?: KubeObject | undefined }) =>
          change.deleted || change.old ? quotasBeside(object) : [],
      })),
    ],
    reconcile,
  });
  return controller;
}

const hasEnded = ({ status }: KubeObject): boolean =>
  status?.['phase'] === 'Succeeded' || status?.['phase'] === 'Failed';
