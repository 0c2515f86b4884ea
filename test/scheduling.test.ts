// Where pods go, on nodes that only pretend to be there: `homeport up --simulate-nodes`, through kubectl.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { eventually } from './support/run.ts';

let homeport: TestHomeport;
beforeAll(async () => {
  homeport = await startHomeport(['--runtime', 'simulated', '--simulate-nodes', '12']);
});
afterAll(() => homeport.stop());

const apply = (...objects: object[]) =>
  homeport.kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }) });

const jsonpath = async (what: string, path: string): Promise<string[]> =>
  (await homeport.kubectl(['get', ...what.split(' '), '-o', `jsonpath={${path}}`])).split(' ').filter(Boolean);

/** Only simulated nodes: the one that Homeport itself is has room of its own size. */
const simulated = { 'homeport.dev/simulated': 'true' };

const container = (requests: Record<string, string> = {}) => ({
  name: 'c',
  image: 'web:1',
  resources: { requests, limits: requests },
});

const podOf = (name: string, spec: object = {}, requests: Record<string, string> = {}, labels: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { name, ...labels } },
  spec: { nodeSelector: simulated, containers: [container(requests)], ...spec },
});

const nodeOf = async (name: string): Promise<string> => (await jsonpath(`pod ${name}`, '.spec.nodeName'))[0] ?? '';

const isRunning = (name: string) => homeport.kubectl(['wait', 'pod', name, '--for=condition=Ready', '--timeout=10s']);

describe('simulated nodes', () => {
  test('are ready, in three zones, and run pods at once', async () => {
    const zones = await jsonpath(
      'nodes -l homeport.dev/simulated',
      '.items[*].metadata.labels.topology\\.kubernetes\\.io/zone',
    );
    expect(Object.values(Object.groupBy(zones, (zone) => zone)).map((each) => each?.length)).toEqual([4, 4, 4]);
    const template = {
      metadata: { labels: { app: 'web' } },
      spec: { nodeSelector: simulated, containers: [container()] },
    };
    await apply({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { replicas: 24, selector: { matchLabels: { app: 'web' } }, template },
    });
    await homeport.kubectl(['rollout', 'status', 'deployment/web', '--timeout=20s']);
    // Nobody asked for it: replicas are spread by default.
    const nodes = await jsonpath('pods -l app=web', '.items[*].spec.nodeName');
    expect(new Set(nodes).size).toBe(12);
    const addresses = await jsonpath('pods -l app=web', '.items[*].status.podIP');
    expect(new Set(addresses).size).toBe(24);
    await homeport.kubectl(['delete', 'deployment', 'web', '--wait']);
    const left = () => jsonpath('pods -l app=web', '.items[*].metadata.name');
    await eventually('the pods are gone', async () => (await left()).length === 0);
  });

  test('are told apart from the node that is there', async () => {
    await expect(homeport.kubectl(['get', 'node', 'simulated-13'])).rejects.toThrow('not found');
    expect(await jsonpath('nodes -l !homeport.dev/simulated', '.items[*].metadata.name')).toEqual(['homeport']);
  });
});

test('a pod that no node takes says why, and is placed when it can be', async () => {
  await apply(podOf('gpu', {}, { 'nvidia.com/gpu': '1' }));
  const message =
    "0/13 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 12 Insufficient nvidia.com/gpu. " +
    'no new claims to deallocate, preemption: 0/13 nodes are available: 13 Preemption is not helpful for scheduling.';
  await eventually('it says so', async () => (await homeport.kubectl('describe pod gpu')).includes(message));
  const patch = JSON.stringify({
    status: { allocatable: { 'nvidia.com/gpu': '1' }, capacity: { 'nvidia.com/gpu': '1' } },
  });
  await homeport.kubectl(['patch', 'node', 'simulated-5', '--subresource=status', '--type=merge', '-p', patch]);
  await isRunning('gpu');
  expect(await nodeOf('gpu')).toBe('simulated-5');
});

test('the less important make room for the more important', async () => {
  const onOne = { nodeSelector: { 'kubernetes.io/hostname': 'simulated-7' } };
  await apply(
    { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'high' }, value: 1000 },
    podOf('low', onOne, { cpu: '20' }),
  );
  await isRunning('low');
  await apply(podOf('high', { ...onOne, priorityClassName: 'high' }, { cpu: '20' }));
  await isRunning('high');
  const uid = (await jsonpath('pod high', '.metadata.uid'))[0];
  await eventually('the event', async () =>
    (await homeport.kubectl('get events')).includes(`Preempted by pod ${uid} on node simulated-7`),
  );
  await expect(homeport.kubectl(['get', 'pod', 'low'])).rejects.toThrow('not found');
});

test('a pod with gates waits until they are gone', async () => {
  await apply(podOf('gated', { schedulingGates: [{ name: 'example.com/ready' }] }));
  expect(await homeport.kubectl(['get', 'pod', 'gated'])).toContain('SchedulingGated');
  await homeport.kubectl([
    'patch',
    'pod',
    'gated',
    '--type=json',
    '-p',
    '[{"op":"remove","path":"/spec/schedulingGates"}]',
  ]);
  await isRunning('gated');
});

test('pods that keep apart never share a node, and wait for one of their own', async () => {
  const term = { labelSelector: { matchLabels: { app: 'apart' } }, topologyKey: 'topology.kubernetes.io/zone' };
  const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  const names = ['apart-1', 'apart-2', 'apart-3', 'apart-4'];
  await apply(...names.map((name) => podOf(name, { affinity }, {}, { app: 'apart' })));
  await eventually('the fourth waits', async () =>
    (await homeport.kubectl('get events')).includes("12 node(s) didn't match pod anti-affinity rules"),
  );
  expect(await jsonpath('pods -l app=apart', '.items[*].spec.nodeName')).toHaveLength(3);
  const placed = await Promise.all(names.map(nodeOf));
  const [waiting, free] = [names[placed.indexOf('')] ?? '', names[placed.findIndex(Boolean)] ?? ''];
  await homeport.kubectl(['delete', 'pod', free]);
  await isRunning(waiting);
});

test('a claim of the standard class gets its volume where its pod goes', async () => {
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
  // No volume can be made on nodes that only pretend.
  await apply(podOf('stateful', { nodeSelector: { 'kubernetes.io/hostname': 'homeport' }, volumes }));
  await eventually('it misses the claim', async () =>
    (await homeport.kubectl('describe pod stateful')).includes(
      '0/13 nodes are available: persistentvolumeclaim "data" not found. not found',
    ),
  );
  await apply({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  });
  await isRunning('stateful');
  const annotation = '.metadata.annotations.volume\\.kubernetes\\.io/selected-node';
  expect(await jsonpath('pvc data', annotation)).toEqual(['homeport']);
  expect(await jsonpath('pvc data', '.status.phase')).toEqual(['Bound']);
});
