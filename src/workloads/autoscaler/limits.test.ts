import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { limit, type Memory, remember } from './limits.ts';
import type { Behavior } from './types.ts';

/** What upstream's controller (1.34.1) made of a proposal. Times are in seconds ago. */
interface Recorded {
  behavior?: Behavior;
  min: number;
  max: number;
  current: number;
  proposed: number;
  recommendations: Past[];
  /** By how many replicas it was scaled up, and down. */
  ups: Past[];
  downs: Past[];
  replicas: number;
  /** The conditions AbleToScale and ScalingLimited: 'True Reason: message'. */
  able: string;
  limited: string;
}

interface Past {
  replicas: number;
  ago: number;
}

const cases = readFileSync(new URL('limits-cases.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded);
const now = Date.parse('2026-01-02T03:04:05Z');

test.each(cases.map((recorded, index) => [index + 1, recorded] as const))('case %i', (_, recorded) => {
  const { behavior, min, max, current, proposed, recommendations, ups, downs } = recorded;
  const steps = (past: Past[]): Memory['ups'] =>
    past.map(({ replicas, ago }) => ({ at: now - ago * 1000, by: replicas }));
  const memory: Memory = {
    recommendations: recommendations.map(({ replicas, ago }) => ({ at: now - ago * 1000, replicas })),
    ups: steps(ups),
    downs: steps(downs),
  };
  const scaleTargetRef = { kind: 'Deployment', name: 'web' };
  const spec = { scaleTargetRef, minReplicas: min, maxReplicas: max, ...(behavior ? { behavior } : {}) };
  const { replicas, able, limited } = limit(spec, memory, current, proposed, now);
  const status = limited.isLimited ? 'True' : 'False';
  expect({
    replicas,
    able: `True ${able.reason}: ${able.message}`,
    limited: `${status} ${limited.reason}: ${limited.message}`,
  }).toEqual({ replicas: recorded.replicas, able: recorded.able, limited: recorded.limited });
});

test('what was done is remembered for as long as a policy may ask for it', () => {
  const rules = { selectPolicy: 'Max', policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] } as const;
  const behavior: Behavior = {
    scaleUp: { ...rules, policies: [...rules.policies] },
    scaleDown: { ...rules, policies: [...rules.policies] },
  };
  const memory: Memory = { recommendations: [], ups: [], downs: [] };
  remember(behavior, memory, 1, 3, now);
  remember(behavior, memory, 3, 4, now + 50_000);
  remember(behavior, memory, 4, 2, now + 50_000);
  expect(memory.ups.map(({ by }) => by)).toEqual([2, 1]);
  expect(memory.downs.map(({ by }) => by)).toEqual([2]);
  remember(behavior, memory, 2, 7, now + 70_000);
  expect(memory.ups.map(({ by }) => by)).toEqual([1, 5]);
  remember(undefined, memory, 7, 1, now + 70_000);
  expect(memory.downs).toHaveLength(1);
});
