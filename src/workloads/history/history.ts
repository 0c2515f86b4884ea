import type { Client } from '../../client/index.ts';
import { controllerOf, isReason, type KubeObject, ownerReferenceTo } from '../../machinery/index.ts';
import { ignoringAbsence } from '../refusals.ts';
import { controllerRevisions } from '../resources.ts';
import type { PodTemplate } from '../types.ts';
import { byRevision, type ControllerRevision, hashOf, keeps, type Snapshot, snapshotOf } from './revision.ts';

/** A workload that keeps what its template has been in ControllerRevisions. */
export interface HistoryOwner {
  owner: KubeObject;
  template: PodTemplate;
  /** The label of a revision that holds the hash in its name. */
  hashLabel: string;
  /** How many names of new revisions were taken so far. */
  collisionCount: number;
}

export interface History {
  /** All revisions, oldest first, the present one included. */
  revisions: ControllerRevision[];
  /** The revision of the template as it is now: always the newest. */
  present: ControllerRevision;
  collisionCount: number;
}

/** Finds the revision of the present template: as it is, as one that is gone back to and becomes the newest, or a new one. */
export async function historyOf(
  client: Client,
  of: HistoryOwner,
  claimed: readonly ControllerRevision[],
): Promise<History> {
  const revisions = claimed.toSorted(byRevision);
  const snapshot = snapshotOf(of.template);
  const { collisionCount } = of;
  const newest = revisions.at(-1);
  const same = revisions.findLast((revision) => keeps(revision, snapshot));
  if (same && newest && keeps(newest, snapshot)) return { revisions, present: newest, collisionCount };
  const next = (newest?.revision ?? 0) + 1;
  if (same) {
    const present = await client.update(controllerRevisions, { ...same, revision: next });
    return { revisions: [...revisions.filter((each) => each !== same), present], present, collisionCount };
  }
  const created = await createRevision(client, of, snapshot, next);
  return { ...created, revisions: [...revisions, created.present] };
}

/** Tries names until one is free, or is that of this very revision, which the cache does not have yet. */
async function createRevision(
  client: Client,
  of: HistoryOwner,
  snapshot: Snapshot,
  revision: number,
): Promise<Omit<History, 'revisions'>> {
  for (let { collisionCount } = of; ; collisionCount += 1) {
    const wanted = revisionFor(of, snapshot, revision, collisionCount);
    try {
      return { present: await client.create(controllerRevisions, wanted), collisionCount };
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error;
      const taken = await client.find<ControllerRevision>(controllerRevisions, wanted.metadata);
      const ours = taken && (controllerOf(taken)?.uid ?? of.owner.metadata.uid) === of.owner.metadata.uid;
      if (ours && keeps(taken, snapshot)) return { present: taken, collisionCount };
    }
  }
}

function revisionFor(
  { owner, template, hashLabel }: HistoryOwner,
  snapshot: Snapshot,
  revision: number,
  collisionCount: number,
): ControllerRevision {
  const { name, namespace, annotations } = owner.metadata;
  const hash = hashOf(snapshot, collisionCount);
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${name.slice(0, 223)}-${hash}`,
      namespace,
      labels: { ...template.metadata?.labels, [hashLabel]: hash },
      annotations,
      ownerReferences: [ownerReferenceTo(owner)],
    },
    data: snapshot.data,
    revision,
  };
}

/** Deletes the first revisions of these, until `excess` are gone: of those that nothing needs, the oldest first. */
export async function forgetRevisions(
  client: Client,
  unneeded: readonly ControllerRevision[],
  excess: number,
): Promise<void> {
  for (const { metadata } of unneeded.slice(0, Math.max(0, excess))) {
    await ignoringAbsence(client.delete(controllerRevisions, metadata));
  }
}
