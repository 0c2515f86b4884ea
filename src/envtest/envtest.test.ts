import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuthenticationV1Api, CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  type ControlPlane,
  createController,
  hasCondition,
  type KubeObject,
  ownerReferenceTo,
  type Resource,
  resourceOf,
  splitKey,
  startControlPlane,
} from './index.ts';

const configMaps = resourceOf('v1', 'ConfigMap');
const deployments = resourceOf('apps/v1', 'Deployment');
const namespaces = resourceOf('v1', 'Namespace');
const pods = resourceOf('v1', 'Pod');
const widgets: Resource = { group: 'acme.dev', version: 'v1', resource: 'widgets', kind: 'Widget', namespaced: true };

const widgetDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.acme.dev' },
  spec: {
    group: 'acme.dev',
    names: { kind: 'Widget', plural: 'widgets' },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        subresources: { status: {} },
      },
    ],
  },
};

const configMap = (namespace: string, name: string, extra: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace, name, ...extra },
});

/** Makes a ConfigMap for every Widget, a second one because of the first, and says when it is done. */
function widgetController(plane: ControlPlane, fails: (key: string) => boolean = () => false) {
  return plane.run((context) =>
    createController({
      name: 'widget-controller',
      context,
      sources: [{ resource: widgets }],
      async reconcile(key) {
        if (fails(key)) throw new Error('no luck today');
        const { client, informers } = context;
        const widget = informers.for(widgets).get(key);
        if (!widget) return undefined;
        const { namespace = '', name } = splitKey(key);
        const ownerReferences = [ownerReferenceTo(widget)];
        await client.apply(configMaps, configMap(namespace, `${name}-made`, { ownerReferences }), {
          fieldManager: 'widget-controller',
        });
        const conditions = [
          { type: 'Ready', status: 'True', reason: 'Made', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
        ];
        const status = { conditions, observedGeneration: widget.metadata.generation };
        await client.patch(widgets, widget.metadata, 'merge', { status }, { subresource: 'status' });
        return undefined;
      },
    }),
  );
}

describe('one control plane for many tests', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane({
      controllers: ['garbage-collector', 'namespace-controller'],
      manifests: [widgetDefinition],
    });
  });
  afterAll(() => plane.stop());

  const makeWidget = (namespace: string, name: string): Promise<KubeObject> =>
    plane.client.create(widgets, {
      apiVersion: 'acme.dev/v1',
      kind: 'Widget',
      metadata: { namespace, name },
      spec: {},
    });

  test('settled means that a controller has seen and done all that there was to do', async () => {
    const controller = widgetController(plane);
    const namespace = await plane.namespace('settled');
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 20 }, (_, index) => makeWidget(namespace, `w${round}-${index}`)));
      await plane.settled();
      const { items } = await plane.client.list(configMaps, { namespace });
      expect(items).toHaveLength((round + 1) * 20);
      const made = await plane.client.list(widgets, { namespace });
      expect(made.items.every(hasCondition('Ready'))).toBe(true);
    }
    await controller.stop();
  });

  test('what does not settle is named, with its last error', async () => {
    let broken = true;
    const namespace = await plane.namespace('broken');
    const controller = widgetController(plane, (key) => broken && key.startsWith(namespace));
    await makeWidget(namespace, 'w');
    const waiting = plane.settled(300);
    await expect(waiting).rejects.toThrow(
      `waiting for the controllers to settle: not within 300 ms; still busy: widget-controller: ${namespace}/w (Error: no luck today)`,
    );
    broken = false;
    await plane.settled();
    expect(await plane.client.find(configMaps, { namespace, name: 'w-made' })).toBeDefined();
    await controller.stop();
  });

  test('dependents go with their owner, and namespaces with what is in them', async () => {
    const namespace = await plane.namespace('gone');
    const owner = await plane.client.create(configMaps, configMap(namespace, 'owner'));
    await plane.client.create(
      configMaps,
      configMap(namespace, 'owned', { ownerReferences: [ownerReferenceTo(owner)] }),
    );
    await plane.client.delete(configMaps, { namespace, name: 'owner' });
    await plane.settled();
    expect(await plane.client.find(configMaps, { namespace, name: 'owned' })).toBeUndefined();

    await makeWidget(namespace, 'left');
    await plane.client.delete(namespaces, { name: namespace });
    await plane.until(namespaces, { name: namespace }, (object) => object === undefined);
    expect((await plane.client.list(widgets, { namespace })).items).toEqual([]);
  });

  test('until waits for a change, and tells the last state when it never comes', async () => {
    const namespace = await plane.namespace('until');
    const key = { namespace, name: 'late' };
    const found = plane.until(configMaps, key, (object) => object?.metadata.labels?.['colour'] === 'red');
    await plane.client.create(configMaps, configMap(namespace, 'late'));
    await plane.client.patch(configMaps, key, 'merge', { metadata: { labels: { colour: 'red' } } });
    expect((await found)?.metadata.labels).toEqual({ colour: 'red' });

    const never = plane.until(configMaps, key, (object) => object === undefined, { timeout: 50 });
    await expect(never).rejects.toThrow(/configmaps until-\w+\/late: not within 50 ms; it is .*"colour":"red"/);
    const absent = plane.until(configMaps, { namespace, name: 'no' }, (object) => !!object, { timeout: 50 });
    await expect(absent).rejects.toThrow(/not within 50 ms; it does not exist/);
  });

  test('another user has the rights that RBAC gives', async () => {
    const jane = plane.clientOf({ username: 'jane' });
    await expect(jane.list(configMaps, { namespace: 'default' })).rejects.toThrow(
      'configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the namespace "default"',
    );
  });

  test('so has one with a kubeconfig of their own', async () => {
    const config = new KubeConfig();
    config.loadFromString(await plane.kubeconfigOf('jane', ['system:masters']));
    const reviews = config.makeApiClient(AuthenticationV1Api);
    const { status } = await reviews.createSelfSubjectReview({ body: {} });
    expect(status?.userInfo).toMatchObject({ username: 'jane', groups: ['system:masters', 'system:authenticated'] });
  });

  test('client libraries reach it over HTTPS, and kubectl by a private file', async () => {
    const config = new KubeConfig();
    config.loadFromString(plane.kubeconfig);
    const { items } = await config.makeApiClient(CoreV1Api).listNamespace();
    expect(items.map(({ metadata }) => metadata?.name)).toContain('default');
    expect(statSync(plane.kubeconfigFile()).mode & 0o777).toBe(0o600);
    expect(plane.kubeconfigFile()).toBe(plane.kubeconfigFile());
  });

  test('manifests come from files and folders, and what is wrong with one is said', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'homeport-manifests-'));
    try {
      writeFileSync(
        join(folder, '1.yaml'),
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n---\n---\n{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: two}}]}\n',
      );
      writeFileSync(join(folder, 'README.md'), 'no manifest');
      const applied = await plane.apply(folder);
      expect(applied.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)).toEqual([
        'default/one',
        'default/two',
      ]);
      writeFileSync(join(folder, '2.yaml'), 'a: 1\n---\nkind: ConfigMap\n');
      await expect(plane.apply(folder)).rejects.toThrow(/2\.yaml, document 1: it is no Kubernetes object/);
      const unknown = { apiVersion: 'no.such/v1', kind: 'Thing', metadata: { name: 'x' } };
      await expect(plane.apply(unknown)).rejects.toThrow('applying Thing x: nothing serves Thing of no.such/v1');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

test('a Deployment becomes pods that seem to run, when all controllers and a node are there', async () => {
  const plane = await startControlPlane({ controllers: 'all', nodes: 2 });
  onTestFinished(plane.stop);
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'web:1' }] } };
  const spec = { replicas: 3, selector: { matchLabels: labels }, template };
  await plane.apply({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec });
  await plane.settled();
  const deployment = await plane.client.get(deployments, { namespace: 'default', name: 'web' });
  expect(deployment.status).toMatchObject({ readyReplicas: 3, availableReplicas: 3 });
  const { items } = await plane.client.list(pods, { namespace: 'default' });
  expect(new Set(items.map((pod) => pod.spec?.['nodeName']))).toEqual(new Set(['node-1', 'node-2']));
});

test('without controllers nothing happens by itself', async () => {
  const plane = await startControlPlane();
  onTestFinished(plane.stop);
  const namespace = await plane.namespace();
  await plane.client.delete(namespaces, { name: namespace });
  await plane.settled();
  expect((await plane.client.get(namespaces, { name: namespace })).status).toMatchObject({ phase: 'Terminating' });
});

test('a data folder keeps everything from one start to the next, and is used by one at a time', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'homeport-envtest-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const first = await startControlPlane({ dataDir });
  await first.client.create(configMaps, configMap('default', 'kept'));
  await expect(startControlPlane({ dataDir })).rejects.toThrow(dataDir);
  await first.stop();
  const second = await startControlPlane({ dataDir });
  onTestFinished(second.stop);
  expect(await second.client.find(configMaps, { namespace: 'default', name: 'kept' })).toBeDefined();
});

test('a controller that does not exist is refused, with the names of those that do', async () => {
  await expect(startControlPlane({ controllers: ['garbage'] })).rejects.toThrow(
    /there is no built-in controller "garbage"; there are .*garbage-collector/,
  );
});
