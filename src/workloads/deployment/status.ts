import { timestamp } from '../../machinery/index.ts';
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../types.ts';
import { availableOf, type Strategy, total } from './strategy.ts';

/** A condition as a controller states it; times are added when it is recorded. */
export type Statement = Pick<DeploymentCondition, 'type' | 'status' | 'reason' | 'message'>;

/** Records a condition. One of the same status and reason stays as it is; the time of transition changes with the status. */
export function withCondition(conditions: readonly DeploymentCondition[], stated: Statement): DeploymentCondition[] {
  const current = conditions.find(({ type }) => type === stated.type);
  if (current?.status === stated.status && current.reason === stated.reason) return [...conditions];
  return [...without(conditions, stated.type), dated(stated, current)];
}

export function without(conditions: readonly DeploymentCondition[], type: string): DeploymentCondition[] {
  return conditions.filter((condition) => condition.type !== type);
}

function dated(stated: Statement, current: DeploymentCondition | undefined): DeploymentCondition {
  const now = timestamp();
  const lastTransitionTime = current?.status === stated.status ? current.lastTransitionTime : now;
  return { ...stated, lastUpdateTime: now, lastTransitionTime };
}

export interface Rollout {
  deployment: Deployment;
  strategy: Strategy;
  newSet: ReplicaSet | undefined;
  oldSets: readonly ReplicaSet[];
  /** The deployment's conditions, with what this reconcile has already to say. */
  conditions: DeploymentCondition[];
  collisionCount: number | undefined;
}

/** The counts of a deployment's ReplicaSets and whether enough pods are available. */
export function countedStatus(rollout: Rollout): DeploymentStatus {
  const { deployment, strategy, newSet, oldSets } = rollout;
  const sets = newSet ? [...oldSets, newSet] : oldSets;
  const available = sets.reduce((sum, set) => sum + availableOf(set), 0);
  const enough = available >= strategy.replicas - strategy.maxUnavailable;
  return {
    observedGeneration: deployment.metadata.generation,
    replicas: sets.reduce((sum, set) => sum + (set.status?.replicas ?? 0), 0),
    updatedReplicas: newSet?.status?.replicas ?? 0,
    readyReplicas: sets.reduce((sum, set) => sum + (set.status?.readyReplicas ?? 0), 0),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, total(sets) - available),
    collisionCount: rollout.collisionCount,
    conditions: withCondition(rollout.conditions, availability(enough)),
  };
}

function availability(enough: boolean): Statement {
  return enough
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
}

/** countedStatus, and how the rollout comes along. */
export function rolloutStatus(rollout: Rollout, now: number): DeploymentStatus {
  const status = countedStatus(rollout);
  const conditions = progress(rollout, status, now);
  const failure = replicaFailure(rollout);
  status.conditions = failure ? withCondition(conditions, failure) : without(conditions, 'ReplicaFailure');
  return status;
}

/** All wanted pods are of the current template and available, and no others are left. */
export function isComplete(strategy: Strategy, status: DeploymentStatus, generation: number | undefined): boolean {
  return (
    status.updatedReplicas === strategy.replicas &&
    status.replicas === strategy.replicas &&
    status.availableReplicas === strategy.replicas &&
    (status.observedGeneration ?? 0) >= (generation ?? 0)
  );
}

function progress(rollout: Rollout, status: DeploymentStatus, now: number): DeploymentCondition[] {
  const { deployment, strategy, newSet } = rollout;
  const conditions = status.conditions ?? [];
  if (strategy.progressDeadline === undefined) return without(conditions, 'Progressing');
  const current = rollout.conditions.find(({ type }) => type === 'Progressing');
  if (status.replicas === status.updatedReplicas && current?.reason === 'NewReplicaSetAvailable') return conditions;

  const subject = newSet ? `ReplicaSet "${newSet.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  const state = (ok: boolean, reason: string, what: string): Statement => ({
    type: 'Progressing',
    status: ok ? 'True' : 'False',
    reason,
    message: `${subject} ${what}`,
  });
  if (isComplete(strategy, status, deployment.metadata.generation)) {
    return withCondition(conditions, state(true, 'NewReplicaSetAvailable', 'has successfully progressed.'));
  }
  if (hasProgressed(deployment.status ?? {}, status)) {
    // Recorded even if nothing but the time changes: the deadline counts from the last sign of progress.
    const stated = state(true, 'ReplicaSetUpdated', 'is progressing.');
    return [...without(conditions, 'Progressing'), dated(stated, current)];
  }
  if (isStuck(current, strategy.progressDeadline, now)) {
    return withCondition(conditions, state(false, 'ProgressDeadlineExceeded', 'has timed out progressing.'));
  }
  return conditions;
}

function hasProgressed(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus) => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  const grown = (count: 'updatedReplicas' | 'readyReplicas' | 'availableReplicas') =>
    (after[count] ?? 0) > (before[count] ?? 0);
  return grown('updatedReplicas') || old(after) < old(before) || grown('readyReplicas') || grown('availableReplicas');
}

function isStuck(current: DeploymentCondition | undefined, deadline: number, now: number): boolean {
  if (!current || current.reason === 'NewReplicaSetAvailable') return false;
  if (current.reason === 'ProgressDeadlineExceeded') return true;
  return Date.parse(current.lastUpdateTime ?? '') + deadline * 1000 < now;
}

/** In how many milliseconds the deadline has to be looked at again; undefined if nothing can run out. */
export function nextDeadlineCheck(rollout: Rollout, status: DeploymentStatus, now: number): number | undefined {
  const { strategy, deployment } = rollout;
  const current = status.conditions?.find(({ type }) => type === 'Progressing');
  if (strategy.progressDeadline === undefined || !current) return undefined;
  if (current.reason === 'ProgressDeadlineExceeded') return undefined;
  if (isComplete(strategy, status, deployment.metadata.generation)) return undefined;
  const left = Date.parse(current.lastUpdateTime ?? '') + strategy.progressDeadline * 1000 - now;
  // A second later, because recorded times have whole seconds.
  return Math.max(left, 0) + 1000;
}

/** The failure that a ReplicaSet reports, the current template's before others. */
function replicaFailure({ newSet, oldSets }: Rollout): Statement | undefined {
  for (const set of newSet ? [newSet, ...oldSets] : oldSets) {
    const condition = set.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
    if (condition) {
      const { type, status, reason, message } = condition;
      return { type, status, reason, message };
    }
  }
  return undefined;
}
