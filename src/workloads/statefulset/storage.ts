import type { Client, EventRecorder, Informer } from '../../client/index.ts';
import { isReason, objectKey } from '../../machinery/index.ts';
import { persistentVolumeClaims } from '../resources.ts';
import type { Pod } from '../types.ts';
import { claimName } from './identity.ts';
import { claimOwners } from './retention.ts';
import type { StatefulSet, VolumeClaim } from './types.ts';

/** What members and their claims are written through. */
export interface Storage {
  client: Client;
  recorder: EventRecorder;
  claims: Informer;
}

/** The claims that belong to the member of this ordinal, as far as there are any yet. */
export function claimsOf({ claims }: Storage, set: StatefulSet, ordinal: number): VolumeClaim[] {
  const names = (set.spec?.volumeClaimTemplates ?? []).map(({ metadata }) => claimName(set, metadata.name, ordinal));
  return names
    .map((name) => claims.get(objectKey(name, set.metadata.namespace)))
    .filter((claim) => claim !== undefined);
}

/**
 * Makes the claims that a member lacks.
 * @throws Error that names every claim that could not be made, or is going away.
 */
export async function ensureClaims(storage: Storage, set: StatefulSet, pod: Pod, ordinal: number): Promise<void> {
  const failures: string[] = [];
  for (const wanted of claimsFor(set, pod, ordinal)) {
    const { name, namespace } = wanted.metadata;
    const current = storage.claims.get(objectKey(name, namespace));
    if (current?.metadata.deletionTimestamp) failures.push(`pvc ${name} is being deleted`);
    const failure = current ? undefined : await createClaim(storage, set, pod, wanted);
    if (failure) failures.push(`failed to create PVC ${name}: ${failure}`);
  }
  const [first, ...more] = failures;
  if (first) throw new Error(more.length === 0 ? first : `[${failures.join(', ')}]`);
}

/** @returns why there is no such claim. */
async function createClaim(
  { client, recorder }: Storage,
  set: StatefulSet,
  pod: Pod,
  claim: VolumeClaim,
): Promise<string | undefined> {
  const what = `Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
  try {
    await client.create(persistentVolumeClaims, claim);
    const message = `create Claim ${claim.metadata.name} ${what} success`;
    recorder.event(set, 'Normal', 'SuccessfulCreate', message);
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    // It is there, and on its way into the cache.
    if (isReason(error, 'AlreadyExists')) return why;
    const message = `create Claim ${claim.metadata.name} for ${what} failed error: ${why}`;
    recorder.event(set, 'Warning', 'FailedCreate', message);
    return why;
  }
}

function claimsFor(set: StatefulSet, pod: Pod, ordinal: number): VolumeClaim[] {
  return (set.spec?.volumeClaimTemplates ?? []).map(({ metadata, spec }) => {
    const claim: VolumeClaim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name: claimName(set, metadata.name, ordinal),
        namespace: set.metadata.namespace,
        labels: { ...metadata.labels, ...set.spec?.selector.matchLabels },
        annotations: metadata.annotations,
        finalizers: metadata.finalizers,
      },
      spec,
    };
    return { ...claim, metadata: { ...claim.metadata, ownerReferences: claimOwners(set, pod, claim) } };
  });
}
