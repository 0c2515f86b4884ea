import type { Client } from '../../client/index.ts';
import type { KubeObject, OwnerReference } from '../../machinery/index.ts';
import { ignoringAbsence } from '../refusals.ts';
import { foregroundFinalizer, type Graph, isLeaving, type Located, orphanFinalizer } from './owners.ts';

export interface Collector {
  client: Client;
  graph: Graph;
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
  const present = owners.filter((_, index) => states[index] === 'present');
  const leaving = owners.filter((_, index) => states[index] === 'leaving');
  if (present.length > 0) {
    if (present.length < owners.length) await setOwners(client, located, present);
    return;
  }
  const dependents = leaving.length > 0 ? graph.dependents(object.metadata.uid ?? '') : [];
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
  const { uid } = object.metadata;
  await ignoringAbsence(client.delete(resource, object.metadata, { propagationPolicy, uid }));
}

/** What a dependent's own finalizers ask for; if its owner waits for it, its dependents have to go first. */
function policyFor({ metadata }: KubeObject, ownerWaits: boolean): 'Orphan' | 'Foreground' | 'Background' {
  if (metadata.finalizers?.includes(orphanFinalizer)) return 'Orphan';
  if (ownerWaits || metadata.finalizers?.includes(foregroundFinalizer)) return 'Foreground';
  return 'Background';
}

/** Foreground: lets the object go once no dependent that blocks it is left, and has those deleted. */
async function awaitDependents(collector: Collector, located: Located): Promise<void> {
  const uid = located.object.metadata.uid ?? '';
  const blocking = collector.graph
    .dependents(uid)
    .filter(({ object }) =>
      object.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.blockOwnerDeletion),
    );
  if (blocking.length === 0) {
    await removeFinalizer(collector.client, located, foregroundFinalizer);
    return;
  }
  for (const dependent of blocking) {
    if (!dependent.object.metadata.deletionTimestamp) collector.enqueue(dependent);
  }
}

/** Orphan: every dependent forgets the object, then the object may go. */
async function orphanDependents({ client, graph }: Collector, located: Located): Promise<void> {
  const uid = located.object.metadata.uid ?? '';
  for (const dependent of graph.dependents(uid)) {
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
