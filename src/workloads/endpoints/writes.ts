import type { Client, Informer } from '../../client/index.ts';
import { isReason, type KubeObject, objectKey, type Resource } from '../../machinery/index.ts';
import { ignoringAbsence } from '../refusals.ts';
import { endpointSlices } from '../resources.ts';
import { type SliceChanges, serviceNameLabel } from './slices.ts';

/** The index of slices by the key of the service that they are of. */
export const serviceIndex = 'service';

export function addServiceIndex(slices: Informer): void {
  slices.addIndex(serviceIndex, serviceKeys);
}

export function serviceKeys({ metadata }: KubeObject): string[] {
  const name = metadata.labels?.[serviceNameLabel];
  return name ? [objectKey(name, metadata.namespace)] : [];
}

export async function writeSlices(client: Client, changes: SliceChanges): Promise<void> {
  for (const slice of changes.create) await createUnlessThere(client, endpointSlices, slice);
  for (const slice of changes.update) await client.update(endpointSlices, slice);
  for (const slice of changes.remove) await remove(client, endpointSlices, slice);
}

/** What is there already is on its way into the cache, and brings the next reconcile when it arrives. */
export async function createUnlessThere(client: Client, resource: Resource, object: KubeObject): Promise<void> {
  try {
    await client.create(resource, object);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
  }
}

export async function remove(client: Client, resource: Resource, object: KubeObject): Promise<void> {
  await ignoringAbsence(client.delete(resource, object.metadata, { uid: object.metadata.uid }));
}
