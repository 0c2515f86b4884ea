import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fields, KubeObject } from '../machinery/index.ts';
import { type Answer, startTestServer, type TestServer } from './https.testing.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  const serviceAccounts = '/api/v1/namespaces/default/serviceaccounts';
  const body = { metadata: { name: 'default' }, automountServiceAccountToken: false };
  await server.send('POST', serviceAccounts, { body });
});
afterAll(() => server.stop());

const PODS = '/api/v1/namespaces/default/pods';
const BUDGETS = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
const merge = { 'content-type': 'application/merge-patch+json' };

const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'a', image: 'a:1' }] } };

/** A pod that runs, and is ready or not. */
async function pod(name: string, ready: boolean, phase = 'Running'): Promise<void> {
  const body = { ...template, metadata: { name, labels: { app: name.replace(/\d+$/, '') } } };
  expect((await server.send('POST', PODS, { body })).code).toBe(201);
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }];
  await server.send('PATCH', `${PODS}/${name}/status`, { body: { status: { phase, conditions } }, headers: merge });
}

async function budget(name: string, app: string, status?: Fields, spec: Fields = {}): Promise<void> {
  const body = { metadata: { name }, spec: { minAvailable: 1, selector: { matchLabels: { app } }, ...spec } };
  expect((await server.send('POST', BUDGETS, { body })).code).toBe(201);
  if (status) await server.send('PATCH', `${BUDGETS}/${name}/status`, { body: { status }, headers: merge });
}

const evict = (name: string, more: Fields = {}, query = ''): Promise<Answer> =>
  server.send('POST', `${PODS}/${name}/eviction${query}`, {
    body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name }, ...more },
  });

const refusedFor = (message: string): Fields => ({ reason: 'DisruptionBudget', message });

test('an eviction without a budget goes through, and says on the pod why it goes', async () => {
  await pod('free', true);
  expect(await evict('other')).toMatchObject({ code: 404 });
  expect(await evict('free', { metadata: { name: 'other' } })).toMatchObject({
    code: 400,
    body: { message: 'name in URL does not match name in Eviction object' },
  });
  expect(await evict('free', { deleteOptions: { preconditions: { resourceVersion: '1' } } })).toMatchObject({
    code: 409,
    body: { message: expect.stringContaining('the ResourceVersion in the precondition (1) does not match') },
  });
  const finalizers = { metadata: { finalizers: ['example.com/hold'] } };
  await server.send('PATCH', `${PODS}/free`, { body: finalizers, headers: merge });
  expect(await evict('free')).toMatchObject({ code: 201, body: { status: 'Success' } });
  const { body } = await server.send('GET', `${PODS}/free`);
  expect(body).toMatchObject({
    metadata: { deletionTimestamp: expect.any(String) },
    status: { conditions: [{ type: 'Ready' }, { type: 'DisruptionTarget', reason: 'EvictionByEvictionAPI' }] },
  });
});

test('a budget that nobody has counted yet forbids evictions', async () => {
  await budget('new', 'new');
  await pod('new1', true);
  const answer = await evict('new1');
  expect(answer).toMatchObject({
    code: 429,
    headers: { 'retry-after': '10' },
    body: {
      reason: 'TooManyRequests',
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: { causes: [refusedFor('The disruption budget new is still being processed by the server.')] },
    },
  });
});

test('each eviction takes one from the budget, until there is none', async () => {
  await budget('web', 'web', { observedGeneration: 1, disruptionsAllowed: 1, desiredHealthy: 1, currentHealthy: 2 });
  await pod('web1', true);
  await pod('web2', true);
  expect(await evict('web1', {}, '?dryRun=All')).toMatchObject({ code: 201 });
  const [first, second] = await Promise.all([evict('web1'), evict('web2')]);
  expect([first.code, second.code].sort()).toEqual([201, 429]);
  const refused = first.code === 429 ? first : second;
  expect(refused.body['details']).toMatchObject({
    causes: [refusedFor('The disruption budget web needs 1 healthy pods and has 2 currently')],
  });
  const { body } = await server.send('GET', `${BUDGETS}/web`);
  expect(body['status']).toMatchObject({
    disruptionsAllowed: 0,
    disruptedPods: { [first.code === 201 ? 'web1' : 'web2']: expect.any(String) },
    conditions: [{ type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods' }],
  });
});

test('pods that are not ready go if enough others are, or if the budget says so; pending ones always', async () => {
  const none = { observedGeneration: 1, disruptionsAllowed: 0, desiredHealthy: 1, expectedPods: 1 };
  await budget('ill', 'ill', { ...none, currentHealthy: 0 });
  await pod('ill1', false);
  expect(await evict('ill1')).toMatchObject({ code: 429 });
  await server.send('PATCH', `${BUDGETS}/ill/status`, { body: { status: { currentHealthy: 1 } }, headers: merge });
  expect(await evict('ill1')).toMatchObject({ code: 201 });
  await budget('lax', 'lax', { ...none, currentHealthy: 0 }, { unhealthyPodEvictionPolicy: 'AlwaysAllow' });
  await pod('lax1', false);
  expect(await evict('lax1')).toMatchObject({ code: 201 });
  await pod('lax2', true, 'Pending');
  expect(await evict('lax2')).toMatchObject({ code: 201 });
});

test('two budgets for a pod are one too many', async () => {
  await budget('one', 'both', { observedGeneration: 1, disruptionsAllowed: 1 });
  await budget('two', 'both', { observedGeneration: 1, disruptionsAllowed: 1 });
  await pod('both1', true);
  expect(await evict('both1')).toMatchObject({
    code: 500,
    body: {
      message: 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    },
  });
});

test('an autoscaler is one object in two versions', async () => {
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
  const metrics = [
    { type: 'Pods', pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: 5 } } },
  ];
  const v2 = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers';
  const v1 = v2.replace('v2', 'v1');
  const made = await server.send('POST', v2, {
    body: { metadata: { name: 'web' }, spec: { scaleTargetRef, metrics, maxReplicas: 3 } },
  });
  expect(made).toMatchObject({ code: 201, body: { spec: { minReplicas: 1 }, status: { currentMetrics: null } } });
  const old = await server.send('PATCH', `${v1}/web`, {
    body: { spec: { maxReplicas: 7, targetCPUUtilizationPercentage: 60 } },
    headers: merge,
  });
  expect(old.body['metadata']).toMatchObject({
    annotations: {
      'autoscaling.alpha.kubernetes.io/metrics':
        '[{"type":"Pods","pods":{"metricName":"rps","targetAverageValue":"5"}}]',
    },
  });
  const { body } = await server.send('GET', `${v2}/web`);
  expect(body).toMatchObject({ metadata: { name: 'web' }, spec: { maxReplicas: 7 } });
  expect((body as unknown as KubeObject).metadata).not.toHaveProperty('annotations');
  expect((body['spec'] as Fields)['metrics']).toEqual([
    { type: 'Pods', pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '5' } } },
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } } },
  ]);
});

test('a budget has to be updated at the version that was read, a replication controller scales by its labels', async () => {
  const { body } = await server.send('GET', `${BUDGETS}/two`);
  const blind = { ...body, metadata: { name: 'two' } };
  expect(await server.send('PUT', `${BUDGETS}/two`, { body: blind })).toMatchObject({
    code: 422,
    body: {
      message:
        'poddisruptionbudgets.policy "two" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    },
  });
  const controllers = '/api/v1/namespaces/default/replicationcontrollers';
  await server.send('POST', controllers, { body: { metadata: { name: 'rc' }, spec: { template } } });
  const scale = await server.send('PATCH', `${controllers}/rc/scale`, {
    body: { spec: { replicas: 3 } },
    headers: merge,
  });
  expect(scale.body).toMatchObject({ spec: { replicas: 3 }, status: { selector: 'app=x' } });
});

test('ephemeral containers are added to a pod, and then stay as they are', async () => {
  await pod('debugged', true);
  const path = `${PODS}/debugged/ephemeralcontainers`;
  const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
  const debug = { name: 'debugger', image: 'busybox', targetContainerName: 'a' };
  const added = await server.send('PATCH', path, {
    body: { metadata: { labels: { x: 'y' } }, spec: { ephemeralContainers: [debug], hostNetwork: true } },
    headers: strategic,
  });
  expect(added).toMatchObject({
    code: 200,
    body: {
      metadata: { labels: { app: 'debugged' }, generation: 2 },
      spec: { ephemeralContainers: [{ ...debug, imagePullPolicy: 'Always', terminationMessagePolicy: 'File' }] },
    },
  });
  expect(added.body['spec']).not.toHaveProperty('hostNetwork');
  const changed = { spec: { ephemeralContainers: [{ ...debug, image: 'other' }] } };
  expect(await server.send('PATCH', path, { body: changed, headers: strategic })).toMatchObject({
    code: 422,
    body: { message: expect.stringContaining('existing ephemeral containers "debugger" may not be changed') },
  });
  const wrong = { name: 'more', image: 'b', targetContainerName: 'nope', ports: [{ containerPort: 1 }] };
  const refused = await server.send('PATCH', path, {
    body: { spec: { ephemeralContainers: [wrong] } },
    headers: strategic,
  });
  expect(
    (refused.body['details'] as { causes: Fields[] }).causes.map(({ field, message }) => `${field}: ${message}`),
  ).toEqual([
    'spec.ephemeralContainers[0].targetContainerName: Not found: "nope"',
    'spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container',
  ]);
});

test('a resize changes what containers have of CPU and memory, and nothing else', async () => {
  const resources = { requests: { cpu: '100m' }, limits: { cpu: '200m' } };
  const spec = { containers: [{ name: 'a', image: 'a:1', resources }] };
  expect(await server.send('POST', PODS, { body: { metadata: { name: 'sized' }, spec } })).toMatchObject({ code: 201 });
  const resize = async (container: Fields): Promise<Answer> => {
    const { body } = await server.send('GET', `${PODS}/sized`);
    const resized = { ...(body['spec'] as Fields), containers: [{ name: 'a', image: 'b:2', ...container }] };
    return server.send('PUT', `${PODS}/sized/resize`, { body: { ...body, spec: resized } });
  };
  expect(await resize({ resources: { requests: { cpu: '150m' }, limits: { cpu: '200m' } } })).toMatchObject({
    code: 200,
    body: {
      metadata: { generation: 2 },
      spec: { containers: [{ image: 'a:1', resources: { requests: { cpu: '150m' }, limits: { cpu: '200m' } } }] },
    },
  });
  const causes = async (container: Fields): Promise<unknown> => (await resize(container)).body['details'];
  expect(await causes({ resources: { requests: { cpu: '150m' } } })).toMatchObject({
    causes: [{ field: 'spec.containers[0].resources.limits', message: 'Forbidden: resource limits cannot be removed' }],
  });
  expect(await causes({ resources: {} })).toMatchObject({
    causes: [{ message: 'Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing' }, {}, {}],
  });
});

test('quantities are stored in one way of writing them, and refused where they are none', async () => {
  const volume = (sizeLimit: unknown): Fields => ({
    metadata: { name: 'amounts' },
    spec: { ...template.spec, volumes: [{ name: 'v', emptyDir: { sizeLimit } }] },
  });
  expect((await server.send('POST', PODS, { body: volume('1024Mi') })).body).toMatchObject({
    spec: { volumes: [{ emptyDir: { sizeLimit: '1Gi' } }] },
  });
  expect(await server.send('POST', PODS, { body: volume('lots') })).toMatchObject({
    code: 400,
    body: {
      message:
        'Pod in version "v1" cannot be handled as a Pod: quantities must match the regular expression \'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$\'',
    },
  });
});

test('a pod with gates cannot be bound, and is bound once', async () => {
  const gated = { metadata: { name: 'gated' }, spec: { ...template.spec, schedulingGates: [{ name: 'wait' }] } };
  expect((await server.send('POST', PODS, { body: gated })).body['status']).toMatchObject({
    conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
  });
  const bind = (): Promise<Answer> =>
    server.send('POST', `${PODS}/gated/binding`, { body: { metadata: { name: 'gated' }, target: { name: 'n1' } } });
  expect(await bind()).toMatchObject({
    code: 409,
    body: {
      message: 'Operation cannot be fulfilled on pods/binding "gated": pod gated has non-empty .spec.schedulingGates',
    },
  });
  await server.send('PATCH', `${PODS}/gated`, { body: { spec: { schedulingGates: null } }, headers: merge });
  expect(await bind()).toMatchObject({ code: 201 });
  expect(await bind()).toMatchObject({ code: 409 });
});

test.each<[target: Fields, message: string]>([
  [{}, 'target.name: Required value'],
  [{ kind: 'Pod', name: 'n1' }, 'target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"'],
  [
    { kind: 'Pod' },
    '[target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>", target.name: Required value]',
  ],
])('a binding to %j has no reason for its 500, as with kube-apiserver', async (target, message) => {
  const answer = await server.send('POST', `${PODS}/any/binding`, { body: { metadata: { name: 'any' }, target } });
  expect(answer).toMatchObject({ code: 500, body: { message } });
  expect(answer.body).not.toHaveProperty('reason');
});

test.each([
  ['x', 'invalid syntax'],
  ['', 'invalid syntax'],
  ['1.5', 'invalid syntax'],
  ['99999999999999999999', 'value out of range'],
])("a DaemonSet's template generation %j is refused", async (generation, why) => {
  const annotations = { 'deprecated.daemonset.template.generation': generation };
  const spec = { selector: { matchLabels: { app: 'x' } }, template };
  const path = '/apis/apps/v1/namespaces/default/daemonsets';
  expect(await server.send('POST', path, { body: { metadata: { name: 'd', annotations }, spec } })).toMatchObject({
    code: 400,
    body: {
      message: `DaemonSet in version "v1" cannot be handled as a DaemonSet: strconv.ParseInt: parsing "${generation}": ${why}`,
    },
  });
});

test("a ControllerRevision's data belongs to its manager as a whole", async () => {
  const path = '/apis/apps/v1/namespaces/default/controllerrevisions/r?fieldManager=';
  const headers = { 'content-type': 'application/apply-patch+yaml' };
  const revision = (data: Fields) => ({ apiVersion: 'apps/v1', kind: 'ControllerRevision', revision: 1, data });
  const made = await server.send('PATCH', `${path}x`, { body: revision({ a: { b: 1 } }), headers });
  expect(made.body['metadata']).toMatchObject({ managedFields: [{ fieldsV1: { 'f:data': {} } }] });
  expect(await server.send('PATCH', `${path}y`, { body: revision({ c: 1 }), headers })).toMatchObject({
    code: 409,
    body: { message: 'Apply failed with 1 conflict: conflict with "x": .data' },
  });
});
