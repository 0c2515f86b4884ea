import { expect, it } from 'vitest';
import type { Node, NodeCondition, NodeSpec } from '../types.ts';
import { wantedTaints } from './taints.ts';

const node = (spec: NodeSpec, ...conditions: NodeCondition[]): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n' },
  spec,
  status: { conditions },
});

const texts = (of: Node, mayEvict = true): string[] | undefined =>
  wantedTaints(of, mayEvict)?.map(({ key, effect }) => `${key.replace('node.kubernetes.io/', '')}:${effect}`);

const own = { key: 'gpu', effect: 'NoExecute' };

it('follows the conditions, and leaves the taints of others alone', () => {
  const sick = node({ taints: [own] }, { type: 'Ready', status: 'False' }, { type: 'DiskPressure', status: 'True' });
  expect(texts(sick)).toEqual([
    'gpu:NoExecute',
    'not-ready:NoSchedule',
    'disk-pressure:NoSchedule',
    'not-ready:NoExecute',
  ]);
  expect(texts(sick, false)).toEqual(['gpu:NoExecute', 'not-ready:NoSchedule', 'disk-pressure:NoSchedule']);
  const taints = wantedTaints(sick, true) ?? [];
  expect(taints.at(-1)?.timeAdded).toBeTruthy();
  expect(texts(node({ taints }, { type: 'Ready', status: 'Unknown' }))).toEqual([
    'gpu:NoExecute',
    'unreachable:NoSchedule',
    'unreachable:NoExecute',
  ]);
  expect(texts(node({ taints }, { type: 'Ready', status: 'True' }))).toEqual(['gpu:NoExecute']);
});

it('says that a node is cordoned, and changes nothing that is right', () => {
  const ready: NodeCondition = { type: 'Ready', status: 'True' };
  expect(texts(node({ unschedulable: true }, ready))).toEqual(['unschedulable:NoSchedule']);
  const taints = wantedTaints(node({ unschedulable: true }, ready), true) ?? [];
  expect(texts(node({ unschedulable: true, taints }, ready))).toBeUndefined();
  expect(texts(node({ taints }, ready))).toEqual([]);
  expect(texts(node({}))).toBeUndefined();
});
