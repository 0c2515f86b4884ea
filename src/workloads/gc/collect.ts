import type { Client, EventRecorder } from '../../client/index.ts';
import type { KubeObject, OwnerReference } from '../../machinery/index.ts';
import { ignoringAbsence } from '../refusals.ts';
import { foregroundFinalizer, type Graph, isLeaving, type Located, orphanFinalizer } from './owners.ts';

export interface Collector {
  client: Client;
  graph: Graph;
  recorder: EventRecorder;
  /** Has the object looked at again. */
  enqueue(located: Located): void;
}

/** Does what an object's owners, or its own deletion, ask for (upstream: garbagecollector attemptToDelete, attemptToOrphan). */
export async function collect(collector: Collector, located: Located): Promise<void> {
  const { object } = located;
  const held = isLeaving(object, orphanFinalizer) || isLeaving(object, foregroundFinalizer);
  if (held && !collector.graph.complete()) {
    throw new Error(`${object.kind} ${object.metadata.name} waits for its dependents, which are not all known yet`);
  }
  if (isLeaving(object, orphanFinalizer)) {
    await orphanDependents(collector, located);
  } else if (isLeaving(object, foregroundFinalizer)) {
    await awaitDependents(collector, located);
  }
  // An object that is leaving anyway needs no further deletion, unless its own owner waits for it (cycles).
  if (!object.metadata.deletionTimestamp || isLeaving(object, foregroundFinalizer)) {
    await followOwners(collector, located);
  }
}

/** Deletes the object if no owner is left, or drops the owners that are gone if others keep it. */
async function followOwners(collector: Collector, located: Located): Promise<void> {
  const { client, graph } = collector;
  const { resource, object } = located;
  const owners = object.metadata.ownerReferences ?? [];
  if (owners.length === 0) return;
  const states = await Promise.all(owners.map((owner) => graph.state(object, owner)));
  owners.forEach((owner, index) => {
    const state = states[index];
    if (state === 'elsewhere' || state === 'impossible') tellInvalid(collector, object, owner);
  });
  if (states.includes('impossible')) return;
  const present = owners.filter((_, index) => states[index] === 'present');
  const leaving = owners.filter((_, index) => states[index] === 'leaving');
  if (present.length > 0) {
    if (present.length < owners.length) await setOwners(client, located, present);
    return;
  }
  const dependents = leaving.length > 0 ? graph.dependents(object) : [];
  if (dependents.some((dependent) => isLeaving(dependent.object, foregroundFinalizer))) {
    // A cycle of owners that wait for each other: let go of one end, or none would ever be the first.
    await setOwners(
      client,
      located,
      owners.map((owner) => ({ ...owner, blockOwnerDeletion: false })),
    );
  }
  if (object.metadata.deletionTimestamp) return;
  const propagationPolicy = policyFor(object, dependents.length > 0);
  // The revision makes it fail with a Conflict if the object has got other owners meanwhile.
  const { uid, resourceVersion } = object.metadata;
  const preconditions = { uid, ...(resourceVersion ? { resourceVersion } : {}) };
  await ignoringAbsence(client.delete(resource, object.metadata, { propagationPolicy, ...preconditions }));
}

/** If its owner waits for it, the object's dependents have to go first; otherwise what its own finalizers ask for. */
function policyFor({ metadata }: KubeObject, ownerWaits: boolean): 'Orphan' | 'Foreground' | 'Background' {
  if (ownerWaits) return 'Foreground';
  if (metadata.finalizers?.includes(orphanFinalizer)) return 'Orphan';
  return metadata.finalizers?.includes(foregroundFinalizer) ? 'Foreground' : 'Background';
}

function tellInvalid(
  { recorder }: Collector,
  object: KubeObject,
  { apiVersion, kind, name, uid }: OwnerReference,
): void {
  const { namespace = '' } = object.metadata;
  const owner = `[${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}]`;
  const message = `ownerRef ${owner} does not exist in namespace ${JSON.stringify(namespace)}`;
  recorder.event(object, 'Warning', 'OwnerRefInvalidNamespace', message);
}

/** Foreground: has all dependents deleted, and lets the object go once no dependent that blocks it is left. */
async function awaitDependents(collector: Collector, located: Located): Promise<void> {
  const { uid } = located.object.metadata;
  const dependents = collector.graph.dependents(located.object);
  const isBlocking = ({ object }: Located): boolean =>
    object.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.blockOwnerDeletion) ?? false;
  for (const dependent of dependents) {
    if (!dependent.object.metadata.deletionTimestamp) collector.enqueue(dependent);
  }
  if (!dependents.some(isBlocking)) await removeFinalizer(collector.client, located, foregroundFinalizer);
}

/** Orphan: every dependent forgets the object, then the object may go. */
async function orphanDependents({ client, graph }: Collector, located: Located): Promise<void> {
  const uid = located.object.metadata.uid ?? '';
  for (const dependent of graph.dependents(located.object)) {
    const others = dependent.object.metadata.ownerReferences?.filter((owner) => owner.uid !== uid);
    await setOwners(client, dependent, others ?? []);
  }
  await removeFinalizer(client, located, orphanFinalizer);
}

/** The revision in the patch makes it fail with a Conflict if the object has changed: then all is decided anew. */
async function setOwners(
  client: Client,
  { resource, object }: Located,
  ownerReferences: OwnerReference[],
): Promise<void> {
  const { uid, resourceVersion } = object.metadata;
  const patch = { metadata: { uid, resourceVersion, ownerReferences } };
  await ignoringAbsence(client.patch(resource, object.metadata, 'merge', patch));
}

async function removeFinalizer(client: Client, { resource, object }: Located, finalizer: string): Promise<void> {
  const { uid, resourceVersion } = object.metadata;
  const finalizers = (object.metadata.finalizers ?? []).filter((each) => each !== finalizer);
  const patch = { metadata: { uid, resourceVersion, finalizers } };
  await ignoringAbsence(client.patch(resource, object.metadata, 'merge', patch));
}
