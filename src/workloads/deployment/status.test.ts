import { describe, expect, it } from 'vitest';
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../types.ts';
import { nextDeadlineCheck, type Rollout, rolloutStatus } from './status.ts';
import { strategyOf } from './strategy.ts';

const now = Date.parse('2025-01-01T01:00:00Z');

function setOf(
  name: string,
  replicas: number,
  available: number,
  rest: Partial<ReplicaSet['status']> = {},
): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name },
    spec: { replicas, selector: {}, template: { spec: { containers: [] } } },
    status: { replicas, readyReplicas: available, availableReplicas: available, ...rest },
  };
}

function rolloutOf(newSet: ReplicaSet, oldSets: ReplicaSet[], status: DeploymentStatus = {}): Rollout {
  const deployment: Deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', generation: 2 },
    spec: {
      replicas: 3,
      progressDeadlineSeconds: 600,
      selector: {},
      template: { spec: { containers: [] } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    },
    status,
  };
  const conditions = status.conditions ?? [];
  return { deployment, strategy: strategyOf(deployment), newSet, oldSets, conditions, collisionCount: undefined };
}

function progressing(reason: string, minutesAgo: number): DeploymentCondition {
  const at = new Date(now - minutesAgo * 60_000).toISOString();
  return { type: 'Progressing', status: 'True', reason, lastUpdateTime: at, lastTransitionTime: at };
}

function progressOf(rollout: Rollout): DeploymentCondition | undefined {
  return rolloutStatus(rollout, now).conditions?.find(({ type }) => type === 'Progressing');
}

describe('the status of a rollout', () => {
  it('counts the pods of all revisions', () => {
    expect(rolloutStatus(rolloutOf(setOf('b', 1, 0), [setOf('a', 3, 3)]), now)).toMatchObject({
      observedGeneration: 2,
      replicas: 4,
      updatedReplicas: 1,
      readyReplicas: 3,
      availableReplicas: 3,
      unavailableReplicas: 1,
    });
  });

  it('progresses with every pod, and the deadline starts anew', () => {
    const before = {
      replicas: 4,
      updatedReplicas: 1,
      availableReplicas: 3,
      conditions: [progressing('ReplicaSetUpdated', 9)],
    };
    const condition = progressOf(rolloutOf(setOf('b', 2, 1), [setOf('a', 2, 2)], before));
    expect(condition).toMatchObject({
      status: 'True',
      reason: 'ReplicaSetUpdated',
      message: 'ReplicaSet "b" is progressing.',
    });
    expect(condition?.lastTransitionTime).toBe(before.conditions[0]?.lastTransitionTime);
    expect(condition?.lastUpdateTime).not.toBe(before.conditions[0]?.lastUpdateTime);
  });

  it('is stuck when nothing happened until the deadline, not before', () => {
    const stalled = (minutes: number) => ({
      replicas: 4,
      updatedReplicas: 1,
      readyReplicas: 3,
      availableReplicas: 3,
      conditions: [progressing('ReplicaSetUpdated', minutes)],
    });
    const rollout = (minutes: number) => rolloutOf(setOf('b', 1, 0), [setOf('a', 3, 3)], stalled(minutes));
    expect(progressOf(rollout(9))).toMatchObject({ status: 'True' });
    expect(nextDeadlineCheck(rollout(9), stalled(9), now)).toBe(61_000);
    const message = 'ReplicaSet "b" has timed out progressing.';
    expect(progressOf(rollout(11))).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded', message });
  });

  it('is complete when only pods of the current template are left, and stays so', () => {
    const done = rolloutOf(setOf('b', 3, 3), [setOf('a', 0, 0)], { conditions: [progressing('ReplicaSetUpdated', 1)] });
    const message = 'ReplicaSet "b" has successfully progressed.';
    expect(progressOf(done)).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable', message });
    const later = rolloutOf(setOf('b', 3, 1), [], { conditions: [progressing('NewReplicaSetAvailable', 100)] });
    expect(progressOf(later)).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
  });

  it('passes on what a ReplicaSet fails at, and forgets it when it is over', () => {
    const failure = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' } as const;
    const failing = rolloutStatus(rolloutOf(setOf('b', 1, 0, { conditions: [failure] }), []), now);
    expect(failing.conditions).toContainEqual(expect.objectContaining(failure));
    const after = rolloutStatus(rolloutOf(setOf('b', 1, 0), [], failing), now);
    expect(after.conditions?.map(({ type }) => type)).not.toContain('ReplicaFailure');
  });
});
