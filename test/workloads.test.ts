// Services, namespaces and the scheduler.
import { describe, expect, it } from 'vitest';
import { namespaces, pods, resource } from './support/cluster.ts';
import {
  cluster,
  configMap,
  configMaps,
  deployment,
  deployments,
  eventTexts,
  key,
  names,
  namespace,
  rolledOut,
  until,
  useCluster,
} from './support/workloads.ts';

const services = resource('', 'v1', 'services', 'Service');
const endpoints = resource('', 'v1', 'endpoints', 'Endpoints');
const slices = resource('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice');
const serviceAccounts = resource('', 'v1', 'serviceaccounts', 'ServiceAccount');

useCluster();

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

  it('without a selector is where Endpoints written by hand say, in slices too', async () => {
    const metadata = { name: 'db', namespace };
    const spec = { ports: [{ name: 'sql', port: 5432 }] };
    await cluster.client.create(services, { apiVersion: 'v1', kind: 'Service', metadata, spec });
    await cluster.client.create(endpoints, {
      ...{ apiVersion: 'v1', kind: 'Endpoints' },
      metadata: { ...metadata, labels: { team: 'x' }, annotations: { note: 'hi' } },
      subsets: [
        {
          addresses: [{ ip: '192.0.2.7', hostname: 'db-0' }, { ip: '2001:db8::7' }],
          notReadyAddresses: [{ ip: '192.0.2.8' }],
          ports: [{ name: 'sql', port: 5433 }],
        },
      ],
    });
    const mirrors = async () => (await cluster.client.list(slices, { namespace })).items;
    await until(async () => {
      const byFamily = Object.fromEntries((await mirrors()).map((slice) => [slice['addressType'], slice]));
      expect(byFamily['IPv4']).toMatchObject({
        metadata: {
          annotations: { note: 'hi' },
          labels: {
            team: 'x',
            'kubernetes.io/service-name': 'db',
            'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
          },
          ownerReferences: [{ kind: 'Endpoints', name: 'db', controller: true }],
        },
        endpoints: [
          { addresses: ['192.0.2.7'], hostname: 'db-0', conditions: { ready: true } },
          { addresses: ['192.0.2.8'], conditions: { ready: false } },
        ],
        ports: [{ name: 'sql', port: 5433, protocol: 'TCP' }],
      });
      expect(byFamily['IPv6']).toMatchObject({ endpoints: [{ addresses: ['2001:db8::7'] }] });
    });
    const skip = { 'endpointslice.kubernetes.io/skip-mirror': 'true' };
    await cluster.client.patch(endpoints, key('db'), 'merge', { metadata: { labels: skip } });
    await until(async () => expect(await mirrors()).toEqual([]));
    await cluster.client.delete(services, key('db'));
    await until(async () => expect(await names(endpoints)).toEqual([]));
  });

  it('kubernetes leads to the API server', async () => {
    await until(async () => {
      const slice = await cluster.client.get(slices, { name: 'kubernetes', namespace: 'default' });
      expect(slice).toMatchObject({ endpoints: [{ addresses: ['192.0.2.1'] }], ports: [{ port: cluster.port }] });
    });
  });
});

describe('a namespace', () => {
  it('has a service account and the CA', async () => {
    await until(async () => {
      await cluster.client.get(serviceAccounts, key('default'));
      const { data } = await cluster.client.get(configMaps, key('kube-root-ca.crt'));
      expect(data).toEqual({ 'ca.crt': cluster.caPem });
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
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.';
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
