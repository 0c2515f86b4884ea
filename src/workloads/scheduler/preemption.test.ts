import { expect, it } from 'vitest';
import type { PodDisruptionBudget } from './budgets.ts';
import { podInfoOf } from './pod-info.ts';
import { node, pod, sceneOf } from './scheduler.testing.ts';

const on = (name: string, priority: number, cpu: string, labels: Record<string, string> = {}) =>
  pod({ cpu }, { nodeName: name, priority }, labels);

const high = (cpu = '1') => pod({ cpu }, { priority: 1000 });

function victims(outcome: ReturnType<ReturnType<typeof sceneOf>['place']>): unknown {
  if ('node' in outcome || !outcome.room) return outcome;
  return [outcome.room.node, ...outcome.room.victims.map(({ pod: { metadata } }) => metadata.name)];
}

it('takes no more victims than needed, and the least important ones', () => {
  const [low, middle] = [on('one', 0, '1'), on('one', 5, '1')];
  const { place } = sceneOf([node('one')], [middle, low]);
  const outcome = place(high());
  expect(victims(outcome)).toEqual(['one', low.metadata.name]);
  expect(outcome).toMatchObject({ message: '0/1 nodes are available: 1 Insufficient cpu.' });
});

it('goes where the least important have to give way', () => {
  const [low, middle] = [on('one', 5, '2'), on('two', 1, '2')];
  expect(victims(sceneOf([node('one'), node('two')], [low, middle]).place(high()))).toEqual([
    'two',
    middle.metadata.name,
  ]);
});

it('spares what a disruption budget covers, if others will do', () => {
  const budget: PodDisruptionBudget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'web', namespace: 'a' },
    spec: { selector: { matchLabels: { app: 'web' } } },
    status: { disruptionsAllowed: 0 },
  };
  const [covered, free] = [on('one', 0, '1', { app: 'web' }), on('one', 5, '1')];
  expect(victims(sceneOf([node('one')], [covered, free], [budget]).place(high()))).toEqual(['one', free.metadata.name]);
  expect(victims(sceneOf([node('one')], [covered], [budget]).place(high('2')))).toEqual(['one', covered.metadata.name]);
});

it('does not take room from the equally important, nor for those who never preempt', () => {
  const equal = sceneOf([node('one')], [on('one', 1000, '2')]);
  expect(equal.tell(high())).toBe(
    '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
  );
  const polite = pod({ cpu: '1' }, { priority: 1000, preemptionPolicy: 'Never' });
  expect(sceneOf([node('one')], [on('one', 0, '2')]).tell(polite)).toBe(
    '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.',
  );
});

it('waits for victims that are going already', () => {
  const going = on('one', 0, '2');
  going.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
  going.status = { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }] };
  const waiting = { ...high(), status: { nominatedNodeName: 'one' } };
  expect(sceneOf([node('one')], [going]).tell(waiting)).toContain(
    'preemption: not eligible due to a terminating pod on the nominated node.',
  );
});

it('makes pods give way that keep another away', () => {
  const term = { labelSelector: { matchLabels: { app: 'w' } }, topologyKey: 'kubernetes.io/hostname' };
  const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  const host = pod({}, { nodeName: 'one', affinity });
  const { place, tell } = sceneOf([node('one')], [host]);
  expect(victims(place(pod({}, { priority: 1 }, { app: 'w' })))).toEqual(['one', host.metadata.name]);
  // Nothing was done about it yet: the pod is still there for everybody else.
  expect(tell(pod({}, {}, { app: 'w' }))).toContain('existing pods anti-affinity rules');
});

it('keeps room for the pod that waits, but not from more important ones', () => {
  const { cluster, tell, place } = sceneOf([node('one')], [on('one', 0, '1')]);
  const waiting = place(high('2'));
  expect(victims(waiting)).toHaveLength(2);
  cluster.nominate(podInfoOf(high('1')), 'one');
  expect(tell(pod({ cpu: '500m' }, { priority: 1 }))).toContain('Insufficient cpu');
  expect(tell(pod({ cpu: '500m' }, { priority: 2000 }))).toBe('one');
});
