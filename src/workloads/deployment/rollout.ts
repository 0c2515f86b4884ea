import type { ReconcileResult } from '../../client/index.ts';
import { ignoringAbsence } from '../refusals.ts';
import { replicaSets } from '../resources.ts';
import type { DeploymentStatus, ReplicaSet } from '../types.ts';
import { desiredReplicasOf, revisionOf } from './revision.ts';
import { countedStatus, isComplete, nextDeadlineCheck, type Rollout, rolloutStatus, withCondition } from './status.ts';
import { availableOf, newSetSize, scaleProportionally, shrinkOldSets, sizeOf } from './strategy.ts';
import { createNewSet, resize, syncNewSet, type Writer, writeStatus } from './sync.ts';
import { byAge } from './template.ts';

/** Whether pods of an old ReplicaSet may still be running. */
export type OldPods = (set: ReplicaSet) => boolean;

/** Takes the next step of a rollout and writes the status. Every step's effect brings the next reconcile. */
export async function advance(
  writer: Writer,
  rollout: Rollout,
  oldPods: OldPods,
): Promise<ReconcileResult | undefined> {
  const { deployment } = rollout;
  if (deployment.metadata.deletionTimestamp) {
    await writeStatus(writer, deployment, countedStatus(rollout));
    return undefined;
  }
  notePause(rollout);
  await syncNewSet(writer, rollout);
  if (deployment.spec?.paused || isScaling(rollout)) {
    await scale(writer, rollout);
    if (deployment.spec?.paused) await cleanUp(writer, rollout);
    await writeStatus(writer, deployment, countedStatus(rollout));
    return undefined;
  }
  const settled = rollout.strategy.rolling
    ? await rollingStep(writer, rollout)
    : await recreateStep(writer, rollout, oldPods);
  if (settled && isComplete(rollout.strategy, deployment.status ?? {}, deployment.metadata.generation)) {
    await cleanUp(writer, rollout);
  }
  return finish(writer, rollout);
}

async function finish(writer: Writer, rollout: Rollout): Promise<ReconcileResult | undefined> {
  const now = Date.now();
  const status: DeploymentStatus = rolloutStatus(rollout, now);
  await writeStatus(writer, rollout.deployment, status);
  const requeueAfter = nextDeadlineCheck(rollout, status, now);
  return requeueAfter === undefined ? undefined : { requeueAfter };
}

/** While a deployment is paused its deadline does not run, and it starts anew when it is resumed. */
function notePause(rollout: Rollout): void {
  if (rollout.strategy.progressDeadline === undefined) return;
  const current = rollout.conditions.find(({ type }) => type === 'Progressing');
  if (current?.reason === 'ProgressDeadlineExceeded') return;
  const paused = rollout.deployment.spec?.paused ?? false;
  if (paused === (current?.reason === 'DeploymentPaused')) return;
  rollout.conditions = withCondition(rollout.conditions, {
    type: 'Progressing',
    status: 'Unknown',
    reason: paused ? 'DeploymentPaused' : 'DeploymentResumed',
    message: paused ? 'Deployment is paused' : 'Deployment is resumed',
  });
}

function activeSets({ newSet, oldSets }: Rollout): ReplicaSet[] {
  return (newSet ? [...oldSets, newSet] : [...oldSets]).filter((set) => sizeOf(set) > 0);
}

/** The deployment was resized since its sets were: their annotations name another size. */
function isScaling(rollout: Rollout): boolean {
  return activeSets(rollout).some((set) => {
    const desired = desiredReplicasOf(set);
    return desired !== undefined && desired !== rollout.strategy.replicas;
  });
}

async function scale(writer: Writer, rollout: Rollout): Promise<void> {
  const { strategy, newSet, oldSets } = rollout;
  const active = activeSets(rollout);
  const only = active.length > 1 ? undefined : (active[0] ?? newSet ?? oldSets.toSorted(byAge).at(-1));
  if (active.length <= 1) {
    if (only) await resize(writer, rollout, { set: only, size: strategy.replicas });
    return;
  }
  if (newSet && isSaturated(rollout, newSet)) {
    for (const set of active) if (set !== newSet) await resize(writer, rollout, { set, size: 0 });
    return;
  }
  if (!strategy.rolling) return;
  for (const each of scaleProportionally(rollout.deployment, strategy, active)) await resize(writer, rollout, each);
}

/** The current template's set alone has every wanted pod, all available. */
function isSaturated({ strategy: { replicas } }: Rollout, set: ReplicaSet): boolean {
  return sizeOf(set) === replicas && desiredReplicasOf(set) === replicas && availableOf(set) === replicas;
}

/** Grows the new set if there is room, else shrinks the old ones if enough pods are available. True: nothing to do. */
async function rollingStep(writer: Writer, rollout: Rollout): Promise<boolean> {
  await createNewSet(writer, rollout);
  const { strategy, newSet, oldSets } = rollout;
  if (!newSet) return false;
  const current = sizeOf(newSet);
  const size = current >= strategy.replicas ? strategy.replicas : newSetSize(strategy, [...oldSets, newSet], current);
  if (size !== current) {
    await resize(writer, rollout, { set: newSet, size });
    return false;
  }
  const active = oldSets.filter((set) => sizeOf(set) > 0).sort(byAge);
  if (active.length === 0) return true;
  const steps = shrinkOldSets(strategy, newSet, active);
  for (const step of steps) await resize(writer, rollout, step);
  return steps.length === 0;
}

/** Stops all old pods, waits until they have gone, then starts the new ones. True: nothing to do. */
async function recreateStep(writer: Writer, rollout: Rollout, oldPods: OldPods): Promise<boolean> {
  const { oldSets, strategy } = rollout;
  let shrunk = false;
  for (const set of oldSets) {
    if (sizeOf(set) > 0) shrunk = (await resize(writer, rollout, { set, size: 0 })) || shrunk;
  }
  const running = oldSets.some((set) => (set.status?.replicas ?? 0) > 0 || oldPods(set));
  if (shrunk || running) return false;
  await createNewSet(writer, rollout);
  const { newSet } = rollout;
  return newSet ? !(await resize(writer, rollout, { set: newSet, size: strategy.replicas })) : false;
}

/** Deletes the oldest ReplicaSets beyond the history limit; never one that still has pods. */
async function cleanUp({ client }: Writer, { oldSets, strategy }: Rollout): Promise<void> {
  if (strategy.historyLimit === undefined) return;
  const candidates = oldSets
    .filter(({ metadata }) => !metadata.deletionTimestamp)
    .sort((a, b) => revisionOf(a) - revisionOf(b) || byAge(a, b));
  for (const set of candidates.slice(0, Math.max(0, candidates.length - strategy.historyLimit))) {
    const observed = (set.status?.observedGeneration ?? 0) >= (set.metadata.generation ?? 0);
    if (sizeOf(set) !== 0 || (set.status?.replicas ?? 0) !== 0 || !observed) continue;
    await ignoringAbsence(client.delete(replicaSets, set.metadata));
  }
}
