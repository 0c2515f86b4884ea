import type { Client, DiscoveredResource } from '../../client/index.ts';
import { groupResource, isReason, type KubeObject } from '../../machinery/index.ts';

/** What deleting everything in a namespace has come to. */
export interface Purge {
  /** Objects that are still there, by resource ('pods', 'deployments.apps'). */
  remaining: Map<string, number>;
  /** How many of those each finalizer holds. */
  finalizers: Map<string, number>;
  /** Resources whose objects could not be listed or deleted, and why. */
  failures: { resource: string; message: string }[];
  /** The resources in which something remains. */
  waitingFor: DiscoveredResource[];
}

/** Resources dealt with at the same time. */
const parallel = 8;

/**
 * Asks for the deletion of everything in a namespace, pods first (KEP-5080), and counts what remains. Other resources
 * are left alone until the pods have gone, so that pods do not lose what they need to stop in order.
 */
export async function purge(
  client: Client,
  namespace: string,
  resources: readonly DiscoveredResource[],
): Promise<Purge> {
  const result: Purge = { remaining: new Map(), finalizers: new Map(), failures: [], waitingFor: [] };
  const wanted = resources.filter(
    ({ namespaced, verbs }) => namespaced && verbs.includes('delete') && verbs.includes('list'),
  );
  const first = wanted.filter(isPods);
  for (const resource of first) await purgeResource(client, namespace, resource, result);
  if (result.waitingFor.length > 0) return result;
  const rest = wanted.filter((resource) => !isPods(resource));
  for (let start = 0; start < rest.length; start += parallel) {
    const batch = rest.slice(start, start + parallel);
    await Promise.all(batch.map((resource) => purgeResource(client, namespace, resource, result)));
  }
  return result;
}

function isPods({ group, resource }: DiscoveredResource): boolean {
  return group === '' && resource === 'pods';
}

async function purgeResource(
  client: Client,
  namespace: string,
  resource: DiscoveredResource,
  result: Purge,
): Promise<void> {
  try {
    const { items } = await client.list(resource, { namespace });
    if (items.length === 0) return;
    await deleteAll(client, resource, items);
    const remaining = (await client.list(resource, { namespace })).items;
    if (remaining.length === 0) return;
    result.remaining.set(groupResource(resource), remaining.length);
    result.waitingFor.push(resource);
    for (const { metadata } of remaining) {
      for (const each of metadata.finalizers ?? []) result.finalizers.set(each, (result.finalizers.get(each) ?? 0) + 1);
    }
  } catch (error) {
    // A resource that is not served any more has no objects left.
    if (isReason(error, 'NotFound')) return;
    result.failures.push({
      resource: groupResource(resource),
      message: error instanceof Error ? error.message : String(error),
    });
  }
}

async function deleteAll(client: Client, resource: DiscoveredResource, items: readonly KubeObject[]): Promise<void> {
  const staying = items.filter(({ metadata }) => !metadata.deletionTimestamp);
  for (let start = 0; start < staying.length; start += parallel) {
    const batch = staying.slice(start, start + parallel);
    await Promise.all(batch.map((object) => deleteOne(client, resource, object)));
  }
}

async function deleteOne(client: Client, resource: DiscoveredResource, { metadata }: KubeObject): Promise<void> {
  try {
    await client.delete(resource, metadata, { propagationPolicy: 'Background', uid: metadata.uid });
  } catch (error) {
    // Gone, or replaced by another object that the next list shows.
    if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) throw error;
  }
}
