// What goes with its owner, what stays, and what may not be decided yet.
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../src/machinery/index.ts';
import { namespaces, pods, resource } from './support/cluster.ts';
import {
  cluster,
  configMap,
  configMaps,
  deployment,
  deployments,
  key,
  names,
  namespace,
  replicaSets,
  rolledOut,
  until,
  useCluster,
} from './support/workloads.ts';

const crds = resource('apiextensions.k8s.io', 'v1', 'customresourcedefinitions', 'CustomResourceDefinition', false);
const clusterRoles = resource('rbac.authorization.k8s.io', 'v1', 'clusterroles', 'ClusterRole', false);
const events = resource('', 'v1', 'events', 'Event');
const widgets = resource('test.dev', 'v1', 'widgets', 'Widget');

useCluster();

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

  it('takes an owner in another namespace for none, tells so, and leaves alone what that owner has at home', async () => {
    const elsewhere = `${namespace}-elsewhere`;
    await cluster.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: elsewhere } });
    const owner = await cluster.client.create(configMaps, configMap('owner'));
    await cluster.client.create(configMaps, owned('at-home', owner));
    const foreign = owned('foreign', owner);
    await cluster.client.create(configMaps, { ...foreign, metadata: { ...foreign.metadata, namespace: elsewhere } });
    const there = { name: 'foreign', namespace: elsewhere };
    await until(async () => expect(await cluster.client.find(configMaps, there)).toBeUndefined());
    const message = `ownerRef [v1/ConfigMap, namespace: ${elsewhere}, name: owner, uid: ${owner.metadata.uid}] does not exist in namespace "${elsewhere}"`;
    await until(async () => {
      const { items } = await cluster.client.list(events, { namespace: elsewhere });
      expect(items).toMatchObject([{ type: 'Warning', reason: 'OwnerRefInvalidNamespace', message }]);
    });
    // Whoever claims an owner in vain says nothing about those who own it rightly, now and later.
    await cluster.client.create(configMaps, owned('later', owner));
    await cluster.client.patch(configMaps, key('at-home'), 'merge', { metadata: { labels: { look: 'again' } } });
    await cluster.settled();
    expect(await names(configMaps)).toEqual(expect.arrayContaining(['at-home', 'later', 'owner']));

    // Nor can they hold the owner up.
    const holding = owned('holding', owner);
    const metadata = { ...holding.metadata, namespace: elsewhere, finalizers: ['test.dev/hold'] };
    await cluster.client.create(configMaps, { ...holding, metadata });
    await cluster.client.delete(configMaps, key('owner'), { propagationPolicy: 'Foreground' });
    for (const name of ['at-home', 'later', 'owner']) await gone(name);
    await cluster.client.patch(configMaps, metadata, 'merge', { metadata: { finalizers: null } });
  });

  it('leaves alone what is not namespaced and names an owner that is', async () => {
    const owner = await cluster.client.create(configMaps, configMap('owner'));
    const { apiVersion, kind, metadata } = owner;
    const reference = { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '' };
    const name = `of-${namespace}`;
    await cluster.client.create(clusterRoles, {
      ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', rules: [] },
      metadata: { name, ownerReferences: [reference] },
    });
    await until(async () => {
      const { items } = await cluster.client.list(events, { namespace: 'default' });
      const told = items.filter((event) => event['reason'] === 'OwnerRefInvalidNamespace');
      expect(told).toMatchObject([{ involvedObject: { kind: 'ClusterRole', name } }]);
    });
    await cluster.settled();
    expect(await cluster.client.find(clusterRoles, { name })).toBeDefined();
  });

  it('foreground: dependents that do not hold the owner go too', async () => {
    const owner = await cluster.client.create(configMaps, configMap('owner'));
    for (const [name, blocks] of [
      ['held', true],
      ['loose', false],
    ] as const) {
      const child = owned(name, owner, blocks);
      const metadata = { ...child.metadata, finalizers: ['test.dev/hold'] };
      await cluster.client.create(configMaps, { ...child, metadata });
    }
    const release = (name: string) =>
      cluster.client.patch(configMaps, key(name), 'merge', { metadata: { finalizers: null } });
    await cluster.client.delete(configMaps, key('owner'), { propagationPolicy: 'Foreground' });
    await until(async () => {
      const { metadata } = await cluster.client.get(configMaps, key('loose'));
      expect(metadata.deletionTimestamp).toBeDefined();
    });
    expect(await cluster.client.find(configMaps, key('owner'))).toBeDefined();
    await release('held');
    await gone('owner');
    expect(await cluster.client.find(configMaps, key('loose'))).toBeDefined();
    await release('loose');
    await gone('loose');
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
