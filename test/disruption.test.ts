// Budgets for disruptions, evictions and drains, and the pods that no node removes any more.
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { addNode, type ControlPlane, seemingKubelet, startControlPlane } from '../src/envtest/index.ts';
import type { Fields, KubeObject } from '../src/machinery/index.ts';
import { nodes, pods, resource } from './support/cluster.ts';
import { run } from './support/run.ts';
import { tool } from './support/tools.ts';

const budgets = resource('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget');
const deployments = resource('apps', 'v1', 'deployments', 'Deployment');
const jobs = resource('batch', 'v1', 'jobs', 'Job');
const events = resource('', 'v1', 'events', 'Event');
const things = resource('acme.dev', 'v1', 'things', 'Thing');

let plane: ControlPlane;
let namespace = '';
beforeAll(async () => {
  plane = await startControlPlane({ controllers: 'all', manifests: [thingDefinition] });
  await addNode(plane.context, 'first');
  plane.run((context) => seemingKubelet(context, (pod) => pod.metadata.labels?.['unready'] === undefined));
});
afterAll(() => plane.stop());
beforeEach(async () => {
  namespace = await plane.namespace('disruption');
});

const until = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 10_000, interval: 20 });
const key = (name: string) => ({ name, namespace });
const labels = { app: 'web' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web:1' }] } };
const podsThere = async () => (await plane.client.list(pods, { namespace })).items;

function budget(spec: Fields, name = 'web'): Promise<KubeObject> {
  const selector = { matchLabels: labels };
  const metadata = key(name);
  return plane.client.create(budgets, {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata,
    spec: { selector, ...spec },
  });
}

function deploy(replicas = 3, more: Fields = {}): Promise<KubeObject> {
  const metadata = { labels: { ...labels, ...more } };
  const spec = { replicas, selector: { matchLabels: labels }, template: { ...template, metadata } };
  return plane.client.create(deployments, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: key('web'), spec });
}

/** A pod of nobody, or of what a reference says. */
function pod(name: string, metadata: Fields = {}, spec: Fields = {}): Promise<KubeObject> {
  return plane.client.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...key(name), labels, ...metadata },
    spec: { ...template.spec, ...spec },
  });
}

async function untilStatus(expected: Fields, [status, reason]: [string, string], message = ''): Promise<void> {
  await until(async () => {
    const found = (await plane.client.get(budgets, key('web'))).status ?? {};
    const { conditions = [], ...counts } = found;
    expect(counts).toEqual({ observedGeneration: 1, ...expected });
    expect(conditions).toMatchObject([{ type: 'DisruptionAllowed', status, reason, message }]);
  });
}

const allowed: [string, string] = ['True', 'SufficientPods'];
const forbidden: [string, string] = ['False', 'InsufficientPods'];

async function untilEvent(text: string): Promise<void> {
  await until(async () => {
    const { items } = await plane.client.list(events, { namespace });
    expect(items.map((event) => `${event['type']} ${event['reason']}: ${event['message']}`)).toContain(text);
  });
}

const thingDefinition: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'things.acme.dev' },
  spec: {
    group: 'acme.dev',
    names: { kind: 'Thing', plural: 'things' },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        subresources: { scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' } },
      },
    ],
  },
};

describe('a budget', () => {
  test('that selects nothing allows nothing', async () => {
    await budget({ minAvailable: 0 });
    const nothing = { currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, disruptionsAllowed: 0 };
    await untilStatus(nothing, forbidden);
    await untilEvent('Normal NoPods: No matching pods found');
  });

  test.each([
    [{ minAvailable: 2 }, { desiredHealthy: 2, disruptionsAllowed: 1 }, allowed],
    [{ minAvailable: '50%' }, { desiredHealthy: 2, disruptionsAllowed: 1 }, allowed],
    [{ maxUnavailable: 1 }, { desiredHealthy: 2, disruptionsAllowed: 1 }, allowed],
    [{ maxUnavailable: '34%' }, { desiredHealthy: 1, disruptionsAllowed: 2 }, allowed],
    [{ minAvailable: '100%' }, { desiredHealthy: 3, disruptionsAllowed: 0 }, forbidden],
  ] as const)('of %j counts the pods of a deployment', async (spec, expected, leave) => {
    await deploy();
    await budget(spec);
    await untilStatus({ expectedPods: 3, currentHealthy: 3, ...expected }, [...leave]);
  });

  test('counts the pods of a custom resource that can be scaled', async () => {
    const thing = { apiVersion: 'acme.dev/v1', kind: 'Thing', metadata: key('thing'), spec: { size: 4 } };
    const { metadata } = await plane.client.create(things, thing as KubeObject);
    const owner = { apiVersion: 'acme.dev/v1', kind: 'Thing', name: 'thing', uid: metadata.uid, controller: true };
    for (const name of ['a', 'b', 'c']) await pod(name, { ownerReferences: [owner] });
    await budget({ maxUnavailable: 2 });
    await untilStatus({ expectedPods: 4, currentHealthy: 3, desiredHealthy: 2, disruptionsAllowed: 1 }, allowed);
  });

  test('forbids all where nobody knows how many pods there are to be', async () => {
    const spec = {
      parallelism: 2,
      completions: 2,
      template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } },
    };
    await plane.client.create(jobs, { apiVersion: 'batch/v1', kind: 'Job', metadata: key('web'), spec });
    await until(async () => expect(await podsThere()).toHaveLength(2));
    await budget({ maxUnavailable: 1 });
    const why = 'jobs.batch does not implement the scale subresource';
    await until(async () => {
      const { status } = await plane.client.get(budgets, key('web'));
      expect(status).toMatchObject({ disruptionsAllowed: 0 });
      expect(status?.['conditions']).toMatchObject([{ status: 'False', reason: 'SyncFailed', message: why }]);
    });
    await untilEvent(
      `Warning CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: ${why}`,
    );
  });

  test('counts pods of nobody only for a number', async () => {
    await pod('a');
    await pod('b', { labels: { ...labels, unready: 'yes' } });
    await budget({ minAvailable: 1 });
    await untilStatus({ expectedPods: 2, currentHealthy: 1, desiredHealthy: 1, disruptionsAllowed: 0 }, forbidden);
    await plane.client.delete(budgets, key('web'));
    await budget({ maxUnavailable: 1 });
    await untilStatus({ expectedPods: 0, currentHealthy: 1, desiredHealthy: 0, disruptionsAllowed: 0 }, forbidden);
    const { items } = await plane.client.list(events, { namespace });
    const told = items.find((event) => event['reason'] === 'UnmanagedPods');
    expect(told?.['message']).toContain(
      '(selector: &LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},}) were found to be unmanaged',
    );
  });

  test('that is not alone tells its pods', async () => {
    await pod('a');
    await budget({ minAvailable: 1 });
    await budget({ minAvailable: 1 }, 'other');
    await plane.client.patch(pods, key('a'), 'merge', { metadata: { annotations: { look: 'again' } } });
    await until(async () => {
      const { items } = await plane.client.list(events, { namespace });
      const texts = items.map((event) => String(event['message']));
      expect(texts.join()).toMatch(
        /Pod ".*"\/"a" matches multiple PodDisruptionBudgets\. {2}Chose "\w+" arbitrarily\./,
      );
    });
  });
});

test('kubectl drain waits for what the budget allows', async () => {
  const kubectl = (...args: string[]) =>
    run(tool('kubectl'), ['-n', namespace, ...args], { env: { KUBECONFIG: plane.kubeconfigFile() } });
  const drain = (timeout: string) =>
    kubectl('drain', 'first', `--pod-selector=drained=${namespace}`, `--timeout=${timeout}`);
  await addNode(plane.context, 'second');
  await plane.client.patch(nodes, { name: 'second' }, 'merge', { spec: { unschedulable: true } });
  await deploy(2, { drained: namespace });
  await budget({ minAvailable: 2 });
  await untilStatus({ expectedPods: 2, currentHealthy: 2, desiredHealthy: 2, disruptionsAllowed: 0 }, forbidden);
  const refused = await drain('1s');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("Cannot evict pod as it would violate the pod's disruption budget.");
  expect(await podsThere()).toHaveLength(2);

  await plane.client.patch(nodes, { name: 'second' }, 'merge', { spec: { unschedulable: null } });
  await plane.client.patch(budgets, key('web'), 'merge', { spec: { minAvailable: 1 } });
  let fewest = 2;
  const informer = plane.context.informers.for(pods);
  const end = informer.addHandler({
    upsert: () => {
      fewest = Math.min(fewest, informer.list(namespace).filter(isHealthy).length);
    },
  });
  const drained = await drain('30s');
  end();
  expect(drained.code, drained.stderr).toBe(0);
  expect(drained.stdout).toContain('node/first drained');
  await until(async () => {
    expect((await podsThere()).map(({ spec }) => spec?.['nodeName'])).toEqual(['second', 'second']);
  });
  expect(fewest).toBe(1);
  await kubectl('uncordon', 'first');
}, 90_000);

test('a pod that was to go and stays is called so no longer', async () => {
  await pod('spared');
  const target = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', message: 'evicting' };
  const conditions = [{ ...target, lastTransitionTime: '2026-01-01T00:00:00Z' }];
  await plane.client.patch(pods, key('spared'), 'strategic', { status: { conditions } }, { subresource: 'status' });
  await until(async () => {
    const { status } = await plane.client.get(pods, key('spared'));
    const found = ((status?.['conditions'] ?? []) as Fields[]).find(({ type }) => type === 'DisruptionTarget');
    expect(found).toMatchObject({ status: 'False' });
    expect([found?.['reason'], found?.['message']]).toEqual([undefined, undefined]);
  });
});

function isHealthy({ metadata, status }: KubeObject): boolean {
  const conditions = (status?.['conditions'] ?? []) as Fields[];
  return !metadata.deletionTimestamp && conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
}

describe('a pod that no node removes', () => {
  test('goes when it is deleted before it was bound to one, held back or not', async () => {
    await pod('held', { finalizers: ['acme.dev/hold'] }, { schedulerName: 'nobody' });
    await plane.client.delete(pods, key('held'));
    await until(async () => {
      expect((await plane.client.get(pods, key('held'))).status).toMatchObject({ phase: 'Failed' });
    });
    await plane.client.patch(pods, key('held'), 'merge', { metadata: { finalizers: null } });
    expect(await plane.client.find(pods, key('held'))).toBeUndefined();
  });

  test('goes when its node is out of service', async () => {
    await addNode(plane.context, 'broken');
    // Held, since the seeming kubelet of this test outlives its node.
    await pod('stuck', { finalizers: ['acme.dev/hold'] }, { nodeName: 'broken' });
    const conditions = [{ type: 'Ready', status: 'False' }];
    await plane.client.patch(nodes, { name: 'broken' }, 'merge', { status: { conditions } }, { subresource: 'status' });
    const taints = [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoSchedule' }];
    await plane.client.patch(nodes, { name: 'broken' }, 'merge', { spec: { taints } });
    await plane.client.delete(pods, key('stuck'));
    await until(async () => {
      const { status, metadata } = await plane.client.get(pods, key('stuck'));
      expect(status).toMatchObject({ phase: 'Failed' });
      expect(metadata.deletionGracePeriodSeconds).toBe(0);
    });
    await plane.client.patch(pods, key('stuck'), 'merge', { metadata: { finalizers: null } });
    await plane.client.delete(nodes, { name: 'broken' });
  });
});
