// Deployments and their ReplicaSets, from the template to the pods.
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../src/machinery/index.ts';
import { pods } from './support/cluster.ts';
import {
  cluster,
  deployment,
  deployments,
  eventTexts,
  key,
  names,
  namespace,
  replicaSets,
  replicationControllers,
  rolledOut,
  until,
  useCluster,
} from './support/workloads.ts';

useCluster();

function setImage(name: string, image: string): Promise<KubeObject> {
  const template = { spec: { containers: [{ name: 'web', image }] } };
  return cluster.client.patch(deployments, key(name), 'strategic', { spec: { template } });
}

function imageOf(spec: KubeObject['spec']): string | undefined {
  const [container] = (spec?.['containers'] ?? []) as { image: string }[];
  return container?.image;
}

describe('a deployment', () => {
  it('runs as many pods as it asks for and says so', async () => {
    await cluster.client.create(deployments, deployment('web'));
    await rolledOut('web', 3);
    await until(async () => {
      const { status, metadata } = await cluster.client.get(deployments, key('web'));
      const [set = ''] = await names(replicaSets);
      expect(metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
      expect(metadata.generation).toBe(1);
      expect(status?.['conditions']).toMatchObject([
        { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable' },
        {
          type: 'Progressing',
          status: 'True',
          reason: 'NewReplicaSetAvailable',
          message: `ReplicaSet "${set}" has successfully progressed.`,
        },
      ]);
      expect(await eventTexts()).toContain(`ScalingReplicaSet: Scaled up replica set ${set} from 0 to 3`);
    });
    await cluster.client.patch(deployments, key('web'), 'merge', { spec: { replicas: 5 } });
    await rolledOut('web', 5);
    await cluster.client.patch(deployments, key('web'), 'merge', { spec: { replicas: 0 } });
    await until(async () => expect(await names(pods)).toEqual([]));
  });

  it('rolls a new template out within its limits, and back', async () => {
    await cluster.client.create(
      deployments,
      deployment('web', {
        replicas: 4,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      }),
    );
    await rolledOut('web', 4);
    let most = 0;
    const end = cluster.context.informers.for(pods).addHandler({
      upsert: () => {
        const all = cluster.context.informers.for(pods).list(namespace);
        most = Math.max(most, all.filter(({ metadata }) => !metadata.deletionTimestamp).length);
      },
    });
    await setImage('web', 'web:2');
    await rolledOut('web', 4);
    end();
    expect(most).toBe(5);
    const sets = (await cluster.client.list(replicaSets, { namespace })).items;
    expect(
      sets
        .map(({ spec, metadata }) => [metadata.annotations?.['deployment.kubernetes.io/revision'], spec?.['replicas']])
        .sort(),
    ).toEqual([
      ['1', 0],
      ['2', 4],
    ]);
    await setImage('web', 'web:1');
    await rolledOut('web', 4);
    await until(async () => {
      const { metadata } = await cluster.client.get(deployments, key('web'));
      expect(metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
    });
    const back = (await cluster.client.list(replicaSets, { namespace })).items.find(
      ({ spec }) => spec?.['replicas'] === 4,
    );
    expect(back?.metadata.annotations?.['deployment.kubernetes.io/revision-history']).toBe('1');
  });

  it('stops at a template whose pods do not become ready, and says when that takes too long', async () => {
    await cluster.client.create(deployments, deployment('web', { progressDeadlineSeconds: 2, minReadySeconds: 0 }));
    await rolledOut('web', 3);
    cluster.unready = (pod) => JSON.stringify(pod.spec).includes('web:broken');
    await setImage('web', 'web:broken');
    await until(async () => {
      const { status } = await cluster.client.get(deployments, key('web'));
      const conditions = status?.['conditions'] as { type: string; reason: string; status: string }[];
      expect(conditions.find(({ type }) => type === 'Progressing')).toMatchObject({
        status: 'False',
        reason: 'ProgressDeadlineExceeded',
      });
      expect(status).toMatchObject({ availableReplicas: 3, unavailableReplicas: 1, updatedReplicas: 1 });
    });
  });

  it('recreates: old pods are gone before new ones start', async () => {
    await cluster.client.create(deployments, deployment('web', { strategy: { type: 'Recreate' } }));
    await rolledOut('web', 3);
    const images = new Set<string>();
    const end = cluster.context.informers.for(pods).addHandler({
      upsert: () => {
        const all = cluster.context.informers.for(pods).list(namespace);
        images.add([...new Set(all.map(({ spec }) => imageOf(spec)))].sort().join());
      },
    });
    await setImage('web', 'web:2');
    await rolledOut('web', 3);
    end();
    expect([...images].sort()).toEqual(['web:1', 'web:2']);
  });

  it('waits while it is paused and keeps no more history than it may', async () => {
    await cluster.client.create(deployments, deployment('web', { revisionHistoryLimit: 1 }));
    await rolledOut('web', 3);
    await cluster.client.patch(deployments, key('web'), 'merge', { spec: { paused: true } });
    await until(async () => {
      const { status } = await cluster.client.get(deployments, key('web'));
      expect(status?.['conditions']).toContainEqual(
        expect.objectContaining({ type: 'Progressing', reason: 'DeploymentPaused' }),
      );
    });
    await setImage('web', 'web:2');
    expect(await names(replicaSets)).toHaveLength(1);
    await cluster.client.patch(deployments, key('web'), 'merge', { spec: { paused: false } });
    await rolledOut('web', 3);
    await setImage('web', 'web:3');
    await rolledOut('web', 3);
    await until(async () => expect(await names(replicaSets)).toHaveLength(2));
  });

  it('gives a ReplicaSet another name where the name is taken by another', async () => {
    await cluster.client.create(deployments, deployment('web'));
    await rolledOut('web', 3);
    const [name = ''] = await names(replicaSets);
    await cluster.client.delete(deployments, key('web'));
    await until(async () => expect(await names(pods)).toEqual([]));
    const { spec = {} } = deployment('other', { replicas: 0 });
    const { selector, template, replicas } = spec;
    await until(async () => expect(await names(replicaSets)).toEqual([]));
    await cluster.client.create(replicaSets, {
      ...{ apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name, namespace } },
      spec: { selector, template, replicas },
    });
    await cluster.client.create(deployments, deployment('web'));
    await rolledOut('web', 3);
    expect((await cluster.client.get(deployments, key('web'))).status).toMatchObject({ collisionCount: 1 });
    expect(await names(replicaSets)).toHaveLength(2);
  });

  it('reports what its ReplicaSet cannot create', async () => {
    const template = {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'web:1' }], serviceAccountName: 'missing' },
    };
    await cluster.client.create(deployments, deployment('web', { template }));
    await until(async () => {
      const { status } = await cluster.client.get(deployments, key('web'));
      const [set] = await names(replicaSets);
      const message = `pods "${set}-" is forbidden: error looking up service account ${namespace}/missing: serviceaccount "missing" not found`;
      expect(status?.['conditions']).toContainEqual(
        expect.objectContaining({ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message }),
      );
      expect(await eventTexts()).toContain(`FailedCreate: Error creating: ${message}`);
    });
  });
});

describe('a replica set', () => {
  it('replaces a pod that is deleted, adopts one that matches and lets go of one that no longer does', async () => {
    const { spec } = deployment('web');
    await cluster.client.create(replicaSets, {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: 'web', namespace },
      spec: { ...spec, replicas: 2 },
    });
    await until(async () => expect(await names(pods)).toHaveLength(2));
    const [first = ''] = await names(pods);
    await cluster.client.delete(pods, key(first));
    await until(async () => {
      expect(await names(pods)).not.toContain(first);
      expect(await names(pods)).toHaveLength(2);
    });
    const [second = ''] = await names(pods);
    await cluster.client.patch(pods, key(second), 'merge', { metadata: { labels: { app: 'debugged' } } });
    await until(async () => {
      expect((await cluster.client.get(pods, key(second))).metadata.ownerReferences ?? []).toEqual([]);
      expect(await names(pods)).toHaveLength(3);
    });
    await cluster.client.patch(pods, key(second), 'merge', { metadata: { labels: { app: 'web' } } });
    await until(async () => expect(await names(pods)).toHaveLength(2));
  });
});

describe('a replication controller', () => {
  it('keeps as many pods as it asks for, lets go of those that no longer match, and takes its own along', async () => {
    const { spec } = deployment('web');
    await cluster.client.create(replicationControllers, {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata: { name: 'web', namespace },
      spec: { replicas: 2, template: spec?.['template'] },
    });
    const counts = { replicas: 2, fullyLabeledReplicas: 2, readyReplicas: 2, availableReplicas: 2 };
    await until(async () => {
      const { status } = await cluster.client.get(replicationControllers, key('web'));
      expect(status).toEqual({ ...counts, observedGeneration: 1 });
    });
    const [first = ''] = await names(pods);
    expect(await eventTexts()).toContain(`SuccessfulCreate: Created pod: ${first}`);
    await cluster.client.patch(pods, key(first), 'merge', { metadata: { labels: { app: 'debugged' } } });
    await until(async () => expect(await names(pods)).toHaveLength(3));
    expect((await cluster.client.get(pods, key(first))).metadata.ownerReferences ?? []).toEqual([]);
    await cluster.client.patch(replicationControllers, key('web'), 'merge', { spec: { replicas: 1 } });
    await until(async () => expect(await names(pods)).toHaveLength(2));
    await cluster.client.delete(replicationControllers, key('web'));
    await until(async () => expect(await names(pods)).toEqual([first]));
  });
});
