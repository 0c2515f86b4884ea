import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KubeObject } from '../src/machinery/index.ts';
import { namespaces, pods, resource, startCluster, type TestCluster } from './support/cluster.ts';

const deployments = resource('apps', 'v1', 'deployments', 'Deployment');
const replicaSets = resource('apps', 'v1', 'replicasets', 'ReplicaSet');
const services = resource('', 'v1', 'services', 'Service');
const endpoints = resource('', 'v1', 'endpoints', 'Endpoints');
const slices = resource('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice');
const configMaps = resource('', 'v1', 'configmaps', 'ConfigMap');
const serviceAccounts = resource('', 'v1', 'serviceaccounts', 'ServiceAccount');
const events = resource('', 'v1', 'events', 'Event');
const crds = resource('apiextensions.k8s.io', 'v1', 'customresourcedefinitions', 'CustomResourceDefinition', false);
const widgets = resource('test.dev', 'v1', 'widgets', 'Widget');

let cluster: TestCluster;
let namespace = '';
let count = 0;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());
beforeEach(async () => {
  cluster.unready = () => false;
  count += 1;
  namespace = `test-${count}`;
  await cluster.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
});

const until = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 10_000, interval: 20 });
const key = (name: string) => ({ name, namespace });

function deployment(name: string, spec: Record<string, unknown> = {}, image = 'web:1'): KubeObject {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'web', image, ports: [{ name: 'http', containerPort: 8080 }] }] },
      },
      ...spec,
    },
  };
}

function setImage(name: string, image: string): Promise<KubeObject> {
  const template = { spec: { containers: [{ name: 'web', image }] } };
  return cluster.client.patch(deployments, key(name), 'strategic', { spec: { template } });
}

async function rolledOut(name: string, replicas: number): Promise<void> {
  await until(async () => {
    const { metadata, status } = await cluster.client.get(deployments, key(name));
    expect(status).toMatchObject({
      observedGeneration: metadata.generation,
      ...(replicas ? { replicas, updatedReplicas: replicas, availableReplicas: replicas } : {}),
    });
    expect(status?.['unavailableReplicas']).toBeUndefined();
  });
}

function imageOf(spec: KubeObject['spec']): string | undefined {
  const [container] = (spec?.['containers'] ?? []) as { image: string }[];
  return container?.image;
}

async function names(of: typeof pods): Promise<string[]> {
  return (await cluster.client.list(of, { namespace })).items.map(({ metadata }) => metadata.name);
}

async function eventTexts(): Promise<string[]> {
  const { items } = await cluster.client.list(events, { namespace });
  return items.map((event) => `${event['reason']}: ${event['message']}`);
}

describe('a deployment', () => {
  it('runs as many pods as it asks for and says so', async () => {
    await cluster.client.create(deployments, deployment('web'));
    await rolledOut('web', 3);
    await until(async () => {
      const { status, metadata } = await cluster.client.get(deployments, key('web'));
      const [set = ''] = await names(replicaSets);
      expect(metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
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

  it('reports what its ReplicaSet cannot create', async () => {
    const template = {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'web:1' }], serviceAccountName: 'missing' },
    };
    await cluster.client.create(deployments, deployment('web', { template }));
    await until(async () => {
      const { status } = await cluster.client.get(deployments, key('web'));
      expect(status?.['conditions']).toContainEqual(
        expect.objectContaining({ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' }),
      );
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

describe('a service', () => {
  it('knows the ready pods that it selects, in slices and Endpoints', async () => {
    await cluster.client.create(deployments, deployment('web', { replicas: 2 }));
    await cluster.client.create(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
    });
    await until(async () => {
      const [slice] = (await cluster.client.list(slices, { namespace })).items;
      const found = (slice?.['endpoints'] ?? []) as { conditions: object }[];
      expect(found.map(({ conditions }) => conditions)).toEqual(
        Array(2).fill({ ready: true, serving: true, terminating: false }),
      );
      expect(slice?.['ports']).toMatchObject([{ port: 8080, protocol: 'TCP' }]);
      const mirrored = await cluster.client.get(endpoints, key('web'));
      expect(mirrored['subsets']).toMatchObject([{ addresses: [{}, {}], ports: [{ port: 8080 }] }]);
    });
    await cluster.client.delete(services, key('web'));
    await until(async () => {
      expect(await names(slices)).toEqual([]);
      expect(await names(endpoints)).toEqual([]);
    });
  });

  it('kubernetes leads to the API server', async () => {
    await until(async () => {
      const slice = await cluster.client.get(slices, { name: 'kubernetes', namespace: 'default' });
      expect(slice).toMatchObject({ endpoints: [{ addresses: ['192.0.2.1'] }], ports: [{ port: cluster.api.port }] });
    });
  });
});

async function installWidgets(): Promise<void> {
  await cluster.client.create(crds, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.test.dev' },
    spec: {
      group: 'test.dev',
      scope: 'Namespaced',
      names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  });
  await until(async () => void (await cluster.client.list(widgets)));
}

function owned(name: string, owner: KubeObject, blockOwnerDeletion = true): KubeObject {
  const { apiVersion, kind, metadata } = owner;
  const reference = { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '', blockOwnerDeletion };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, ownerReferences: [reference] } };
}

function configMap(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } };
}

async function gone(name: string): Promise<void> {
  await until(async () => expect(await cluster.client.find(configMaps, key(name))).toBeUndefined());
}

describe('garbage collection', () => {
  it('deletes what a deleted object owned, all the way down', async () => {
    await cluster.client.create(deployments, deployment('web'));
    await rolledOut('web', 3);
    await cluster.client.delete(deployments, key('web'));
    await until(async () => {
      expect(await names(replicaSets)).toEqual([]);
      expect(await names(pods)).toEqual([]);
    });
  });

  it('foreground: the owner goes last', async () => {
    await cluster.client.create(deployments, deployment('web'));
    await rolledOut('web', 3);
    await cluster.client.delete(deployments, key('web'), { propagationPolicy: 'Foreground' });
    const { metadata } = await cluster.client.get(deployments, key('web'));
    expect(metadata.finalizers).toEqual(['foregroundDeletion']);
    await until(async () => {
      const left = await cluster.client.find(deployments, key('web'));
      if (!left) expect([...(await names(pods)), ...(await names(replicaSets))]).toEqual([]);
      expect(left).toBeUndefined();
    });
  });

  it('orphan: what it owned stays', async () => {
    await cluster.client.create(deployments, deployment('web'));
    await rolledOut('web', 3);
    await cluster.client.delete(deployments, key('web'), { propagationPolicy: 'Orphan' });
    await until(async () => {
      expect(await cluster.client.find(deployments, key('web'))).toBeUndefined();
      const [set] = (await cluster.client.list(replicaSets, { namespace })).items;
      expect(set?.metadata.ownerReferences ?? []).toEqual([]);
    });
    expect(await names(pods)).toHaveLength(3);
  });

  it('follows owners of kinds that are installed later', async () => {
    await installWidgets();
    const widget = await cluster.client.create(widgets, {
      apiVersion: 'test.dev/v1',
      kind: 'Widget',
      metadata: { name: 'one', namespace },
    });
    await cluster.client.create(configMaps, owned('of-widget', widget));
    await cluster.client.delete(widgets, key('one'));
    await gone('of-widget');
    const second = await cluster.client.create(widgets, {
      apiVersion: 'test.dev/v1',
      kind: 'Widget',
      metadata: { name: 'two', namespace },
    });
    await cluster.client.create(configMaps, owned('of-second', second));
    await cluster.client.delete(widgets, key('two'), { propagationPolicy: 'Foreground' });
    await gone('of-second');
    await until(async () => expect(await cluster.client.find(widgets, key('two'))).toBeUndefined());
  });

  it('goes on after a kind is removed and installed again', async () => {
    if (!(await cluster.client.find(crds, { name: 'widgets.test.dev' }))) await installWidgets();
    await cluster.client.delete(crds, { name: 'widgets.test.dev' });
    await until(async () => expect(await cluster.client.find(crds, { name: 'widgets.test.dev' })).toBeUndefined());
    await installWidgets();
    const owner = { apiVersion: 'test.dev/v1', kind: 'Widget', metadata: { name: 'one', namespace } };
    const widget = await cluster.client.create(widgets, owner);
    await cluster.client.create(configMaps, owned('of-widget', widget));
    const dependent = owned('', widget).metadata.ownerReferences;
    await cluster.client.create(widgets, {
      ...owner,
      metadata: { ...owner.metadata, name: 'two', ownerReferences: dependent },
    });
    await cluster.client.delete(widgets, key('one'), { propagationPolicy: 'Foreground' });
    await gone('of-widget');
    await until(async () => expect((await cluster.client.list(widgets)).items).toEqual([]));
  });

  it('deletes what names an owner that never was, and keeps what has another owner', async () => {
    const owner = await cluster.client.create(configMaps, configMap('owner'));
    const stranger = {
      ...owner,
      metadata: { ...owner.metadata, name: 'stranger', uid: '00000000-0000-0000-0000-000000000000' },
    };
    const impostor = { ...owner, metadata: { ...owner.metadata, uid: '11111111-0000-0000-0000-000000000000' } };
    await cluster.client.create(configMaps, owned('of-stranger', stranger));
    await cluster.client.create(configMaps, owned('of-impostor', impostor));
    const both = owned('of-both', owner);
    both.metadata.ownerReferences?.push(...(owned('', stranger).metadata.ownerReferences ?? []));
    await cluster.client.create(configMaps, both);
    await gone('of-stranger');
    await gone('of-impostor');
    await until(async () =>
      expect((await cluster.client.get(configMaps, key('of-both'))).metadata.ownerReferences).toHaveLength(1),
    );
  });

  it('resolves owners that own each other', async () => {
    const first = await cluster.client.create(configMaps, configMap('first'));
    const second = await cluster.client.create(configMaps, owned('second', first));
    await cluster.client.patch(configMaps, key('first'), 'merge', {
      metadata: { ownerReferences: owned('', second).metadata.ownerReferences },
    });
    await cluster.client.delete(configMaps, key('first'), { propagationPolicy: 'Foreground' });
    await gone('first');
    await gone('second');
  });
});

describe('a namespace', () => {
  it('has a service account and the CA', async () => {
    await until(async () => {
      await cluster.client.get(serviceAccounts, key('default'));
      const { data } = await cluster.client.get(configMaps, key('kube-root-ca.crt'));
      expect(data).toEqual({ 'ca.crt': cluster.api.caPem });
    });
    await cluster.client.delete(serviceAccounts, key('default'));
    await until(async () => void (await cluster.client.get(serviceAccounts, key('default'))));
  });

  it('takes everything in it along when it is deleted', async () => {
    await cluster.client.create(deployments, deployment('web'));
    await rolledOut('web', 3);
    await cluster.client.delete(namespaces, { name: namespace });
    await until(async () => expect(await cluster.client.find(namespaces, { name: namespace })).toBeUndefined());
    expect([...(await names(pods)), ...(await names(configMaps)), ...(await names(deployments))]).toEqual([]);
  });

  it('says what keeps it, and goes when that is gone', async () => {
    const held = configMap('held');
    held.metadata.finalizers = ['test.dev/hold'];
    await cluster.client.create(configMaps, held);
    await cluster.client.delete(namespaces, { name: namespace });
    await until(async () => {
      const { status } = await cluster.client.get(namespaces, { name: namespace });
      expect(status).toMatchObject({ phase: 'Terminating' });
      expect(status?.['conditions']).toContainEqual(
        expect.objectContaining({
          type: 'NamespaceFinalizersRemaining',
          status: 'True',
          message: 'Some content in the namespace has finalizers remaining: test.dev/hold in 1 resource instances',
        }),
      );
    });
    await cluster.client.patch(configMaps, key('held'), 'merge', { metadata: { finalizers: null } });
    await until(async () => expect(await cluster.client.find(namespaces, { name: namespace })).toBeUndefined());
  });
});

describe('the scheduler', () => {
  it('says why a pod cannot run, and runs it when it can', async () => {
    const big = { name: 'c', image: 'web:1', resources: { requests: { cpu: '40' } } };
    const pod = (name: string) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace },
      spec: { containers: [big] },
    });
    await cluster.client.create(pods, pod('first'));
    await until(async () => expect((await cluster.client.get(pods, key('first'))).spec?.['nodeName']).toBe('node'));
    await cluster.client.create(pods, pod('second'));
    const message =
      '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.';
    await until(async () => {
      const { status } = await cluster.client.get(pods, key('second'));
      expect(status?.['conditions']).toContainEqual(
        expect.objectContaining({ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }),
      );
      expect(await eventTexts()).toContain(`FailedScheduling: ${message}`);
    });
    await cluster.client.create(pods, pod('third'));
    await cluster.client.delete(pods, key('third'));
    expect(await cluster.client.find(pods, key('third'))).toBeUndefined();
    await cluster.client.delete(pods, key('first'));
    await until(async () => expect((await cluster.client.get(pods, key('second'))).spec?.['nodeName']).toBe('node'));
  });
});
