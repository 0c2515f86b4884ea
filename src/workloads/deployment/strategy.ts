import { shareOf } from '../share.ts';
import type { Deployment, ReplicaSet } from '../types.ts';
import { maxReplicasAnnotation } from './revision.ts';

/** "No limit", as int32 fields say it. */
const maxInt32 = 2 ** 31 - 1;

/** The figures a rollout works with, all resolved to absolute numbers. */
export interface Strategy {
  rolling: boolean;
  /** Pods wanted. */
  replicas: number;
  /** Pods allowed beyond `replicas` during a rollout. */
  maxSurge: number;
  /** Pods that may be unavailable during a rollout. */
  maxUnavailable: number;
  /** Seconds without progress after which a rollout counts as stuck; undefined: never. */
  progressDeadline: number | undefined;
  /** Old ReplicaSets to keep; undefined: all. */
  historyLimit: number | undefined;
}

/** Percentages are rounded in the direction that keeps a rollout moving: surge up, unavailability down. */
export function strategyOf(deployment: Deployment): Strategy {
  const { spec } = deployment;
  const replicas = spec?.replicas ?? 1;
  const rolling = spec?.strategy?.type !== 'Recreate';
  const { maxSurge, maxUnavailable } = spec?.strategy?.rollingUpdate ?? {};
  const surge = rolling ? shareOf(maxSurge ?? 0, replicas, Math.ceil) : 0;
  const unavailable = rolling ? shareOf(maxUnavailable ?? 0, replicas, Math.floor) : 0;
  return {
    rolling,
    replicas,
    maxSurge: surge,
    maxUnavailable: rolling ? resolveUnavailable(surge, unavailable, replicas) : 0,
    progressDeadline: limited(spec?.progressDeadlineSeconds),
    historyLimit: limited(spec?.revisionHistoryLimit),
  };
}

/** With neither surge nor unavailability a rollout could never take a step, so one pod may then be unavailable. */
function resolveUnavailable(surge: number, unavailable: number, replicas: number): number {
  return Math.min(surge === 0 && unavailable === 0 ? 1 : unavailable, replicas);
}

function limited(value: number | undefined): number | undefined {
  return value === maxInt32 ? undefined : value;
}

/** How large the ReplicaSet of the current template may be now. */
export function newSetSize(strategy: Strategy, sets: readonly ReplicaSet[], current: number): number {
  const { replicas, rolling, maxSurge } = strategy;
  if (!rolling) return replicas;
  const room = replicas + maxSurge - total(sets);
  return room <= 0 ? current : current + Math.min(room, replicas - current);
}

/** A ReplicaSet and the size it is to have. */
export interface Resize {
  set: ReplicaSet;
  size: number;
}

/**
 * How far old ReplicaSets may shrink in a rolling update: first by their unavailable pods, then by as many available
 * ones as there are beyond the minimum. Pods of the new ReplicaSet that are not available yet count against both.
 */
export function shrinkOldSets(strategy: Strategy, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): Resize[] {
  const minAvailable = strategy.replicas - strategy.maxUnavailable;
  const newUnavailable = sizeOf(newSet) - availableOf(newSet);
  let budget = total([...oldSets, newSet]) - minAvailable - newUnavailable;
  if (budget <= 0) return [];
  const sizes = new Map(oldSets.map((set) => [set, sizeOf(set)]));
  for (const [set, size] of sizes) {
    const step = Math.min(budget, Math.max(0, size - availableOf(set)));
    sizes.set(set, size - step);
    budget -= step;
  }
  const available = oldSets.reduce((sum, set) => sum + availableOf(set), availableOf(newSet));
  let spare = available - minAvailable;
  for (const [set, size] of sizes) {
    const step = Math.min(Math.max(0, spare), size);
    sizes.set(set, size - step);
    spare -= step;
  }
  return [...sizes].filter(([set, size]) => size !== sizeOf(set)).map(([set, size]) => ({ set, size }));
}

/**
 * Spreads a change of a deployment's size over its active ReplicaSets in proportion to their sizes, so that a rollout
 * under way keeps its balance. What rounding leaves over goes to the largest.
 */
export function scaleProportionally(
  deployment: Deployment,
  strategy: Strategy,
  active: readonly ReplicaSet[],
): Resize[] {
  const allowed = strategy.replicas > 0 ? strategy.replicas + strategy.maxSurge : 0;
  const change = allowed - total(active);
  const sets = active.toSorted((a, b) => sizeOf(b) - sizeOf(a) || youngerFirst(a, b) * Math.sign(change));
  let added = 0;
  const resizes = sets.map((set) => {
    const step = change === 0 || added === change ? 0 : clampTo(change - added, share(deployment, strategy, set));
    added += step;
    return { set, size: sizeOf(set) + step };
  });
  const [largest] = resizes;
  if (largest) largest.size = Math.max(0, largest.size + change - added);
  return resizes;
}

/** How much a set's own share of the change is. */
function share(deployment: Deployment, { replicas, maxSurge }: Strategy, set: ReplicaSet): number {
  const size = sizeOf(set);
  if (replicas === 0) return -size;
  const annotated = Number(set.metadata.annotations?.[maxReplicasAnnotation] ?? 0);
  const before = annotated || deployment.status?.replicas || 0;
  return before === 0 ? 0 : Math.round((size * (replicas + maxSurge)) / before) - size;
}

/** No further than what is left, in its direction. */
function clampTo(left: number, step: number): number {
  return left > 0 ? Math.min(step, left) : Math.max(step, left);
}

function youngerFirst(a: ReplicaSet, b: ReplicaSet): number {
  const [first = '', second = ''] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  return first === second ? 0 : first > second ? -1 : 1;
}

export function sizeOf(set: ReplicaSet): number {
  return set.spec?.replicas ?? 1;
}

export function availableOf(set: ReplicaSet): number {
  return set.status?.availableReplicas ?? 0;
}

/** Pods asked for by these sets together. */
export function total(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + sizeOf(set), 0);
}
