import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Deployment, ReplicaSet } from '../types.ts';
import { newSetSize, scaleProportionally, shrinkOldSets, sizeOf, strategyOf, total } from './strategy.ts';

function deploymentOf(replicas: number, maxSurge: number | string, maxUnavailable: number | string): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas,
      selector: {},
      template: { spec: { containers: [] } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
    },
  };
}

function setOf(name: string, replicas: number, available = replicas, maxReplicas?: number): ReplicaSet {
  const annotations: Record<string, string> = maxReplicas
    ? { 'deployment.kubernetes.io/max-replicas': String(maxReplicas) }
    : {};
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, annotations, creationTimestamp: `2025-01-01T00:00:0${name.length % 10}Z` },
    spec: { replicas, selector: {}, template: { spec: { containers: [] } } },
    status: { replicas, availableReplicas: available },
  };
}

describe('the figures of a strategy', () => {
  it.each([
    [10, '25%', '25%', 3, 2],
    [1, '25%', '25%', 1, 0],
    [2, 0, '1%', 0, 1],
    [4, 1, 0, 1, 0],
    [3, 0, 5, 0, 3],
    [0, '25%', '25%', 0, 0],
  ])('of %i pods with surge %s and unavailability %s are %i and %i', (replicas, surge, unavailable, up, down) => {
    const { maxSurge, maxUnavailable } = strategyOf(deploymentOf(replicas, surge, unavailable));
    expect([maxSurge, maxUnavailable]).toEqual([up, down]);
  });

  it('are without limits where the largest integer says so', () => {
    const deployment = deploymentOf(1, 0, 1);
    const spec = { ...deployment.spec, progressDeadlineSeconds: 2 ** 31 - 1, revisionHistoryLimit: 2 };
    const strategy = strategyOf({ ...deployment, spec } as Deployment);
    expect(strategy.progressDeadline).toBeUndefined();
    expect(strategy.historyLimit).toBe(2);
  });
});

describe('a rolling update', () => {
  it('takes away unavailable old pods first, then available ones beyond the minimum', () => {
    const strategy = strategyOf(deploymentOf(10, 3, 2));
    const broken = setOf('aa', 4, 1);
    const sound = setOf('b', 6);
    const steps = shrinkOldSets(strategy, setOf('new', 3, 0), [broken, sound]);
    expect(steps.map(({ set, size }) => [set.metadata.name, size])).toEqual([['aa', 2]]);
  });

  /** Plays the rollout with pods that become available at any time, and checks the promises after each step. */
  it('keeps its limits and comes to its end, whatever pods do', () => {
    const figures = fc.record({
      replicas: fc.integer({ min: 0, max: 12 }),
      surge: fc.integer({ min: 0, max: 4 }),
      unavailable: fc.integer({ min: 0, max: 4 }),
      readiness: fc.array(fc.nat(4), { maxLength: 30 }),
    });
    fc.assert(
      fc.property(figures, ({ replicas, surge, unavailable, readiness }) => {
        const strategy = strategyOf(deploymentOf(replicas, surge, unavailable));
        let fresh = setOf('new', 0, 0);
        let old = setOf('old', replicas);
        const pace = [...readiness, ...Array<number>(60).fill(4)];
        for (const becoming of pace) {
          const size = newSetSize(strategy, [old, fresh], sizeOf(fresh));
          const available = fresh.status?.availableReplicas ?? 0;
          if (size !== sizeOf(fresh)) fresh = setOf('new', size, available);
          else for (const step of shrinkOldSets(strategy, fresh, [old])) old = setOf('old', step.size);
          fresh = setOf('new', sizeOf(fresh), Math.min(sizeOf(fresh), available + becoming));
          expect(total([old, fresh])).toBeLessThanOrEqual(replicas + strategy.maxSurge);
          const up = sizeOf(old) + (fresh.status?.availableReplicas ?? 0);
          expect(up).toBeGreaterThanOrEqual(replicas - strategy.maxUnavailable);
        }
        expect([sizeOf(old), sizeOf(fresh)]).toEqual([0, replicas]);
      }),
    );
  });
});

describe('scaling in the middle of a rollout', () => {
  it('spreads the change in proportion', () => {
    const deployment = deploymentOf(20, 0, 5);
    const sets = [setOf('old', 6, 6, 10), setOf('newer', 4, 4, 10)];
    const sizes = scaleProportionally(deployment, strategyOf(deployment), sets);
    expect(sizes.map(({ set, size }) => [set.metadata.name, size])).toEqual([
      ['old', 12],
      ['newer', 8],
    ]);
  });

  it('always comes to the size that is allowed and never below nothing', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(sizes, fc.nat(40), fc.nat(3), (before, replicas, surge) => {
        const deployment = deploymentOf(replicas, surge, 1);
        const sum = before.reduce((a, b) => a + b, 0);
        const sets = before.map((size, index) => setOf('x'.repeat(index + 1), size, size, sum));
        const after = scaleProportionally(deployment, strategyOf(deployment), sets).map(({ size }) => size);
        expect(after.every((size) => size >= 0)).toBe(true);
        const allowed = replicas === 0 ? 0 : replicas + surge;
        expect(after.reduce((a, b) => a + b, 0)).toBe(allowed);
      }),
    );
  });
});
