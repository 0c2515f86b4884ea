import type { Client } from '../client/index.ts';
import { ApiError, isReason, type KubeObject } from '../machinery/index.ts';
import { type InventoryItem, nameOfItem } from './inventory.ts';
import type { KindResolver } from './kinds.ts';
import { INSTANCE_ID_LABEL } from './names.ts';

export interface RemovalInput {
  client: Client;
  resolveKind: KindResolver;
  instance: KubeObject;
  items: readonly InventoryItem[];
}

/** What is left of the items, and what each is waiting for. */
export interface Removal {
  remaining: InventoryItem[];
  waiting: string[];
}

/**
 * Deletes composed objects, dependents first: the items of a level only when those of higher levels are gone. Objects
 * that are not the instance's are left alone, and a kind that is no longer installed has no objects.
 */
export async function removeItems(input: RemovalInput): Promise<Removal> {
  let remaining = [...input.items];
  while (remaining.length > 0) {
    const level = Math.max(...remaining.map((item) => item.level));
    const now = remaining.filter((item) => item.level === level);
    const results = await Promise.all(now.map((item) => removeItem(input, item)));
    const stuck = now.filter((_, index) => results[index] !== undefined);
    remaining = [...remaining.filter((item) => item.level !== level), ...stuck];
    if (stuck.length > 0) return { remaining, waiting: results.filter((result) => result !== undefined) };
  }
  return { remaining, waiting: [] };
}

/** Deletes one object. undefined when it is gone (or is not the instance's), else what it is waiting for. */
async function removeItem(input: RemovalInput, item: InventoryItem): Promise<string | undefined> {
  const { client, instance } = input;
  const resource = await input.resolveKind(item.apiVersion, item.kind);
  if (!resource) return undefined;
  const live = await client.find(resource, item);
  if (!live || !isOf(instance, live)) return undefined;
  if (!live.metadata.deletionTimestamp) {
    try {
      await client.delete(resource, item, { propagationPolicy: 'Background', uid: live.metadata.uid ?? '' });
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined;
      if (!(error instanceof ApiError)) throw error;
      return `${nameOfItem(item)} cannot be deleted: ${error.message}`;
    }
  }
  const left = await client.find(resource, item);
  return left && left.metadata.uid === live.metadata.uid ? whyIsThere(item, left) : undefined;
}

function isOf(instance: KubeObject, live: KubeObject): boolean {
  const uid = instance.metadata.uid;
  const owned = live.metadata.ownerReferences?.some((owner) => owner.uid === uid) ?? false;
  return owned || live.metadata.labels?.[INSTANCE_ID_LABEL] === uid;
}

function whyIsThere(item: InventoryItem, left: KubeObject): string {
  const finalizers = left.metadata.finalizers ?? [];
  const why = finalizers.length > 0 ? `, which waits for its finalizers ${finalizers.join(', ')}` : '';
  return `waiting for the deletion of ${nameOfItem(item)}${why}`;
}
