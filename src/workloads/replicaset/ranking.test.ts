import { expect, it } from 'vitest';
import type { Pod } from '../types.ts';
import { podsToDelete } from './ranking.ts';

const now = Date.parse('2025-01-02T00:00:00Z');
const at = (secondsAgo: number) => new Date(now - secondsAgo * 1000).toISOString();

interface Traits {
  node?: string;
  phase?: string;
  readyFor?: number;
  cost?: string;
  restarts?: number;
  age?: number;
}

function pod(
  name: string,
  { node = 'n', phase = 'Running', readyFor = 1000, cost, restarts = 0, age = 5000 }: Traits = {},
): Pod {
  const annotations = cost ? { 'controller.kubernetes.io/pod-deletion-cost': cost } : undefined;
  const ready = { type: 'Ready', status: 'True', lastTransitionTime: at(readyFor) } as const;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, uid: name, annotations, creationTimestamp: at(age) },
    spec: { nodeName: node, containers: [] },
    status: {
      phase,
      conditions: readyFor > 0 ? [ready] : [],
      containerStatuses: [{ name: 'web', restartCount: restarts }],
    },
  };
}

it.each([
  ['not assigned to a node', { node: '' }],
  ['pending', { phase: 'Pending' }],
  ['not ready', { readyFor: 0 }],
  ['cheap to delete', { cost: '-5' }],
  ['ready for a shorter time', { readyFor: 10 }],
  ['restarted more often', { restarts: 3 }],
  ['younger', { age: 1001 }],
])('deletes a pod first that is %s', (_, traits) => {
  const others = [pod('a'), pod('z')];
  const [first] = podsToDelete([...others, pod('m', traits)], [], 1, now);
  expect(first?.metadata.name).toBe('m');
});

it('deletes first where a node has more ready pods of the same owner', () => {
  const crowded = [pod('a', { node: 'full' }), pod('b', { node: 'full' })];
  const alone = pod('0', { node: 'empty' });
  expect(podsToDelete([alone, ...crowded], [alone, ...crowded], 2, now).map(({ metadata }) => metadata.name)).toEqual([
    'a',
    'b',
  ]);
});

it('does not tell ages of the same order of magnitude apart', () => {
  const [first] = podsToDelete([pod('b', { readyFor: 1000 }), pod('a', { readyFor: 1020 })], [], 1, now);
  expect(first?.metadata.name).toBe('a');
});
