// StatefulSets: members with names of their own, one after the other, with their claims and their history.
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../src/machinery/index.ts';
import { pods, resource } from './support/cluster.ts';
import { cluster, eventTexts, key, names, namespace, until, useCluster } from './support/workloads.ts';

const statefulSets = resource('apps', 'v1', 'statefulsets', 'StatefulSet');
const revisions = resource('apps', 'v1', 'controllerrevisions', 'ControllerRevision');
const claims = resource('', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim');

useCluster();

const www = {
  metadata: { name: 'www', labels: { tier: 'db' } },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};

function statefulSet(spec: Record<string, unknown> = {}): KubeObject {
  const labels = { app: 'web' };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'web', namespace },
    spec: {
      serviceName: 'web',
      replicas: 3,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'web:1' }] } },
      ...spec,
    },
  };
}

const volumes = resource('', 'v1', 'persistentvolumes', 'PersistentVolume', false);

/** Volumes that claims are bound to: nothing in this cluster makes any, and a pod waits until its claims are bound. */
async function addVolumes(count: number): Promise<void> {
  const volume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { generateName: 'disk-' },
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/var/lib/disk' } },
  };
  // The server completes the name.
  await Promise.all(
    Array.from({ length: count }, () => cluster.client.create(volumes, volume as unknown as KubeObject)),
  );
}

const create = (spec?: Record<string, unknown>) => cluster.client.create(statefulSets, statefulSet(spec));
const change = (spec: Record<string, unknown>) => cluster.client.patch(statefulSets, key('web'), 'strategic', { spec });
const setImage = (image: string) => change({ template: { spec: { containers: [{ name: 'c', image }] } } });

async function reaches(status: Record<string, unknown>): Promise<void> {
  await until(async () => {
    const set = await cluster.client.get(statefulSets, key('web'));
    const zeros = { readyReplicas: 0, updatedReplicas: 0 };
    expect({ ...zeros, ...set.status }).toMatchObject({ observedGeneration: set.metadata.generation, ...status });
  });
}

async function images(): Promise<Record<string, string>> {
  const { items } = await cluster.client.list(pods, { namespace });
  const imageOf = (spec: KubeObject['spec'] = {}): string =>
    (spec['containers'] as { image: string }[])[0]?.image ?? '';
  return Object.fromEntries(items.map(({ metadata, spec }) => [metadata.name, imageOf(spec)]));
}

describe('a stateful set', () => {
  it('makes one member after the other, each with its name, its labels and its claim', async () => {
    cluster.unready = ({ metadata }) => metadata.name === 'web-1';
    await addVolumes(3);
    await create({ volumeClaimTemplates: [www] });
    await reaches({ replicas: 2, readyReplicas: 1, availableReplicas: 1 });
    expect(await names(pods)).toEqual(['web-0', 'web-1']);
    const member = await cluster.client.get(pods, key('web-1'));
    const [revision] = (await cluster.client.list(revisions, { namespace })).items;
    expect(member).toMatchObject({
      metadata: {
        generateName: 'web-',
        labels: {
          app: 'web',
          'apps.kubernetes.io/pod-index': '1',
          'controller-revision-hash': revision?.metadata.name,
          'statefulset.kubernetes.io/pod-name': 'web-1',
        },
        ownerReferences: [{ kind: 'StatefulSet', name: 'web', controller: true, blockOwnerDeletion: true }],
      },
      spec: { hostname: 'web-1', subdomain: 'web' },
    });
    const volume = { name: 'www', persistentVolumeClaim: { claimName: 'www-web-1' } };
    expect(member.spec?.['volumes']).toContainEqual(volume);
    expect((await cluster.client.get(claims, key('www-web-1'))).metadata).toMatchObject({
      labels: { app: 'web', tier: 'db' },
    });
    cluster.unready = () => false;
    await cluster.client.patch(pods, key('web-1'), 'merge', { metadata: { annotations: { look: 'again' } } });
    await reaches({ replicas: 3, readyReplicas: 3, currentReplicas: 3, updatedReplicas: 3, availableReplicas: 3 });
    expect(await eventTexts()).toEqual(
      expect.arrayContaining([
        'SuccessfulCreate: create Claim www-web-0 Pod web-0 in StatefulSet web success',
        'SuccessfulCreate: create Pod web-0 in StatefulSet web successful',
      ]),
    );
  });

  it('keeps its revisions under the names that kube-controller-manager gives them, and no more than it may', async () => {
    const container = { name: 'c', image: 'nginx:1', args: ['a<b&c'], ports: [{ containerPort: 80 }] };
    const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [container] } };
    await create({ replicas: 1, revisionHistoryLimit: 1, template });
    const first = 'web-7b8447f5c9';
    await reaches({ replicas: 1, currentRevision: first, updateRevision: first, collisionCount: 0 });
    expect(await cluster.client.get(revisions, key(first))).toMatchObject({
      metadata: { labels: { app: 'web', 'controller.kubernetes.io/hash': '7b8447f5c9' } },
      revision: 1,
      data: { spec: { template: { $patch: 'replace', metadata: { labels: { app: 'web' } } } } },
    });
    for (const image of ['nginx:2', 'nginx:3']) {
      await setImage(image);
      await reaches({ updatedReplicas: 1, readyReplicas: 1 });
    }
    await until(async () => {
      const kept = (await cluster.client.list(revisions, { namespace })).items;
      expect(kept.map((each) => each['revision']).sort()).toEqual([2, 3]);
    });
  });

  it('gives a revision another name where the name is taken by another state', async () => {
    const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'web:1' }] } };
    await create({ replicas: 1, template });
    await reaches({ readyReplicas: 1, collisionCount: 0 });
    const [{ metadata, ...first } = { metadata: { name: '' } }] = (await cluster.client.list(revisions, { namespace }))
      .items;
    await cluster.client.delete(statefulSets, key('web'));
    await until(async () => expect(await names(revisions)).toEqual([]));
    const taken = { name: metadata.name, namespace };
    await cluster.client.create(revisions, { ...first, metadata: taken, data: { other: true } } as KubeObject);
    await create({ replicas: 1, template });
    await reaches({ readyReplicas: 1, collisionCount: 1 });
    const { status } = await cluster.client.get(statefulSets, key('web'));
    expect(status?.['updateRevision']).not.toBe(metadata.name);
    expect((await cluster.client.get(revisions, taken))['data']).toEqual({ other: true });
  });

  it('rolls down to its partition, and makes what is below it anew as it was', async () => {
    await create({ replicas: 4, updateStrategy: { rollingUpdate: { partition: 2 } } });
    await reaches({ readyReplicas: 4 });
    await setImage('web:2');
    await reaches({ readyReplicas: 4, currentReplicas: 2, updatedReplicas: 2 });
    await cluster.client.delete(pods, key('web-0'));
    await until(async () =>
      expect(await images()).toEqual({ 'web-0': 'web:1', 'web-1': 'web:1', 'web-2': 'web:2', 'web-3': 'web:2' }),
    );
    await change({ updateStrategy: { rollingUpdate: { partition: 0 } } });
    await until(async () => {
      const { status } = await cluster.client.get(statefulSets, key('web'));
      expect(status).toMatchObject({ readyReplicas: 4, updatedReplicas: 4, currentReplicas: 4 });
      expect(status?.['currentRevision']).toBe(status?.['updateRevision']);
    });
  });

  it('stops a rollout at a member that does not become ready, and goes on only when that one is replaced', async () => {
    await create();
    await reaches({ readyReplicas: 3 });
    cluster.unready = ({ spec }) => JSON.stringify(spec).includes('web:bad');
    await setImage('web:bad');
    await reaches({ readyReplicas: 2, updatedReplicas: 1, currentReplicas: 2 });
    await setImage('web:3');
    await reaches({ readyReplicas: 2, updatedReplicas: 0 });
    expect(await images()).toEqual({ 'web-0': 'web:1', 'web-1': 'web:1', 'web-2': 'web:bad' });
    await cluster.client.delete(pods, key('web-2'));
    await reaches({ readyReplicas: 3, updatedReplicas: 3 });
  });

  it('with OnDelete leaves members as they are until somebody deletes them', async () => {
    await create({ updateStrategy: { type: 'OnDelete' } });
    await reaches({ readyReplicas: 3 });
    await setImage('web:2');
    await reaches({ updatedReplicas: 0 });
    await cluster.client.delete(pods, key('web-1'));
    await reaches({ readyReplicas: 3, updatedReplicas: 1, currentReplicas: 2 });
    expect(await images()).toEqual({ 'web-0': 'web:1', 'web-1': 'web:2', 'web-2': 'web:1' });
  });

  it('in parallel waits for nobody, and counts from where its ordinals start', async () => {
    cluster.unready = () => true;
    await create({ podManagementPolicy: 'Parallel', ordinals: { start: 5 } });
    await reaches({ replicas: 3 });
    expect((await names(pods)).sort()).toEqual(['web-5', 'web-6', 'web-7']);
    await change({ replicas: 1 });
    await reaches({ replicas: 1 });
    expect(await names(pods)).toEqual(['web-5']);
  });

  it('replaces a member that has failed, and gives one its labels back', async () => {
    await create({ replicas: 1 });
    await reaches({ readyReplicas: 1 });
    const before = await cluster.client.get(pods, key('web-0'));
    await cluster.client.patch(pods, key('web-0'), 'merge', { status: { phase: 'Failed' } }, { subresource: 'status' });
    await until(async () =>
      expect((await cluster.client.get(pods, key('web-0'))).metadata.uid).not.toBe(before.metadata.uid),
    );
    await reaches({ readyReplicas: 1 });
    const labels = { 'statefulset.kubernetes.io/pod-name': 'other' };
    await cluster.client.patch(pods, key('web-0'), 'merge', { metadata: { labels } });
    await until(async () => {
      const { metadata } = await cluster.client.get(pods, key('web-0'));
      expect(metadata.labels?.['statefulset.kubernetes.io/pod-name']).toBe('web-0');
    });
  });

  it('has its claims deleted with it, or with members that are scaled away, where its policy says so', async () => {
    await addVolumes(3);
    await create({ replicas: 2, volumeClaimTemplates: [www] });
    await reaches({ readyReplicas: 2 });
    const owners = async (name: string) => (await cluster.client.get(claims, key(name))).metadata.ownerReferences ?? [];
    expect(await owners('www-web-1')).toEqual([]);
    await change({ persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Delete' } });
    await until(async () => {
      expect(await owners('www-web-0')).toMatchObject([{ kind: 'StatefulSet', controller: true }]);
      expect(await owners('www-web-1')).toMatchObject([{ kind: 'StatefulSet', controller: true }]);
    });
    await change({ replicas: 1 });
    await until(async () => expect(await names(claims)).toEqual(['www-web-0']));
    await change({ replicas: 2 });
    await reaches({ readyReplicas: 2 });
    await cluster.client.delete(statefulSets, key('web'));
    await until(async () => {
      expect(await names(pods)).toEqual([]);
      expect(await names(claims)).toEqual([]);
      expect(await names(revisions)).toEqual([]);
    });
  });

  it('takes over the members and the history that an earlier set of its name has left', async () => {
    await create({ replicas: 2 });
    await reaches({ readyReplicas: 2 });
    await cluster.client.delete(statefulSets, key('web'), { propagationPolicy: 'Orphan' });
    await until(async () => expect(await cluster.client.find(statefulSets, key('web'))).toBeUndefined());
    const set = await create({ replicas: 2 });
    await reaches({ readyReplicas: 2, currentReplicas: 2 });
    const children = [pods, revisions].map((of) => cluster.client.list(of, { namespace }));
    for (const { metadata } of (await Promise.all(children)).flatMap(({ items }) => items)) {
      expect(metadata.ownerReferences).toMatchObject([{ uid: set.metadata.uid, controller: true }]);
    }
  });

  it('says in its events what it may not make', async () => {
    await cluster.client.create(resource('', 'v1', 'resourcequotas', 'ResourceQuota'), {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'none', namespace },
      spec: { hard: { persistentvolumeclaims: '0' } },
    });
    const refusal =
      'persistentvolumeclaims "www-web-0" is forbidden: exceeded quota: none, requested: persistentvolumeclaims=1, used: persistentvolumeclaims=0, limited: persistentvolumeclaims=0';
    await until(async () => {
      const quota = await cluster.client.get(resource('', 'v1', 'resourcequotas', 'ResourceQuota'), key('none'));
      expect(quota.status?.['used']).toEqual({ persistentvolumeclaims: '0' });
    });
    await create({ replicas: 1, volumeClaimTemplates: [www] });
    await until(async () =>
      expect(await eventTexts()).toEqual(
        expect.arrayContaining([
          `FailedCreate: create Claim www-web-0 for Pod web-0 in StatefulSet web failed error: ${refusal}`,
          `FailedCreate: create Pod web-0 in StatefulSet web failed error: failed to create PVC www-web-0: ${refusal}`,
        ]),
      ),
    );
    expect(await names(pods)).toEqual([]);
  });
});
