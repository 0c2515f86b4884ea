import type { Client } from '../client/index.ts';
import {
  type Condition,
  groupResource,
  isReason,
  type KubeObject,
  objectKey,
  type Resource,
} from '../machinery/index.ts';

export interface UntilOptions {
  /** Milliseconds. Default 10,000. */
  timeout?: number;
}

const TIMEOUT = 10_000;

/** See ControlPlane.until. */
export async function until<T extends KubeObject>(
  client: Client,
  resource: Resource,
  key: { name: string; namespace?: string },
  condition: (object: T | undefined) => boolean,
  { timeout = TIMEOUT }: UntilOptions = {},
): Promise<T | undefined> {
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(), timeout);
  let last: T | undefined;
  try {
    while (!ending.signal.aborted) {
      // Read, then watched from there: no change is missed, and the absence of the object is known from the start.
      const { items, metadata } = await client.list<T>(resource, selecting(key));
      last = items[0];
      if (condition(last)) return last;
      const from = { ...selecting(key), resourceVersion: metadata.resourceVersion, signal: ending.signal };
      try {
        for await (const { type, object } of client.watch<T>(resource, from)) {
          if (type === 'BOOKMARK') continue;
          last = type === 'DELETED' ? undefined : object;
          if (condition(last)) return last;
        }
      } catch (error) {
        if (!isReason(error, 'Expired')) throw error;
      }
    }
  } finally {
    clearTimeout(timer);
    ending.abort();
  }
  const state = last === undefined ? 'it does not exist' : `it is ${JSON.stringify(shown(last))}`;
  throw new Error(
    `waiting for ${groupResource(resource)} ${objectKey(key.name, key.namespace)}: not within ${timeout} ms; ${state}`,
  );
}

function selecting({ name, namespace }: { name: string; namespace?: string }) {
  return { fieldSelector: `metadata.name=${name}`, ...(namespace === undefined ? {} : { namespace }) };
}

/** The object without what only fills the message. */
function shown({ metadata: { managedFields: _, ...metadata }, ...rest }: KubeObject): object {
  return { ...rest, metadata };
}

/**
 * A condition for `until`: the object's status has a condition of this type and status that is about the object's present
 * generation. One that still speaks of an earlier generation does not count.
 */
export function hasCondition(type: string, status: Condition['status'] = 'True') {
  return (object: KubeObject | undefined): boolean => {
    const conditions = object?.status?.['conditions'];
    if (!Array.isArray(conditions)) return false;
    const found = (conditions as Condition[]).find((condition) => condition.type === type);
    if (found?.status !== status) return false;
    const observed = found.observedGeneration ?? object?.status?.['observedGeneration'];
    return typeof observed !== 'number' || observed >= (object?.metadata.generation ?? 0);
  };
}
