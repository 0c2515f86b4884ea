import type { Client } from '../client/index.ts';
import { equalJson, type Fields, type KubeObject, type Resource } from '../machinery/index.ts';
import { ignoringAbsence } from './refusals.ts';

/** Writes the status of an object that may be deleted meanwhile, if it says anything else than the one that is there. */
export async function updateStatus(
  client: Client,
  resource: Resource,
  object: KubeObject,
  status: Fields,
): Promise<void> {
  if (isSameStatus(object.status, status)) return;
  await ignoringAbsence(client.update(resource, { ...object, status }, { subresource: 'status' }));
}

/** Whether two statuses say the same: servers may keep a count of zero that another leaves out. */
function isSameStatus(a: Fields | undefined, b: Fields): boolean {
  return a !== undefined && equalJson(withoutZeros(a), withoutZeros(b));
}

function withoutZeros(status: Fields): Fields {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== 0 && value !== undefined));
}
