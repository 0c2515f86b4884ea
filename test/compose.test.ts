// Definitions and an application against a whole control plane in memory, without HTTP.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openProvenance } from '../src/compose/index.ts';
import type { Condition, Fields, KubeObject } from '../src/machinery/index.ts';
import { pods, resource } from './support/cluster.ts';
import {
  type ComposeCluster,
  conditionOf,
  configMaps,
  crds,
  definitionOf,
  definitions,
  events,
  input,
  instanceOf,
  isTrue,
  nodesOf,
  startComposeCluster,
} from './support/compose.ts';
import { eventually } from './support/run.ts';

let platform: ComposeCluster;
let client: ComposeCluster['client'];

beforeAll(async () => {
  platform = await startComposeCluster();
  client = platform.client;
});
afterAll(() => platform.stop());

const groups = resource('kro.run', 'v1alpha1', 'resourcegroups', 'ResourceGroup');
const applications = resource('kro.run', 'v1alpha1', 'applications', 'Application');
const deployments = resource('apps', 'v1', 'deployments', 'Deployment');
const services = resource('', 'v1', 'services', 'Service');
const ingresses = resource('networking.k8s.io', 'v1', 'ingresses', 'Ingress');

describe('an application', () => {
  const key = { name: 'silly-demo', namespace: 'a-team' };

  beforeAll(async () => {
    await platform.namespace(key.namespace);
    await platform.define(input('resource-graph-full.yaml'));
    const application = input('silly-demo-ingress.yaml');
    await platform.apply(applications, {
      ...application,
      metadata: { ...application.metadata, namespace: key.namespace },
    });
    await platform.until('ready', applications, key, (it) => isTrue(it, 'Ready'));
  });

  test("owns what it composes, and its status is the composed resources'", async () => {
    const application = await client.get(applications, key);
    for (const resource of [deployments, services, ingresses]) {
      const composed = await client.get(resource, key);
      expect(composed.metadata.ownerReferences).toMatchObject([{ uid: application.metadata.uid, controller: true }]);
      expect(composed.metadata.labels).toMatchObject({ 'kro.run/owned': 'true', 'kro.run/instance-name': key.name });
    }
    expect(application.status).toMatchObject({ state: 'ACTIVE', availableReplicas: 2 });
    expect(conditionOf(application, 'Available')?.status).toBe('True');
    for (const type of ['InstanceManaged', 'GraphResolved', 'ResourcesReady'])
      expect(isTrue(application, type)).toBe(true);
    await platform.until('nothing is wrong', applications, key, (it) => isTrue(it, 'Developer'));
  });

  test('drift is put back', async () => {
    await client.patch(deployments, key, 'merge', { spec: { replicas: 5 } });
    await platform.until('two replicas', deployments, key, (it) => it.spec?.['replicas'] === 2);
    const { uid } = (await client.get(services, key)).metadata;
    await client.delete(services, key);
    await platform.until('a new service', services, key, (it) => it.metadata.uid !== uid);
  });

  test('a part that is no longer included is pruned, and a missing kind holds up nothing else', async () => {
    await client.patch(applications, key, 'merge', {
      spec: { ingress: { enabled: false }, db: { enabled: true } },
    });
    await platform.untilGone(ingresses, key);
    const waiting = await platform.until(
      'waiting',
      applications,
      key,
      (it) => nodesOf(it)['postgresql']?.state === 'Waiting',
    );
    expect(nodesOf(waiting)['postgresql']?.message).toBe('kind Cluster of postgresql.cnpg.io/v1 is not installed yet');
    await platform.until('the env', deployments, key, (it) => JSON.stringify(it.spec).includes('DB_ENDPOINT'));
    await client.create(crds, {
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
    await platform.until('the cluster', databases, key, (it) => JSON.stringify(it.spec).includes('1Gi'));
  });

  test('provenance over a client leads from the image to the tag', async () => {
    const owner = await client.get(applications, key);
    const child = await client.get(deployments, key);
    const path = ['spec', 'template', 'spec', 'containers', '0', 'image'];
    const text = `${owner.spec?.['image']}:`;
    const trace = { owner, child, path, span: { start: text.length, end: text.length + 3 } };
    expect(await (await openProvenance(client)).trace(trace)).toEqual({ fields: ['spec.tag'] });
  });

  test('the developer is told within two seconds what is wrong, and when it is right again', async () => {
    const other = { name: 'silly-demo', namespace: await platform.namespace('wrong-tag') };
    platform.cluster.unready = (pod) => pod.metadata.namespace === other.namespace;
    const application = input('silly-demo.yaml');
    const spec = { ...application.spec, tag: 'this-tag-does-not-exist', replicas: 1 };
    await platform.apply(applications, { ...application, metadata: other, spec });
    const pod = await eventually('the pod', async () => {
      const { items } = await client.list(pods, { namespace: other.namespace });
      return items.find((each) =>
        (each.status?.['conditions'] as Condition[] | undefined)?.some(({ type }) => type === 'Ready'),
      );
    });
    const image = `${application.spec?.['image']}:this-tag-does-not-exist`;
    const message = `Back-off pulling image "${image}": ErrImagePull: ${image}: not found`;
    const waiting = { name: 'silly-demo', image, imageID: '', ready: false, restartCount: 0 };
    const statuses = [{ ...waiting, state: { waiting: { reason: 'ImagePullBackOff', message } } }];
    const from = performance.now();
    await client.patch(
      pods,
      pod.metadata,
      'merge',
      { status: { containerStatuses: statuses } },
      { subresource: 'status' },
    );
    const told = await platform.until(
      'told',
      applications,
      other,
      (it) => conditionOf(it, 'Developer')?.status === 'False',
    );
    expect(performance.now() - from).toBeLessThan(2_000);
    expect(conditionOf(told, 'Developer')).toMatchObject({ reason: 'FixableByDeveloper' });
    expect(conditionOf(told, 'Developer')?.message).toContain('spec.tag');
    const told1 = await eventually('the Event', async () => {
      const { items } = await client.list(events, { namespace: other.namespace });
      return items.find((event) => event['reason'] === 'FixableByDeveloper');
    });
    expect(told1['involvedObject']).toMatchObject({ kind: 'Application', name: other.name });
    platform.cluster.unready = () => false;
    await client.patch(applications, other, 'merge', { spec: { tag: '1.4.305' } });
    await platform.until('well again', applications, other, (it) => isTrue(it, 'Developer') && isTrue(it, 'Ready'));
  });

  test('the same kind cannot be defined twice', async () => {
    const group = input('resource-group.yaml');
    await platform.apply(groups, { ...group, metadata: { ...group.metadata, namespace: key.namespace } });
    const refused = await platform.until(
      'refused',
      groups,
      { name: 'application', namespace: key.namespace },
      (it) => it.status !== undefined,
    );
    expect(conditionOf(refused, 'ResourceGraphAccepted')?.message).toBe(
      'spec.schema.kind: Application of kro.run is defined by ResourceGraphDefinition/application already',
    );
    await client.delete(groups, { name: 'application', namespace: key.namespace });
  });
});

describe('a definition', () => {
  const things = resource('kro.run', 'v1', 'things', 'Thing');
  const text = (value: string) => (it: KubeObject) => (it['data'] as Fields)['text'] === value;

  test('that changes reaches its instances; one that breaks says so, and the last good one goes on, after a restart too', async () => {
    const ns = await platform.namespace('changes');
    const broken = definitionOf('thing', 'Thing', { a: { text: '${schema.spec.txt.x.y(' } });
    await platform.define(definitionOf('thing', 'Thing', { a: { text: '${schema.spec.text}' }, old: { text: 'x' } }));
    await platform.apply(things, instanceOf('Thing', 'one', ns));
    await platform.until('hello', configMaps, { name: 'one-a', namespace: ns }, text('hello'));

    await platform.apply(definitions, definitionOf('thing', 'Thing', { a: { text: '${schema.spec.text} world' } }));
    await platform.until('the change', configMaps, { name: 'one-a', namespace: ns }, text('hello world'));
    await platform.untilGone(configMaps, { name: 'one-old', namespace: ns });

    await platform.apply(definitions, broken);
    const inactive = await platform.until(
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
      const { items } = await client.list(events, { fieldSelector: 'involvedObject.name=thing' });
      return items.some((event) => event['reason'] === 'InvalidResourceGraph');
    });
    await platform.apply(things, instanceOf('Thing', 'two', ns, { text: 'bye' }));
    await platform.until('served', configMaps, { name: 'two-a', namespace: ns }, text('bye world'));

    await platform.restart();
    await platform.apply(things, instanceOf('Thing', 'three', ns, { text: 'again' }));
    await platform.until('served again', configMaps, { name: 'three-a', namespace: ns }, text('again world'));
  });

  test('that is removed first leaves instances that can be deleted, and takes its kind with the last of them', async () => {
    const ns = await platform.namespace('removed');
    const leaves = resource('kro.run', 'v1', 'leaves', 'Leave');
    await platform.define(definitionOf('leave', 'Leave', { a: { text: 'x' }, b: { text: '${a.data.text}' } }));
    await platform.apply(leaves, instanceOf('Leave', 'one', ns));
    await platform.until('b', configMaps, { name: 'one-b', namespace: ns }, text('x'));
    await client.delete(definitions, { name: 'leave' });
    const orphan = await platform.until(
      'told',
      leaves,
      { name: 'one', namespace: ns },
      (it) => conditionOf(it, 'GraphResolved')?.status === 'False',
    );
    expect(conditionOf(orphan, 'GraphResolved')?.reason).toBe('DefinitionRemoved');
    expect(await client.find(configMaps, { name: 'one-b', namespace: ns })).toBeDefined();
    await client.delete(leaves, { name: 'one', namespace: ns });
    await platform.untilGone(configMaps, { name: 'one-a', namespace: ns });
    await platform.untilGone(crds, { name: 'leaves.kro.run' });

    await platform.define(definitionOf('leave', 'Leave', { a: { text: 'again' } }));
    await platform.apply(leaves, instanceOf('Leave', 'two', ns));
    await platform.until('served anew', configMaps, { name: 'two-a', namespace: ns }, text('again'));
    await client.delete(leaves, { name: 'two', namespace: ns });
    await platform.untilGone(leaves, { name: 'two', namespace: ns });
    // Without an instance the kind goes with its definition.
    await client.delete(definitions, { name: 'leave' });
    await platform.untilGone(crds, { name: 'leaves.kro.run' });
  });
});
