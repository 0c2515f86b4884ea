import { createHash } from 'node:crypto';
import type { PlatformContext } from '../client/index.ts';
import { ApiError, controllerOf, type KubeObject, keyOf, type Resource } from '../machinery/index.ts';
import { identityOf, nameOfItem } from './inventory.ts';
import { FIELD_MANAGER } from './names.ts';
import { sameWhere } from './same-where.ts';

/** What was last applied, so that what has not changed is not applied again. */
export interface AppliedRecord {
  hash: string;
  /** The server's answer. */
  live: KubeObject;
}

export interface ApplyInput {
  context: PlatformContext;
  instance: KubeObject;
  /** By the identity of the object. */
  applied: Map<string, AppliedRecord>;
}

/** The live object; or why there is none yet. */
export type Applied = { live: KubeObject } | { state: 'Error' | 'Waiting'; message: string; retry?: boolean };

/** Applies an object of an instance, unless it is as it should be already. */
export async function applyObject(
  desired: KubeObject,
  resource: Resource,
  { context, instance, applied }: ApplyInput,
): Promise<Applied> {
  const name = nameOfItem({ kind: desired.kind, name: desired.metadata.name });
  const current = context.informers.for(resource).get(keyOf(desired));
  const owner = current && controllerOf(current);
  if (owner && owner.uid !== instance.metadata.uid) {
    return { state: 'Error', message: `${name} belongs to ${owner.kind}/${owner.name}` };
  }
  if (current?.metadata.deletionTimestamp) {
    return { state: 'Waiting', message: `${name} is being deleted and will be made again` };
  }
  const hash = createHash('sha1').update(JSON.stringify(desired)).digest('base64');
  const { apiVersion, kind, metadata } = desired;
  const recordKey = identityOf({ apiVersion, kind, ...metadata });
  const record = applied.get(recordKey);
  if (current && record?.hash === hash && isUntouched(desired, record.live, current)) {
    record.live = current;
    return { live: current };
  }
  try {
    const live = await context.client.apply(resource, desired, { fieldManager: FIELD_MANAGER, force: true });
    applied.set(recordKey, { hash, live });
    return { live };
  } catch (error) {
    if (error instanceof ApiError) return refusal(name, error);
    throw error;
  }
}

function isUntouched(desired: KubeObject, before: KubeObject, now: KubeObject): boolean {
  if (before.metadata.uid !== now.metadata.uid) return false;
  return before.metadata.resourceVersion === now.metadata.resourceVersion || sameWhere(desired, before, now);
}

/** What the server's refusal means: something that passes, something to be waited for, or an error to be mended. */
function refusal(name: string, error: ApiError): Applied {
  const message = `${name} was refused: ${error.message}`;
  if (error.code >= 500 || error.code === 429 || error.code === 409) return { state: 'Error', message, retry: true };
  return { state: error.code === 404 ? 'Waiting' : 'Error', message, retry: error.code === 404 };
}
