import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MeasuredUsage } from '../../client/index.ts';
import type { Fields } from '../../machinery/index.ts';
import { startTestServer, type TestServer } from '../https.testing.ts';

let server: TestServer;
let disconnect: () => void;
const MiB = 1024 ** 2;
const at = Date.parse('2026-01-02T03:04:05Z');
const usage = (cpu: number, memory: number): MeasuredUsage => ({ at, window: 15_250.4, cpu, memory });
const METRICS = '/apis/metrics.k8s.io/v1beta1';
const PODS = '/api/v1/namespaces/default/pods';

const refuse = async (): Promise<never> => {
  throw new Error('nothing runs here');
};

beforeAll(async () => {
  server = await startTestServer();
  expect((await server.send('GET', METRICS)).code).toBe(404);
  const unused = { logs: async function* () {}, exec: refuse, attach: refuse, portForward: refuse };
  disconnect = server.api.connectNode('n', {
    ...unused,
    nodeUsage: async () => usage(1_500_000_000, 4096 * MiB),
    podUsage: async ({ pod }) =>
      pod === 'starting'
        ? undefined
        : new Map([
            ['a', usage(2_042_718, 13_280 * 1024)],
            ['b', usage(0, 1001)],
          ]),
  });
  await server.send('POST', '/api/v1/nodes', { body: { metadata: { name: 'n', labels: { disk: 'ssd' } } } });
  await server.send('POST', '/api/v1/nodes', { body: { metadata: { name: 'other' } } });
  await server.send('POST', '/api/v1/namespaces/default/serviceaccounts', { body: { metadata: { name: 'default' } } });
  for (const [name, nodeName] of Object.entries({ web: 'n', starting: 'n', elsewhere: 'other' })) {
    const containers = [
      { name: 'a', image: 'i' },
      { name: 'b', image: 'i' },
    ];
    const metadata = { name, labels: { app: name } };
    expect((await server.send('POST', PODS, { body: { metadata, spec: { nodeName, containers } } })).code).toBe(201);
  }
});
afterAll(() => server.stop());

const names = (items: unknown): string[] =>
  (items as Fields[]).map(({ metadata }) => (metadata as Fields)['name'] as string);

describe('metrics.k8s.io', () => {
  test('has what runs and can be measured, in the form of metrics-server', async () => {
    const { body } = await server.send('GET', `${METRICS}/pods`);
    expect(body).toEqual({
      kind: 'PodMetricsList',
      apiVersion: 'metrics.k8s.io/v1beta1',
      metadata: { resourceVersion: expect.any(String) },
      items: [
        {
          kind: 'PodMetrics',
          apiVersion: 'metrics.k8s.io/v1beta1',
          metadata: expect.objectContaining({ name: 'web', namespace: 'default', labels: { app: 'web' } }),
          timestamp: '2026-01-02T03:04:05Z',
          window: '15.25s',
          containers: [
            { name: 'a', usage: { cpu: '2042718n', memory: '13280Ki' } },
            { name: 'b', usage: { cpu: '0', memory: '1001' } },
          ],
        },
      ],
    });
    const one = await server.send('GET', `${METRICS}/namespaces/default/pods/web`);
    expect(one.body).toMatchObject({ kind: 'PodMetrics', metadata: { name: 'web' } });
    const nodes = await server.send('GET', `${METRICS}/nodes`);
    expect(names(nodes.body['items'])).toEqual(['n']);
    expect((await server.send('GET', `${METRICS}/nodes/n`)).body).toMatchObject({
      kind: 'NodeMetrics',
      metadata: { labels: { disk: 'ssd' } },
      usage: { cpu: '1500m', memory: '4Gi' },
    });
  });

  test('selects by labels, fields and namespace', async () => {
    const listed = async (query: string): Promise<string[]> =>
      names((await server.send('GET', `${METRICS}/${query}`)).body['items']);
    expect(await listed('pods?labelSelector=app%3Dweb')).toEqual(['web']);
    expect(await listed('pods?labelSelector=app%3Dother')).toEqual([]);
    expect(await listed('pods?fieldSelector=metadata.name%3Dweb')).toEqual(['web']);
    expect(await listed('namespaces/kube-system/pods')).toEqual([]);
    expect(await listed('nodes?labelSelector=disk%3Dssd')).toEqual(['n']);
  });

  test.each([
    ['namespaces/default/pods/none', 404, 'pods "default/none" not found'],
    ['namespaces/default/pods/starting', 404, 'podmetrics.metrics.k8s.io "default/starting" not found'],
    ['nodes/none', 404, 'nodes "none" not found'],
    ['nodes/other', 404, 'nodemetrics.metrics.k8s.io "other" not found'],
    ['pods?watch=true', 405, 'the server does not allow this method on the requested resource'],
  ])('%s is answered with %i', async (path, code, message) => {
    expect(await server.send('GET', `${METRICS}/${path}`)).toMatchObject({ code, body: { message } });
    expect((await server.send('POST', `${METRICS}/nodes`, { body: {} })).code).toBe(405);
  });

  test('is printed, discovered, and read by whoever may look at objects', async () => {
    const headers = { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' };
    const { body } = await server.send('GET', `${METRICS}/pods`, { headers });
    expect((body['columnDefinitions'] as Fields[]).map(({ name }) => name)).toEqual([
      'Name',
      'CPU',
      'Memory',
      'Window',
    ]);
    expect((body['rows'] as Fields[]).map(({ cells }) => cells)).toEqual([['web', '2042718n', '13599721', '15.25s']]);
    const { body: list } = await server.send('GET', METRICS);
    expect(list['resources']).toMatchObject([
      { name: 'nodes', singularName: '', namespaced: false, kind: 'NodeMetrics', verbs: ['get', 'list'] },
      { name: 'pods', singularName: '', namespaced: true, kind: 'PodMetrics', verbs: ['get', 'list'] },
    ]);
    const role = '/apis/rbac.authorization.k8s.io/v1/clusterroles/system:aggregated-metrics-reader';
    expect((await server.send('GET', role)).body).toMatchObject({ rules: [{ apiGroups: ['metrics.k8s.io'] }] });
    const service = '/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io';
    expect((await server.send('GET', service)).body).toMatchObject({ spec: { groupPriorityMinimum: 100 } });
    const document = await server.send('GET', '/openapi/v3/apis/metrics.k8s.io/v1beta1');
    expect(document.text).toContain('PodMetricsList');
    expect((await server.send('GET', `${METRICS}/pods`, { token: 'jane-token' })).code).toBe(403);
  });

  test('is empty when the agent of a node is gone', async () => {
    disconnect();
    expect((await server.send('GET', `${METRICS}/pods`)).body['items']).toEqual([]);
  });
});
