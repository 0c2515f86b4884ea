// Definitions and instances against a whole control plane in memory, without HTTP.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type Controller, createPlatformContext } from '../src/client/index.ts';
import { compose, createProvenance } from '../src/compose/index.ts';
import type { Condition, Fields, KubeObject, Resource } from '../src/machinery/index.ts';
import { namespaces, resource, startCluster, type TestCluster } from './support/cluster.ts';
import { eventually } from './support/run.ts';
import { root } from './support/tools.ts';

const crds = resource('apiextensions.k8s.io', 'v1', 'customresourcedefinitions', 'CustomResourceDefinition', false);
const definitions = resource('kro.run', 'v1alpha1', 'resourcegraphdefinitions', 'ResourceGraphDefinition', false);
const groups = resource('kro.run', 'v1alpha1', 'resourcegroups', 'ResourceGroup');
const applications = resource('kro.run', 'v1alpha1', 'applications', 'Application');
const deployments = resource('apps', 'v1', 'deployments', 'Deployment');
const services = resource('', 'v1', 'services', 'Service');
const ingresses = resource('networking.k8s.io', 'v1', 'ingresses', 'Ingress');
const configMaps = resource('', 'v1', 'configmaps', 'ConfigMap');
const events = resource('', 'v1', 'events', 'Event');

let cluster: TestCluster;
let running: { controllers: Controller[]; stop(): Promise<void> };

function startCompose() {
  const context = createPlatformContext(cluster.client, cluster.context.log);
  const controllers = compose.controllers(context);
  for (const controller of controllers) controller.start();
  return {
    controllers,
    async stop() {
      await Promise.all(controllers.map((controller) => controller.stop()));
      await context.stop();
    },
  };
}

beforeAll(async () => {
  cluster = await startCluster();
  for (const crd of compose.crds) await apply(crds, crd);
  running = startCompose();
});
afterAll(async () => {
  await running.stop();
  await cluster.stop();
});

const apply = (of: Resource, object: KubeObject) =>
  cluster.client.apply(of, object, { fieldManager: 'test', force: true });
const input = (file: string): KubeObject => parse(readFileSync(join(root, 'test/inputs', file), 'utf8'));
const conditionOf = (object: KubeObject, type: string): Condition | undefined =>
  (object.status?.['conditions'] as Condition[] | undefined)?.find((condition) => condition.type === type);
const isTrue = (object: KubeObject, type: string) =>
  conditionOf(object, type)?.status === 'True' &&
  conditionOf(object, type)?.observedGeneration === object.metadata.generation;
const nodesOf = (object: KubeObject) =>
  Object.fromEntries(
    ((object.status?.['nodes'] ?? []) as { id: string; state: string; message?: string }[]).map((node) => [
      node.id,
      node,
    ]),
  );

async function namespace(name: string): Promise<string> {
  await cluster.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  return name;
}

const until = (
  what: string,
  of: Resource,
  key: { name: string; namespace?: string },
  test: (it: KubeObject) => boolean,
) =>
  eventually(what, async () => {
    const found = await cluster.client.find(of, key);
    return found && test(found) && found;
  });
const untilGone = (of: Resource, key: { name: string; namespace?: string }) =>
  eventually(`no ${of.kind}`, async () => (await cluster.client.find(of, key)) === undefined);
const defined = (name: string) => until('the definition', definitions, { name }, (it) => isTrue(it, 'Ready'));

/** A definition of ConfigMaps, each with its data; `schema` and the other ids may be used in it. */
function definitionOf(
  name: string,
  kind: string,
  maps: Record<string, Fields>,
  more: Record<string, Fields> = {},
): KubeObject {
  const resources = Object.entries(maps).map(([id, data]) => ({
    id,
    template: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `\${schema.metadata.name}-${id}` }, data },
    ...more[id],
  }));
  const schema = {
    apiVersion: 'v1',
    kind,
    spec: { text: 'string | default=hello', on: 'boolean | default=true', must: 'string' },
    status: { first: `\${${Object.keys(maps)[0]}.data.text}` },
  };
  return {
    apiVersion: 'kro.run/v1alpha1',
    kind: 'ResourceGraphDefinition',
    metadata: { name },
    spec: { schema, resources },
  };
}
const instance = (kind: string, name: string, ns: string, spec: Fields = {}): KubeObject => ({
  apiVersion: 'kro.run/v1',
  kind,
  metadata: { name, namespace: ns },
  spec,
});

describe('an application', () => {
  const key = { name: 'silly-demo', namespace: 'a-team' };

  beforeAll(async () => {
    await namespace(key.namespace);
    await apply(definitions, input('resource-graph-full.yaml'));
    await defined('application');
    const application = input('silly-demo-ingress.yaml');
    await apply(applications, { ...application, metadata: { ...application.metadata, namespace: key.namespace } });
    await until('ready', applications, key, (it) => isTrue(it, 'Ready'));
  });

  test("owns what it composes, and its status is the composed resources'", async () => {
    const application = await cluster.client.get(applications, key);
    for (const of of [deployments, services, ingresses]) {
      const composed = await cluster.client.get(of, key);
      expect(composed.metadata.ownerReferences).toMatchObject([{ uid: application.metadata.uid, controller: true }]);
      expect(composed.metadata.labels).toMatchObject({ 'kro.run/owned': 'true', 'kro.run/instance-name': key.name });
    }
    expect(application.status).toMatchObject({ state: 'ACTIVE', availableReplicas: 2 });
    expect(conditionOf(application, 'Available')?.status).toBe('True');
    for (const type of ['InstanceManaged', 'GraphResolved', 'ResourcesReady'])
      expect(isTrue(application, type)).toBe(true);
    await until('nothing is wrong', applications, key, (it) => isTrue(it, 'Developer'));
  });

  test('drift is put back', async () => {
    await cluster.client.patch(deployments, key, 'merge', { spec: { replicas: 5 } });
    await until('two replicas', deployments, key, (it) => it.spec?.['replicas'] === 2);
    const { uid } = (await cluster.client.get(services, key)).metadata;
    await cluster.client.delete(services, key);
    await until('a new service', services, key, (it) => it.metadata.uid !== uid);
  });

  test('a part that is no longer included is pruned, and a missing kind holds up nothing else', async () => {
    await cluster.client.patch(applications, key, 'merge', {
      spec: { ingress: { enabled: false }, db: { enabled: true } },
    });
    await untilGone(ingresses, key);
    const waiting = await until('waiting', applications, key, (it) => nodesOf(it)['postgresql']?.state === 'Waiting');
    expect(nodesOf(waiting)['postgresql']?.message).toBe('kind Cluster of postgresql.cnpg.io/v1 is not installed yet');
    await until('the env', deployments, key, (it) => JSON.stringify(it.spec).includes('DB_ENDPOINT'));
    await cluster.client.create(crds, {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'clusters.postgresql.cnpg.io' },
      spec: {
        group: 'postgresql.cnpg.io',
        scope: 'Namespaced',
        names: { kind: 'Cluster', plural: 'clusters', singular: 'cluster' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    });
    const databases = resource('postgresql.cnpg.io', 'v1', 'clusters', 'Cluster');
    await until('the cluster', databases, key, (it) => JSON.stringify(it.spec).includes('1Gi'));
  });

  test('provenance over a client leads from the image to the tag', async () => {
    const owner = await cluster.client.get(applications, key);
    const child = await cluster.client.get(deployments, key);
    const path = ['spec', 'template', 'spec', 'containers', '0', 'image'];
    const text = `${owner.spec?.['image']}:`;
    const trace = { owner, child, path, span: { start: text.length, end: text.length + 3 } };
    expect(await createProvenance(cluster.client).trace(trace)).toEqual({ fields: ['spec.tag'] });
  });

  test('the same kind cannot be defined twice', async () => {
    const group = input('resource-group.yaml');
    await apply(groups, { ...group, metadata: { ...group.metadata, namespace: key.namespace } });
    const refused = await until(
      'refused',
      groups,
      { name: 'application', namespace: key.namespace },
      (it) => it.status !== undefined,
    );
    expect(conditionOf(refused, 'ResourceGraphAccepted')?.message).toBe(
      'spec.schema.kind: Application of kro.run is defined by ResourceGraphDefinition/application already',
    );
    await cluster.client.delete(groups, { name: 'application', namespace: key.namespace });
  });
});

describe('a definition', () => {
  const things = resource('kro.run', 'v1', 'things', 'Thing');
  const text = (value: string) => (it: KubeObject) => (it['data'] as Fields)['text'] === value;

  test('that changes reaches its instances; one that breaks says so, and the last good one goes on, after a restart too', async () => {
    const ns = await namespace('changes');
    const broken = definitionOf('thing', 'Thing', { a: { text: '${schema.spec.txt.x.y(' } });
    await apply(
      definitions,
      definitionOf('thing', 'Thing', { a: { text: '${schema.spec.text}' }, old: { text: 'x' } }),
    );
    await defined('thing');
    await apply(things, instance('Thing', 'one', ns));
    await until('hello', configMaps, { name: 'one-a', namespace: ns }, text('hello'));

    await apply(definitions, definitionOf('thing', 'Thing', { a: { text: '${schema.spec.text} world' } }));
    await until('the change', configMaps, { name: 'one-a', namespace: ns }, text('hello world'));
    await untilGone(configMaps, { name: 'one-old', namespace: ns });

    await apply(definitions, broken);
    const inactive = await until(
      'inactive',
      definitions,
      { name: 'thing' },
      (it) => it.status?.['state'] === 'Inactive',
    );
    expect(conditionOf(inactive, 'ResourceGraphAccepted')?.message).toMatch(
      /^spec\.resources\[0]\.template\.data\.text: /,
    );
    expect(conditionOf(inactive, 'ControllerReady')?.status).toBe('True');
    await eventually('an event', async () => {
      const { items } = await cluster.client.list(events, { fieldSelector: 'involvedObject.name=thing' });
      return items.some((event) => event['reason'] === 'InvalidResourceGraph');
    });
    await apply(things, instance('Thing', 'two', ns, { text: 'bye' }));
    await until('served', configMaps, { name: 'two-a', namespace: ns }, text('bye world'));

    await running.stop();
    running = startCompose();
    await apply(things, instance('Thing', 'three', ns, { text: 'again' }));
    await until('served again', configMaps, { name: 'three-a', namespace: ns }, text('again world'));
  });

  test('that is removed first leaves instances that can be deleted, and takes its kind with the last of them', async () => {
    const ns = await namespace('removed');
    const leaves = resource('kro.run', 'v1', 'leaves', 'Leave');
    await apply(definitions, definitionOf('leave', 'Leave', { a: { text: 'x' }, b: { text: '${a.data.text}' } }));
    await defined('leave');
    await apply(leaves, instance('Leave', 'one', ns));
    await until('b', configMaps, { name: 'one-b', namespace: ns }, text('x'));
    await cluster.client.delete(definitions, { name: 'leave' });
    const orphan = await until(
      'told',
      leaves,
      { name: 'one', namespace: ns },
      (it) => conditionOf(it, 'GraphResolved')?.status === 'False',
    );
    expect(conditionOf(orphan, 'GraphResolved')?.reason).toBe('DefinitionRemoved');
    expect(await cluster.client.find(configMaps, { name: 'one-b', namespace: ns })).toBeDefined();
    await cluster.client.delete(leaves, { name: 'one', namespace: ns });
    await untilGone(configMaps, { name: 'one-a', namespace: ns });
    await untilGone(crds, { name: 'leaves.kro.run' });
  });
});

describe('an instance', () => {
  const parts = resource('kro.run', 'v1', 'parts', 'Part');
  let ns = '';

  beforeAll(async () => {
    ns = await namespace('parts');
    const maps = {
      a: { text: '${schema.spec.text}' },
      b: { text: '${a.data.text}' },
      broken: { text: '${schema.spec.must}' },
      after: { text: '${broken.data.text}' },
      maybe: { text: 'x' },
      follows: { text: '${maybe.data.text}' },
    };
    await apply(definitions, definitionOf('part', 'Part', maps, { maybe: { includeWhen: ['${schema.spec.on}'] } }));
    await defined('part');
  });

  test('says of every resource what has become of it, and one that fails stops only what depends on it', async () => {
    await apply(parts, instance('Part', 'one', ns, { on: false }));
    const one = await until(
      'an error',
      parts,
      { name: 'one', namespace: ns },
      (it) => it.status?.['state'] === 'ERROR',
    );
    expect(nodesOf(one)).toMatchObject({
      a: { state: 'Ready' },
      b: { state: 'Ready' },
      broken: { state: 'Error', message: 'schema.spec.must is not set, and ${schema.spec.must} needs it' },
      after: { state: 'Waiting', message: 'blocked by broken, which is not ready' },
      maybe: { state: 'Excluded' },
      follows: { state: 'Excluded' },
    });
    await cluster.client.patch(parts, { name: 'one', namespace: ns }, 'merge', { spec: { must: 'x', on: true } });
    await until(
      'active',
      parts,
      { name: 'one', namespace: ns },
      (it) => it.status?.['state'] === 'ACTIVE' && isTrue(it, 'Ready'),
    );
  });

  test('that is suspended is left alone', async () => {
    const key = { name: 'two', namespace: ns };
    await apply(parts, instance('Part', 'two', ns, { must: 'x' }));
    await until('active', parts, key, (it) => it.status?.['state'] === 'ACTIVE');
    const annotate = (value: string | null) =>
      cluster.client.patch(parts, key, 'merge', { metadata: { annotations: { 'kro.run/reconcile': value } } });
    await annotate('suspended');
    await until('suspended', parts, key, (it) => conditionOf(it, 'InstanceManaged')?.reason === 'Suspended');
    await cluster.client.patch(parts, key, 'merge', { spec: { text: 'changed' } });
    await annotate(null);
    await until(
      'the change',
      configMaps,
      { name: 'two-b', namespace: ns },
      (it) => (it['data'] as Fields)['text'] === 'changed',
    );
  });

  test('is deleted dependents first, and says what it waits for', async () => {
    const key = { name: 'three', namespace: ns };
    await apply(parts, instance('Part', 'three', ns, { must: 'x' }));
    await until('active', parts, key, (it) => it.status?.['state'] === 'ACTIVE');
    const held = { name: 'three-b', namespace: ns };
    await cluster.client.patch(configMaps, held, 'merge', { metadata: { finalizers: ['example.com/hold'] } });
    await cluster.client.delete(parts, key);
    const deleting = await until('deleting', parts, key, (it) => it.status?.['state'] === 'DELETING');
    expect(conditionOf(deleting, 'Ready')?.message).toBe(
      'waiting for the deletion of ConfigMap/three-b, which waits for its finalizers example.com/hold',
    );
    expect(await cluster.client.find(configMaps, { name: 'three-a', namespace: ns })).toBeDefined();
    await cluster.client.patch(configMaps, held, 'merge', { metadata: { finalizers: null } });
    await untilGone(parts, key);
    expect(await cluster.client.find(configMaps, { name: 'three-a', namespace: ns })).toBeUndefined();
  });

  test('does not take what another one owns', async () => {
    await apply(parts, instance('Part', 'four', ns, { must: 'x' }));
    await until('active', parts, { name: 'four', namespace: ns }, (it) => it.status?.['state'] === 'ACTIVE');
    const taker = definitionOf('taker', 'Taker', { a: { text: 'stolen' } });
    const [first] = (taker.spec?.['resources'] ?? []) as { template: KubeObject }[];
    if (first) first.template.metadata.name = 'four-a';
    await apply(definitions, taker);
    await defined('taker');
    const takers = resource('kro.run', 'v1', 'takers', 'Taker');
    await apply(takers, instance('Taker', 'x', ns));
    const told = await until('told', takers, { name: 'x', namespace: ns }, (it) => it.status?.['state'] === 'ERROR');
    expect(nodesOf(told)['a']?.message).toBe('ConfigMap/four-a belongs to Part/four');
  });
});
