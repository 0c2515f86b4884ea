import type { Client, EventRecorder } from '../../client/index.ts';
import { controllerOf, equalJson, isReason, ownerReferenceTo } from '../../machinery/index.ts';
import { ignoringAbsence, isNamespaceTerminating } from '../refusals.ts';
import { deployments, replicaSets } from '../resources.ts';
import type { Deployment, DeploymentStatus, ReplicaSet } from '../types.ts';
import { nextRevision, revisionAnnotation, revisionAnnotations, sizeAnnotations } from './revision.ts';
import { type Rollout, rolloutStatus, withCondition } from './status.ts';
import { newSetSize, type Resize, sizeOf } from './strategy.ts';
import { hashedSelector, hashedTemplate, sameTemplate, templateHash } from './template.ts';

/** What the steps of a rollout write through. */
export interface Writer {
  client: Client;
  recorder: EventRecorder;
}

/** Brings the annotations of the current template's ReplicaSet up to date, and the deployment's revision with them. */
export async function syncNewSet(writer: Writer, rollout: Rollout): Promise<void> {
  const { deployment, newSet, oldSets } = rollout;
  if (!newSet?.spec) return;
  const annotations = revisionAnnotations(deployment, newSet, nextRevision(oldSets));
  const minReadySeconds = deployment.spec?.minReadySeconds;
  const changed = (newSet.spec.minReadySeconds ?? 0) !== (minReadySeconds ?? 0);
  if (changed || !equalJson(annotations, newSet.metadata.annotations ?? {})) {
    rollout.newSet = await writer.client.update(replicaSets, {
      ...newSet,
      metadata: { ...newSet.metadata, annotations },
      spec: { ...newSet.spec, minReadySeconds },
    });
  }
  await recordRevision(writer, deployment, annotations[revisionAnnotation]);
  if (rollout.strategy.progressDeadline === undefined) return;
  if (!rollout.conditions.some(({ type }) => type === 'Progressing')) {
    const message = `Found new replica set "${newSet.metadata.name}"`;
    const found = { type: 'Progressing', status: 'True', reason: 'FoundNewReplicaSet', message } as const;
    rollout.conditions = withCondition(rollout.conditions, found);
  }
}

async function recordRevision({ client }: Writer, deployment: Deployment, revision: string | undefined): Promise<void> {
  if (!revision || deployment.metadata.annotations?.[revisionAnnotation] === revision) return;
  const patch = { metadata: { annotations: { [revisionAnnotation]: revision } } };
  // As a part of the status it is no change of what is wanted, and makes no new generation.
  const { metadata } = await client.patch(deployments, deployment.metadata, 'merge', patch, { subresource: 'status' });
  // The status is written next and needs the revision of this write.
  deployment.metadata = metadata;
}

/** Creates the ReplicaSet of the current template, if there is none yet, as large as the strategy allows now. */
export async function createNewSet(writer: Writer, rollout: Rollout): Promise<void> {
  if (rollout.newSet) return;
  const { deployment, strategy } = rollout;
  const wanted = newReplicaSet(rollout);
  const { name } = wanted.metadata;
  const size = sizeOf(wanted);
  try {
    rollout.newSet = await writer.client.create(replicaSets, wanted);
  } catch (error) {
    await handleRefusal(writer, rollout, wanted, error);
    return;
  }
  if (size > 0) {
    const message = `Scaled up replica set ${name} from 0 to ${size}`;
    writer.recorder.event(deployment, 'Normal', 'ScalingReplicaSet', message);
  }
  if (strategy.progressDeadline !== undefined) {
    const message = `Created new replica set "${name}"`;
    const created = { type: 'Progressing', status: 'True', reason: 'NewReplicaSetCreated', message } as const;
    rollout.conditions = withCondition(rollout.conditions, created);
  }
  await recordRevision(writer, deployment, wanted.metadata.annotations?.[revisionAnnotation]);
}

function newReplicaSet({ deployment, strategy, oldSets, collisionCount }: Rollout): ReplicaSet {
  const { name, namespace } = deployment.metadata;
  const { template = { spec: { containers: [] } }, selector = {}, minReadySeconds } = deployment.spec ?? {};
  const hash = templateHash(template, collisionCount);
  const hashed = hashedTemplate(template, hash);
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      // The same name for the same template: creating it twice is noticed.
      name: `${name.slice(0, 253 - 1 - hash.length)}-${hash}`,
      namespace,
      labels: hashed.metadata?.labels,
      annotations: {
        ...revisionAnnotations(deployment, undefined, nextRevision(oldSets)),
        ...sizeAnnotations(strategy.replicas, strategy.maxSurge),
      },
      ownerReferences: [ownerReferenceTo(deployment)],
    },
    spec: {
      replicas: newSetSize(strategy, oldSets, 0),
      minReadySeconds,
      selector: hashedSelector(selector, hash),
      template: hashed,
    },
  };
}

/** The name is taken, by a set of ours that the cache does not have yet or by another template; or creating failed. */
async function handleRefusal(writer: Writer, rollout: Rollout, wanted: ReplicaSet, error: unknown): Promise<void> {
  const { deployment, strategy } = rollout;
  if (isReason(error, 'AlreadyExists')) {
    const taken = await writer.client.get<ReplicaSet>(replicaSets, wanted.metadata);
    const ours = controllerOf(taken)?.uid === deployment.metadata.uid;
    if (ours && taken.spec && wanted.spec && sameTemplate(taken.spec.template, wanted.spec.template)) {
      rollout.newSet = taken;
      await recordRevision(writer, deployment, taken.metadata.annotations?.[revisionAnnotation]);
      return;
    }
    rollout.collisionCount = (rollout.collisionCount ?? 0) + 1;
    await writeStatus(writer, deployment, { ...deployment.status, collisionCount: rollout.collisionCount });
    throw error;
  }
  if (isNamespaceTerminating(error)) throw error;
  const why = error instanceof Error ? error.message : String(error);
  const message = `Failed to create new replica set "${wanted.metadata.name}": ${why}`;
  writer.recorder.event(deployment, 'Warning', 'ReplicaSetCreateError', message);
  if (strategy.progressDeadline !== undefined) {
    const failed = { type: 'Progressing', status: 'False', reason: 'ReplicaSetCreateError', message } as const;
    rollout.conditions = withCondition(rollout.conditions, failed);
    await writeStatus(writer, deployment, rolloutStatus(rollout, Date.now()));
  }
  throw error;
}

/** Resizes a ReplicaSet and notes the deployment's size on it. Returns whether the number of pods changes. */
export async function resize(writer: Writer, rollout: Rollout, { set, size }: Resize): Promise<boolean> {
  const { deployment, strategy } = rollout;
  const before = sizeOf(set);
  const noted = sizeAnnotations(strategy.replicas, strategy.maxSurge);
  const annotations = { ...set.metadata.annotations, ...noted };
  if (!set.spec || (size === before && equalJson(annotations, set.metadata.annotations))) return false;
  await writer.client.update(replicaSets, {
    ...set,
    metadata: { ...set.metadata, annotations },
    spec: { ...set.spec, replicas: size },
  });
  if (size === before) return false;
  const message = `Scaled ${size > before ? 'up' : 'down'} replica set ${set.metadata.name} from ${before} to ${size}`;
  writer.recorder.event(deployment, 'Normal', 'ScalingReplicaSet', message);
  return true;
}

/** Writes the status if it differs from what is there. */
export async function writeStatus({ client }: Writer, deployment: Deployment, status: DeploymentStatus): Promise<void> {
  if (equalJson(withoutZeros(deployment.status ?? {}), withoutZeros(status))) return;
  const updated = { ...deployment, status: withoutZeros(status) };
  await ignoringAbsence(client.update(deployments, updated, { subresource: 'status' }));
}

/** A count of zero is left out, as upstream's JSON does. */
function withoutZeros(status: DeploymentStatus): DeploymentStatus {
  const fields = Object.entries(status).filter(
    ([name, value]) => value !== undefined && (value !== 0 || name === 'collisionCount'),
  );
  return Object.fromEntries(fields);
}
