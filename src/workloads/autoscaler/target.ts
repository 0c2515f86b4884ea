import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../client/index.ts';
import { groupOf, isReason, type Resource } from '../../machinery/index.ts';
import type { Autoscaler, Scale } from './types.ts';

/** What is scaled: its resource, and its scale as it was read. */
export interface Target {
  resource: Resource;
  scale: Scale;
}

/** How often a scale that somebody else changed meanwhile is read and written again, and after how many milliseconds. */
const ATTEMPTS = 5;
const PAUSE = 10;

/** Reads the scale of what an autoscaler is for. @throws Error for a kind that is not served, ApiError of the read. */
export async function targetOf(client: Client, { metadata, spec }: Autoscaler): Promise<Target> {
  const { apiVersion = 'v1', kind = '', name = '' } = spec?.scaleTargetRef ?? {};
  const resource =
    (await client.resourceFor(apiVersion, kind)) ?? (await inAnyVersion(client, groupOf(apiVersion), kind));
  const namespace = metadata.namespace ?? '';
  return { resource, scale: await client.get<Scale>(resource, { namespace, name }, 'scale') };
}

/** A target is named by its kind: its version may be one that is served no more. */
async function inAnyVersion(client: Client, group: string, kind: string): Promise<Resource> {
  const { resources } = await client.discover();
  const found = resources.find((each) => each.group === group && each.kind === kind);
  if (found) return found;
  throw new Error(`no matches for kind ${JSON.stringify(kind)} in group ${JSON.stringify(group)}`);
}

/** Writes how many replicas there are to be. @throws ApiError of the write. */
export async function rescale(client: Client, { resource, scale }: Target, replicas: number): Promise<void> {
  let current = scale;
  for (let attempt = 1; ; attempt++) {
    try {
      await client.update(resource, { ...current, spec: { replicas } }, { subresource: 'scale' });
      return;
    } catch (error) {
      if (attempt === ATTEMPTS || !isReason(error, 'Conflict')) throw error;
      await sleep(PAUSE);
      const { name, namespace = '' } = current.metadata;
      current = await client.get<Scale>(resource, { namespace, name }, 'scale');
    }
  }
}
