import type { Client } from '../client/index.ts';
import { equalJson, type Fields, isReason, type KubeObject, type Resource } from '../machinery/index.ts';

/** Writes an object's status unless it is what it should be already. */
export async function writeStatus(
  client: Client,
  resource: Resource,
  object: KubeObject,
  status: Fields,
): Promise<void> {
  if (equalJson(object.status ?? {}, status)) return;
  try {
    await client.update(resource, { ...object, status }, { subresource: 'status' });
  } catch (error) {
    // Deleted meanwhile: there is nobody left to tell.
    if (!isReason(error, 'NotFound')) throw error;
  }
}
