import type { Pod } from '../types.ts';

/**
 * How many replicas a metric asks for (upstream's podautoscaler replica_calculator, 1.34). What is not known of a pod
 * counts against whatever would be done: nothing when there would be more replicas, all that it asked for when fewer.
 */

/** What a pod uses, in thousandths of the metric's unit. */
export interface PodUsage {
  readonly value: bigint;
  /** When the window of measuring ended, and how long it was: milliseconds. */
  readonly at: number;
  readonly window: number;
}

/** By the name of the pod. */
export type Usages = ReadonlyMap<string, PodUsage>;

/** How far the ratio of usage to target may be from 1 without consequence. */
export interface Tolerances {
  readonly up: number;
  readonly down: number;
}

export interface Question {
  /** What the scale asks for at the moment. */
  readonly currentReplicas: number;
  /** Those of the selector, and what is known of their usage. */
  readonly pods: readonly Pod[];
  readonly usages: Usages;
  readonly tolerances: Tolerances;
  /** Usage of the CPU says nothing of a pod that is starting. */
  readonly isCpu: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface Proposal {
  readonly replicas: number;
  /** What a pod uses on average, in thousandths. */
  readonly average: bigint;
}

/** Why no number can be told. */
export class CalculationError extends Error {}

/** How long after its start a pod may be busy with starting, and how long its readiness may come and go: milliseconds. */
const CPU_INITIALIZATION = 5 * 60_000;
const INITIAL_READINESS = 30_000;

/**
 * Replicas for a share of what the pods ask for.
 * @param target percent.
 * @param requestsOf what the pods ask for by name, in thousandths; throws CalculationError where one does not say.
 */
export function replicasForUtilization(
  question: Question,
  target: number,
  requestsOf: () => ReadonlyMap<string, bigint>,
): Proposal & { utilization: number } {
  const known = groupPods(question);
  const requests = requestsOf();
  const ratioOf = (usages: Usages): { ratio: number; utilization: number; average: bigint } => {
    const own = [...usages].filter(([pod]) => requests.has(pod));
    const used = sum(own.map(([, { value }]) => value));
    const asked = sum(own.map(([pod]) => requests.get(pod) ?? 0n));
    if (asked === 0n) throw new CalculationError('no metrics returned matched known pods');
    const utilization = Number((used * 100n) / asked);
    return { ratio: utilization / target, utilization, average: used / BigInt(own.length) };
  };
  const { utilization, average } = ratioOf(known.usages);
  const fallback = BigInt(Math.max(100, target));
  const assumed = (pod: string): bigint => ((requests.get(pod) ?? 0n) * fallback) / 100n;
  return { replicas: propose(question, known, (usages) => ratioOf(usages).ratio, assumed), utilization, average };
}

/** Replicas for so much a pod. @param target in thousandths. */
export function replicasForAverage(question: Question, target: bigint): Proposal {
  const known = groupPods(question);
  const averageOf = (usages: Usages): bigint =>
    sum([...usages.values()].map(({ value }) => value)) / BigInt(usages.size);
  const ratioOf = (usages: Usages): number => Number(averageOf(usages)) / Number(target);
  return { replicas: propose(question, known, ratioOf, () => target), average: averageOf(known.usages) };
}

/** What is known of the pods that count. */
interface Known {
  usages: Usages;
  ready: number;
  /** Pods that are starting, and pods that have no usage: by name. */
  unready: readonly string[];
  missing: readonly string[];
}

type Standing = 'ignored' | 'unready' | 'missing' | 'ready';

function groupPods(question: Question): Known {
  const { pods } = question;
  if (pods.length === 0) throw new CalculationError('no pods returned by selector while calculating replica count');
  const names: Record<Standing, string[]> = { ignored: [], unready: [], missing: [], ready: [] };
  for (const pod of pods) names[standingOf(pod, question)].push(pod.metadata.name);
  const usages = new Map(question.usages);
  for (const name of [...names.ignored, ...names.unready]) usages.delete(name);
  if (usages.size === 0) {
    throw new CalculationError('did not receive metrics for targeted pods (pods might be unready)');
  }
  return { usages, ready: names.ready.length, unready: names.unready, missing: names.missing };
}

function standingOf(pod: Pod, { usages, isCpu, now }: Question): Standing {
  const { metadata, status = {} } = pod;
  if (metadata.deletionTimestamp || status.phase === 'Failed') return 'ignored';
  if (status.phase === 'Pending') return 'unready';
  const usage = usages.get(metadata.name);
  if (!usage) return 'missing';
  return isCpu && isStarting(status, usage, now) ? 'unready' : 'ready';
}

/** Whether what a pod uses of the CPU may be for its start only. */
function isStarting({ conditions, startTime }: NonNullable<Pod['status']>, usage: PodUsage, now: number): boolean {
  const ready = conditions?.find(({ type }) => type === 'Ready');
  if (!ready || startTime === undefined) return true;
  const started = Date.parse(startTime);
  const changed = Date.parse(ready.lastTransitionTime ?? '') || 0;
  const isUnready = ready.status === 'False';
  if (started + CPU_INITIALIZATION > now) return isUnready || usage.at < changed + usage.window;
  return isUnready && started + INITIAL_READINESS > changed;
}

/** @param assumed what a pod is taken to use that nothing is known of, where there would be fewer replicas. */
function propose(
  { currentReplicas, tolerances }: Question,
  { usages, ready, unready, missing }: Known,
  ratioOf: (usages: Usages) => number,
  assumed: (pod: string) => bigint,
): number {
  const isWithin = (ratio: number): boolean => 1 - tolerances.down <= ratio && ratio <= 1 + tolerances.up;
  const ratio = ratioOf(usages);
  const countsUnready = unready.length > 0 && ratio > 1;
  if (!countsUnready && missing.length === 0) {
    return isWithin(ratio) ? currentReplicas : Math.ceil(ratio * ready);
  }
  const careful = new Map(usages);
  const assume = (pod: string, value: bigint): void => void careful.set(pod, { value, at: 0, window: 0 });
  if (ratio !== 1) for (const pod of missing) assume(pod, ratio < 1 ? assumed(pod) : 0n);
  if (countsUnready) for (const pod of unready) assume(pod, 0n);
  const carefulRatio = ratioOf(careful);
  const turns = (ratio < 1 && carefulRatio > 1) || (ratio > 1 && carefulRatio < 1);
  if (turns || isWithin(carefulRatio)) return currentReplicas;
  const replicas = Math.ceil(carefulRatio * careful.size);
  const isOpposite =
    (carefulRatio < 1 && replicas > currentReplicas) || (carefulRatio > 1 && replicas < currentReplicas);
  return isOpposite ? currentReplicas : replicas;
}

const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n);
