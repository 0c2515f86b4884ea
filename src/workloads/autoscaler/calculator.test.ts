import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Pod } from '../types.ts';
import { CalculationError, type Question, replicasForAverage, replicasForUtilization } from './calculator.ts';
import { requestsOf } from './usage.ts';

/** What upstream's replica_calculator (1.34.1) answered. Usage and requests are in thousandths, times in seconds ago. */
interface Recorded {
  resource: string;
  current: number;
  target: number;
  /** Whether the target is a share of what the pods ask for, in percent. */
  share: boolean;
  pods: {
    phase: string;
    deleted?: boolean;
    ready?: 'True' | 'False';
    /** -1: it has not; it does not say; it is not known. */
    started: number;
    changed: number;
    request: number;
    usage: number;
    measured: number;
    window: number;
  }[];
  result: { replicas: number; utilization?: number; average: number } | { error: string };
}

const cases = readFileSync(new URL('calculator-cases.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded);
const now = Date.parse('2026-01-02T03:04:05Z');
const ago = (seconds: number): string => new Date(now - seconds * 1000).toISOString();

function podOf(recorded: Recorded['pods'][number], index: number, resource: string): Pod {
  const { phase, deleted, ready, started, changed, request } = recorded;
  const requests = request < 0 ? {} : { [resource]: `${request}m` };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `p${index}`, ...(deleted ? { deletionTimestamp: ago(1) } : {}) },
    spec: { containers: [{ name: 'c', resources: { requests } }] },
    status: {
      phase,
      ...(started < 0 ? {} : { startTime: ago(started) }),
      conditions: ready ? [{ type: 'Ready', status: ready, lastTransitionTime: ago(changed) }] : [],
    },
  };
}

function answerTo({ resource, current, target, share, pods: recorded }: Recorded): Recorded['result'] {
  const pods = recorded.map((pod, index) => podOf(pod, index, resource));
  const usages = new Map(
    recorded.flatMap(({ usage, measured, window }, index) =>
      usage < 0
        ? []
        : [[`p${index}`, { value: BigInt(usage), at: now - measured * 1000, window: window * 1000 }] as const],
    ),
  );
  const tolerances = { up: 0.1, down: 0.1 };
  const question: Question = { currentReplicas: current, pods, usages, tolerances, isCpu: resource === 'cpu', now };
  try {
    const { average, ...told } = share
      ? replicasForUtilization(question, target, () => requestsOf(pods, resource, undefined))
      : replicasForAverage(question, BigInt(target));
    return { ...told, average: Number(average) };
  } catch (error) {
    if (!(error instanceof CalculationError)) throw error;
    return { error: error.message };
  }
}

test.each(cases.map((recorded, index) => [index + 1, recorded] as const))('case %i', (_, recorded) => {
  expect(answerTo(recorded)).toEqual(recorded.result);
});
