import type { Client, EventRecorder } from '../client/index.ts';
import { isReason, type KubeObject, keyOf, type ObjectMeta, ownerReferenceTo } from '../machinery/index.ts';
import type { Expectations } from './expectations.ts';
import { isNamespaceTerminating } from './refusals.ts';
import { pods } from './resources.ts';
import type { Pod, PodTemplate } from './types.ts';

/** Most pods created or deleted in one reconcile. */
export const burst = 500;

/** What pods are created and deleted through, and who tells of it. */
export interface PodControl {
  client: Client;
  recorder: EventRecorder;
}

/** The pod that an owner's template describes; the server completes its name. */
export function podFrom(owner: KubeObject, template: PodTemplate | undefined): KubeObject {
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  const owned: Partial<ObjectMeta> = {
    generateName: `${owner.metadata.name}-`,
    namespace: owner.metadata.namespace,
    labels,
    annotations,
    finalizers,
    ownerReferences: [ownerReferenceTo(owner)],
  };
  return { apiVersion: 'v1', kind: 'Pod', metadata: owned as ObjectMeta, spec: template?.spec };
}

/** The same for those whose cache must have caught up before they act again. */
export interface ExpectingControl extends PodControl {
  expectations: Expectations;
}

export interface Created {
  /** How many pods there are of those that were wanted. */
  created: number;
  /** The first error, after which no more were tried. Undefined also where the namespace goes: nothing is to be done. */
  failure: Error | undefined;
}

/**
 * Creates and deletes pods of an owner, and expects the cache to tell of it.
 * @returns how many were created, and the first error; the rest is for the next reconcile.
 */
export async function changePods(
  control: ExpectingControl,
  owner: KubeObject,
  wanted: readonly KubeObject[],
  doomed: readonly Pod[],
): Promise<Created> {
  if (wanted.length === 0 && doomed.length === 0) return { created: 0, failure: undefined };
  const { expectations } = control;
  const key = keyOf(owner);
  const uids = doomed.map(({ metadata }) => metadata.uid ?? '');
  expectations.expectChanges(key, wanted.length, uids);
  const { created, failure } = await createPods(control, owner, wanted);
  expectations.creationObserved(key, wanted.length - created);
  const outcomes = await Promise.all(doomed.map((pod) => deletePod(control, owner, pod)));
  outcomes.forEach((outcome, index) => {
    // The informer will not see this deletion.
    if (outcome !== 'deleted') expectations.deletionObserved(key, uids[index] ?? '');
  });
  return { created, failure: failure ?? outcomes.find((outcome) => outcome instanceof Error) };
}

/** Creates in batches of 1, 2, 4, …: if the first pod is refused, hundreds are not tried in vain. */
async function createPods(control: PodControl, owner: KubeObject, wanted: readonly KubeObject[]): Promise<Created> {
  let created = 0;
  for (let batch = 1; created < wanted.length; batch *= 2) {
    const tried = wanted.slice(created, created + batch);
    const results = await Promise.all(tried.map((pod) => createPod(control, owner, pod)));
    const [failure, ...more] = results.filter((result) => result !== undefined);
    created += tried.length - more.length - (failure ? 1 : 0);
    if (failure) return { created, failure: isNamespaceTerminating(failure) ? undefined : failure };
  }
  return { created, failure: undefined };
}

async function createPod(control: PodControl, owner: KubeObject, pod: KubeObject): Promise<Error | undefined> {
  try {
    const { metadata } = await control.client.create(pods, pod);
    control.recorder.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${metadata.name}`);
    return undefined;
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error));
    if (!isNamespaceTerminating(failure)) {
      control.recorder.event(owner, 'Warning', 'FailedCreate', `Error creating: ${failure.message}`);
    }
    return failure;
  }
}

/** @returns 'deleted', 'gone' if somebody else was quicker, or why it could not be deleted. */
export async function deletePod(
  { client, recorder }: PodControl,
  owner: KubeObject,
  pod: KubeObject,
): Promise<'deleted' | 'gone' | Error> {
  const { name, uid } = pod.metadata;
  try {
    await client.delete(pods, pod.metadata, { uid });
    recorder.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    return 'deleted';
  } catch (error) {
    if (isReason(error, 'NotFound')) return 'gone';
    const failure = error instanceof Error ? error : new Error(String(error));
    recorder.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${failure.message}`);
    return failure;
  }
}
