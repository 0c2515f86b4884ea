import type { Deployment, ReplicaSet } from '../types.ts';

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const historyAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas';

/** Annotations that belong to one object and are not copied from a deployment to its ReplicaSets. */
const ownAnnotations = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  revisionAnnotation,
  historyAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
]);

/** Characters of revision history kept at most. */
const longestHistory = 2000;

/** 0 for a set without a readable revision. */
export function revisionOf(set: ReplicaSet): number {
  const revision = Number(set.metadata.annotations?.[revisionAnnotation] ?? 0);
  return Number.isSafeInteger(revision) ? revision : 0;
}

/** The revision that the next new template gets. */
export function nextRevision(oldSets: readonly ReplicaSet[]): number {
  return Math.max(0, ...oldSets.map(revisionOf)) + 1;
}

/**
 * The annotations of the ReplicaSet of a deployment's current template: the deployment's own, and its revision. A set
 * that is rolled back to gets a new revision and remembers those it had.
 */
export function revisionAnnotations(
  deployment: Deployment,
  existing: ReplicaSet | undefined,
  revision: number,
): Record<string, string> {
  const annotations = { ...existing?.metadata.annotations };
  for (const [name, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!ownAnnotations.has(name)) annotations[name] = value;
  }
  const before = annotations[revisionAnnotation];
  if (Number(before ?? 0) >= revision) return annotations;
  annotations[revisionAnnotation] = String(revision);
  if (before) annotations[historyAnnotation] = withHistory(annotations[historyAnnotation], before);
  return annotations;
}

function withHistory(history: string | undefined, revision: string): string {
  const revisions = history ? [...history.split(','), revision] : [revision];
  while (revisions.length > 1 && revisions.join(',').length > longestHistory) revisions.shift();
  return revisions.join(',');
}

/** What tells a later change of the deployment's size from a step of a rollout. */
export function sizeAnnotations(replicas: number, maxSurge: number): Record<string, string> {
  return { [desiredReplicasAnnotation]: String(replicas), [maxReplicasAnnotation]: String(replicas + maxSurge) };
}

/** The size of the deployment when this set was last resized. */
export function desiredReplicasOf(set: ReplicaSet): number | undefined {
  const text = set.metadata.annotations?.[desiredReplicasAnnotation];
  const desired = Number(text ?? Number.NaN);
  return Number.isInteger(desired) && desired >= 0 ? desired : undefined;
}
