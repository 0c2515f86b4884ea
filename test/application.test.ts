// The main job: ten lines applied with kubectl become a running, reachable application, and it is said what is wrong.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { buildDemoImage } from './support/images.ts';
import { eventually } from './support/run.ts';
import { root } from './support/tools.ts';

let homeport: TestHomeport;
const kubectl: TestHomeport['kubectl'] = (args, options) => homeport.kubectl(args, options);
const input = (file: string): string => join(root, 'test/inputs', file);
const image = 'ghcr.io/vfarcic/silly-demo:1.4.305';

interface Why {
  healthy: boolean;
  cause: string;
  object: string;
  field: string | null;
  fixableBy: string | null;
  since: string | null;
}

async function why(object: string, namespace: string): Promise<Why> {
  const outcome = await homeport.homeport(['why', object, '-n', namespace, '-o', 'json']);
  expect(outcome.code, outcome.stderr).toBe(0);
  return JSON.parse(outcome.stdout) as Why;
}

beforeAll(async () => {
  homeport = await startHomeport(['--runtime', 'linux']);
  for (const tag of [image, image.replace('305', '306')]) {
    await buildDemoImage(homeport, tag);
  }
});
afterAll(() => homeport.stop());

/** Each application asks for a quarter of a core twice: a test takes its own away again, so that the next has room. */
const namespaces: string[] = [];
afterEach(async () => {
  for (const ns of namespaces.splice(0)) await kubectl(`delete namespace ${ns} --timeout=30s`);
});

async function namespace(ns: string): Promise<void> {
  namespaces.push(ns);
  await kubectl(`create namespace ${ns}`);
}

/** Applies ten lines in a namespace of its own and waits until they run. */
async function application(ns: string, file = 'silly-demo.yaml'): Promise<void> {
  await namespace(ns);
  await kubectl(`-n ${ns} apply -f ${input(file)}`);
  await kubectl(`-n ${ns} wait application/silly-demo --for=condition=Ready --timeout=60s`);
}

const patch = (ns: string, spec: object) =>
  kubectl(['-n', ns, 'patch', 'application', 'silly-demo', '--type=merge', '-p', JSON.stringify({ spec })]);

describe('a ResourceGraphDefinition', () => {
  beforeAll(async () => {
    await kubectl(`apply -f ${input('resource-graph-full.yaml')}`);
    await kubectl('wait rgd/application --for=condition=Ready --timeout=20s');
  });

  test('says what it is made of', async () => {
    expect(await kubectl('get rgd application')).toMatch(/^NAME +.*KIND.*STATE.*\napplication .*Application +Active/);
    const order = JSON.parse(await kubectl('get rgd application -o jsonpath={.status.topologicalOrder}')) as string[];
    expect(order).toHaveLength(4);
    expect(order.indexOf('service')).toBeLessThan(order.indexOf('ingress'));
  });

  test('ten lines become a running, reachable application with useful columns', async () => {
    await application('a-team', 'silly-demo-ingress.yaml');
    const rows = await kubectl('-n a-team get applications');
    expect(rows).toMatch(/^NAME +.*STATE +.*READY/);
    expect(rows).toMatch(/silly-demo .*1\.4\.305/);
    const answer = await eventually('the answer', async () => {
      const response = await homeport.app('silly-demo.127.0.0.1.nip.io');
      return response.status === 200 && response;
    });
    expect(answer.text).toContain('1.4.305');
    expect(await kubectl('-n a-team get application silly-demo -o jsonpath={.status.availableReplicas}')).toBe('2');
  });

  test('omitted fields take their defaults, nested ones too', async () => {
    await application('defaults');
    expect(JSON.parse(await kubectl('-n defaults get application silly-demo -o jsonpath={.spec}'))).toMatchObject({
      port: 8080,
      replicas: 2,
      ingress: { enabled: false },
      db: { enabled: false, size: '1Gi' },
    });
    expect(await kubectl('-n defaults get ingress -o name')).toBe('');
    expect(await kubectl('-n defaults get deploy silly-demo -o jsonpath={..containers[0].env}')).toBe('');
  });

  test('the instance owns what it composed, so that a tree shows it', async () => {
    await application('owners', 'silly-demo-ingress.yaml');
    const uid = await kubectl('-n owners get application silly-demo -o jsonpath={.metadata.uid}');
    for (const kind of ['deployment', 'service', 'ingress']) {
      expect(await kubectl(`-n owners get ${kind} silly-demo -o jsonpath={.metadata.ownerReferences[0].uid}`)).toBe(
        uid,
      );
    }
    const tree = await homeport.homeport(['tree', 'application/silly-demo', '-n', 'owners']);
    expect(tree.stdout).toMatch(
      /Application\/silly-demo[\s\S]*Deployment\/silly-demo[\s\S]*ReplicaSet\/silly-demo-[\s\S]*Pod\/silly-demo-/,
    );
  });

  test('what is changed by hand is put back, what is changed in the instance is rolled out', async () => {
    await application('drift');
    await kubectl('-n drift scale deploy/silly-demo --replicas=1');
    await eventually(
      'two replicas',
      async () => (await kubectl('-n drift get deploy silly-demo -o jsonpath={.spec.replicas}')) === '2',
    );
    await kubectl('-n drift delete service silly-demo');
    await eventually('the service', async () => (await kubectl('-n drift get service -o name')).includes('silly-demo'));
    await patch('drift', { tag: '1.4.306', ingress: { enabled: true, host: 'drift.localhost' } });
    await eventually(
      'the new version',
      async () => (await homeport.app('drift.localhost')).text.includes('1.4.306'),
      60_000,
    );
    await patch('drift', { ingress: { enabled: false } });
    await eventually('no ingress', async () => (await kubectl('-n drift get ingress -o name')) === '');
  });

  test('a kind that is not installed is waited for by name, and picked up', async () => {
    await namespace('late');
    await kubectl(`-n late apply -f ${input('silly-demo.yaml')}`);
    await patch('late', { db: { enabled: true } });
    const answer = await eventually('the reason', async () => {
      const found = await why('application/silly-demo', 'late');
      return found.cause.includes('postgresql.cnpg.io') && found;
    });
    expect(answer).toMatchObject({ healthy: false });
    await eventually('the deployment all the same', async () =>
      (await kubectl('-n late get deploy -o name')).includes('silly-demo'),
    );
    await kubectl('create -f -', { input: clusterDefinition });
    await eventually('the cluster', async () =>
      (await kubectl('-n late get clusters.postgresql.cnpg.io -o name')).includes('silly-demo'),
    );
  });
});

const clusterDefinition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: clusters.postgresql.cnpg.io}
spec:
  group: postgresql.cnpg.io
  scope: Namespaced
  names: {plural: clusters, singular: cluster, kind: Cluster}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`;

describe('why', () => {
  test('nothing wrong is one line', async () => {
    await application('well');
    const outcome = await homeport.homeport(['why', 'application/silly-demo', '-n', 'well']);
    expect(outcome.stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(await why('application/silly-demo', 'well')).toMatchObject({ healthy: true, field: null });
  });

  test('a tag that does not exist: cause, field, who and since when; as condition and Event within two seconds', async () => {
    await application('wrong-tag');
    await patch('wrong-tag', { tag: 'this-tag-does-not-exist' });
    const from = Date.now();
    const condition = '-o jsonpath={.status.conditions[?(@.type=="Developer")]}';
    const told = await eventually('the condition', async () => {
      const found = JSON.parse((await kubectl(`-n wrong-tag get application silly-demo ${condition}`)) || '{}') as {
        status?: string;
        message?: string;
      };
      return found.status === 'False' && found;
    });
    expect(Date.now() - from).toBeLessThan(2000);
    const answer = await why('application/silly-demo', 'wrong-tag');
    expect(answer).toEqual({
      healthy: false,
      cause: expect.stringContaining('this-tag-does-not-exist'),
      object: 'Deployment/silly-demo',
      field: 'spec.tag',
      fixableBy: 'developer',
      since: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
    expect(told.message).toBe(answer.cause);
    const events = await kubectl('-n wrong-tag get events --field-selector involvedObject.kind=Application');
    expect(events).toContain('this-tag-does-not-exist');
    const text = (await homeport.homeport(['why', 'application/silly-demo', '-n', 'wrong-tag'])).stdout;
    expect(text).toContain('spec.tag');
    await patch('wrong-tag', { tag: '1.4.305' });
    await eventually('health', async () => (await why('application/silly-demo', 'wrong-tag')).healthy);
  });

  test('a plain Deployment gets its answer too', async () => {
    await namespace('plain');
    await kubectl(`-n plain apply -f ${input('error.yaml')}`);
    const answer = await eventually('the answer', async () => {
      const found = await why('deployment/silly-demo', 'plain');
      return found.cause.includes('this-tag-does-not-exist') && found;
    });
    expect(answer).toMatchObject({
      healthy: false,
      field: 'spec.template.spec.containers[0].image',
      fixableBy: 'developer',
    });
  });

  test('an object that is not there is said plainly', async () => {
    const outcome = await homeport.homeport(['why', 'application/nobody', '-n', 'default']);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('applications.kro.run "nobody" not found');
    expect((await homeport.homeport(['why', 'aplication/x'])).stderr).toContain('no resource "aplication"');
  });
});

describe('a changed or removed definition', () => {
  const own = (text: string): string =>
    text.replace('name: application', 'name: service-thing').replaceAll('kind: Application', 'kind: Thing');
  const definition = own(readFileSync(input('resource-graph-full.yaml'), 'utf8'));
  const thing = own(readFileSync(input('silly-demo.yaml'), 'utf8'));

  test('reaches live instances; a broken one is refused and the last good one goes on', async () => {
    await kubectl('apply -f -', { input: definition });
    await kubectl('wait rgd/service-thing --for=condition=Ready --timeout=20s');
    await kubectl('create namespace changes');
    await kubectl('-n changes apply -f -', { input: thing });
    await kubectl('-n changes wait thing/silly-demo --for=condition=Ready --timeout=60s');
    await kubectl('apply -f -', { input: definition.replace('memory: 512Mi', 'memory: 500Mi') });
    await eventually(
      'the new limit',
      async () => (await kubectl('-n changes get deploy silly-demo -o jsonpath={..limits.memory}')) === '500Mi',
    );
    await kubectl('apply -f -', { input: definition.replace('${service.metadata.name}', '${servce.metadata.name}') });
    await eventually('the refusal', async () => (await kubectl('get rgd service-thing -o yaml')).includes('servce'));
    await kubectl('-n changes wait thing/silly-demo --for=jsonpath={.status.state}=ACTIVE --timeout=30s');
    await kubectl('apply -f -', { input: definition });
  });

  test('deleting never hangs, also when the definition went first', async () => {
    await kubectl('delete rgd service-thing --timeout=20s');
    await kubectl('-n changes delete thing silly-demo --timeout=20s --ignore-not-found').catch((error: Error) => {
      // With its definition, the kind itself may be gone.
      if (!error.message.includes(`doesn't have a resource type "thing"`)) throw error;
    });
    await kubectl('delete namespace changes --timeout=30s');
  });

  test('an instance goes with all that it composed', async () => {
    await application('leaving', 'silly-demo-ingress.yaml');
    await kubectl('-n leaving delete application silly-demo --timeout=20s');
    await eventually(
      'nothing left',
      async () => (await kubectl('-n leaving get deploy,service,ingress,rs,pod -o name')) === '',
      40_000,
    );
  });
});
