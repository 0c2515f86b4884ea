import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Fields } from '../../../machinery/index.ts';
import { type Answer, startTestServer, type TestServer } from '../../https.testing.ts';
import { type Behaviour, patchOf, reviewed, startWebhook, type TestWebhook } from '../../webhooks/webhook.testing.ts';

let server: TestServer;
let webhook: TestWebhook;
let namespace = '';
let count = 0;

beforeAll(async () => {
  [server, webhook] = await Promise.all([startTestServer(), startWebhook(['hook.default.svc'])]);
});
afterAll(async () => {
  await server.stop();
  await webhook.stop();
});
beforeEach(async () => {
  namespace = `hooks-${++count}`;
  webhook.received.length = 0;
  const metadata = { name: namespace, labels: { hooked: namespace } };
  await server.send('POST', '/api/v1/namespaces', { body: { apiVersion: 'v1', kind: 'Namespace', metadata } });
});

type Kind = 'Mutating' | 'Validating';

const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1';
const collection = (kind: Kind): string => `${CONFIGURATIONS}/${kind.toLowerCase()}webhookconfigurations`;
const configMaps = (): string => `/api/v1/namespaces/${namespace}/configmaps`;
const RULE = { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };

function hook(path: string, more: Fields = {}): Fields {
  return {
    name: `${path}.hooks.test`,
    clientConfig: { url: `${webhook.url}/${path}`, caBundle: webhook.caBundle },
    rules: [RULE],
    namespaceSelector: { matchLabels: { hooked: namespace } },
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    timeoutSeconds: 2,
    ...more,
  };
}

/** Configures webhooks for as long as `during` takes. */
async function configured<T>(kind: Kind, webhooks: Fields[], during: () => Promise<T>): Promise<T> {
  const name = `c-${namespace}-${kind.toLowerCase()}`;
  const body = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}WebhookConfiguration`,
    metadata: { name },
    webhooks,
  };
  expect((await server.send('POST', collection(kind), { body })).body).toMatchObject({ metadata: { name } });
  try {
    return await during();
  } finally {
    await server.send('DELETE', `${collection(kind)}/${name}`);
  }
}

const configMap = (name = 'one', more: Fields = {}): Fields => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { a: 'b' },
  ...more,
});

const create = (name = 'one', query = ''): Promise<Answer> =>
  server.send('POST', `${configMaps()}?fieldManager=test${query}`, { body: configMap(name) });

/** The 500 of a webhook that could not be asked. */
const failure = (path: string, why: string) => ({
  code: 500,
  reason: 'InternalError',
  message: `Internal error occurred: failed calling webhook "${path}.hooks.test": ${why}`,
  details: { causes: [{ message: `failed calling webhook "${path}.hooks.test": ${why}` }] },
});

const raw =
  (code: number, body: string, type = 'text/plain'): Behaviour =>
  (_, response) => {
    response.writeHead(code, { 'content-type': type });
    response.end(body);
  };

/** What kube-apiserver 1.34.1 answered to the same webhooks. */
describe.each<Kind>(['Validating', 'Mutating'])('what a %s webhook answers', (kind) => {
  const denials: [string, Fields, Fields][] = [
    [
      'nothing',
      {},
      { code: 400, message: 'admission webhook "answer.hooks.test" denied the request without explanation' },
    ],
    [
      'a code and a message',
      { status: { message: 'no way', code: 403 } },
      { code: 403, message: 'admission webhook "answer.hooks.test" denied the request: no way' },
    ],
    [
      'a reason, causes and a code of success',
      { status: { reason: 'NotNow', code: 200, details: { causes: [{ message: 'm', field: 'f', reason: 'r' }] } } },
      {
        code: 400,
        reason: 'NotNow',
        message: 'admission webhook "answer.hooks.test" denied the request: NotNow',
        details: { causes: [{ message: 'm', field: 'f', reason: 'r' }] },
      },
    ],
  ];
  test.each(denials)('refuses with %s', async (_, response, expected) => {
    webhook.on('/answer', (received) => reviewed(received, { allowed: false, ...response }));
    await configured(kind, [hook('answer')], async () => {
      const answer = await create();
      expect(answer.code).toBe(expected['code']);
      expect(answer.body).toMatchObject(expected);
      expect('reason' in answer.body).toBe('reason' in expected);
    });
    expect((await server.send('GET', `${configMaps()}/one`)).code).toBe(404);
  });

  const failures: [string, Behaviour, string][] = [
    [
      'no response',
      () => ({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' }),
      'received invalid webhook response: webhook response was absent',
    ],
    [
      'another version',
      (received) => ({ ...reviewed(received), apiVersion: 'admission.k8s.io/v1beta1' }),
      'failed to call webhook: converting (v1beta1.AdmissionReview) to (v1.AdmissionReview): unknown conversion',
    ],
    [
      'half a document',
      () => '{"a":',
      "failed to call webhook: couldn't get version/kind; json parse error: unexpected end of JSON input",
    ],
    [
      'nothing at all',
      raw(200, '', 'application/json'),
      'failed to call webhook: 0-length response with status code: 200 and content type: application/json',
    ],
    [
      'a server error',
      raw(500, 'boom'),
      'failed to call webhook: an error on the server ("boom") has prevented the request from succeeding',
    ],
    ['no such path', raw(404, 'nope'), 'failed to call webhook: the server could not find the requested resource'],
    ['its own 403', raw(403, 'nope'), 'failed to call webhook: nope'],
    [
      'ten megabytes',
      () => `"${'x'.repeat(10_000_000)}"`,
      'failed to call webhook: the response is larger than the limit of 3145728 bytes',
    ],
  ];
  test.each(failures)('fails with %s, or is passed over', async (_, behaviour, why) => {
    webhook.on('/broken', behaviour);
    await configured(kind, [hook('broken')], async () => {
      expect((await create()).body).toMatchObject(failure('broken', why));
    });
    await configured(kind, [hook('broken', { failurePolicy: 'Ignore' })], async () => {
      expect((await create()).code).toBe(201);
    });
  });

  test('is refused with the uid of another request', async () => {
    webhook.on('/uid', (received) => reviewed(received, { uid: 'x' }));
    await configured(kind, [hook('uid')], async () => {
      const { message } = (await create()).body;
      expect(message).toMatch(/received invalid webhook response: expected response.uid="[0-9a-f-]{36}", got "x"$/);
    });
  });

  test('is not waited for longer than its timeout', async () => {
    webhook.on('/hang', () => undefined);
    await configured(kind, [hook('hang', { timeoutSeconds: 1 })], async () => {
      const url = `${webhook.url}/hang?timeout=1s`;
      const why = `failed to call webhook: Post "${url}": context deadline exceeded`;
      expect((await create()).body).toMatchObject(failure('hang', why));
    });
  });

  test('passes its warnings on', async () => {
    webhook.on('/warn', (received) => reviewed(received, { warnings: ['careful', 'very'] }));
    await configured(kind, [hook('warn')], async () => {
      expect(await create()).toMatchObject({ code: 201, warnings: ['careful', 'very'] });
    });
  });

  test('is sent no dry run that it cannot undo', async () => {
    webhook.on('/dry', (received) => reviewed(received));
    await configured(kind, [hook('dry', { sideEffects: 'NoneOnDryRun' })], async () => {
      expect((await create('one', '&dryRun=All')).code).toBe(201);
      expect(webhook.received[0]?.body.request).toMatchObject({ dryRun: true, options: { dryRun: ['All'] } });
    });
    expect((await server.send('GET', `${configMaps()}/one`)).code).toBe(404);
  });
});

describe('where a webhook is', () => {
  const places: [string, () => Fields, string | RegExp][] = [
    [
      'a port that nobody listens on',
      () => ({ url: 'https://127.0.0.1:1/x' }),
      'dial tcp 127.0.0.1:1: connect: connection refused',
    ],
    [
      'a host that is not',
      () => ({ url: 'https://nope.invalid/x' }),
      /dial tcp: lookup nope.invalid.*: (no such host|.*)$/,
    ],
    [
      "one with a stranger's certificate",
      () => ({ url: `${webhook.url}/x` }),
      'tls: failed to verify certificate: x509: certificate signed by unknown authority',
    ],
    [
      'a Service that is not',
      () => ({ service: { namespace: 'default', name: 'nope', path: '/x' } }),
      'service "nope" not found',
    ],
  ];
  test.each(places)('%s', async (_, clientConfig, why) => {
    await configured('Validating', [hook('x', { clientConfig: clientConfig() })], async () => {
      const { message = '' } = (await create()).body;
      expect(message).toContain('failed calling webhook "x.hooks.test": failed to call webhook: Post "https://');
      if (typeof why === 'string') expect(message.endsWith(why)).toBe(true);
      else expect(message).toMatch(why);
    });
  });

  test('a Service, by its name; connections are used again', async () => {
    webhook.on('/svc', (received) => reviewed(received));
    const metadata = { name: 'hook', namespace: 'default' };
    const spec = { type: 'ExternalName', externalName: 'localhost' };
    const service = { apiVersion: 'v1', kind: 'Service', metadata, spec };
    expect((await server.send('POST', '/api/v1/namespaces/default/services', { body: service })).code).toBe(201);
    const clientConfig = { service: { ...metadata, path: '/svc', port: webhook.port }, caBundle: webhook.caBundle };
    const before = webhook.connections;
    await configured('Validating', [hook('svc', { clientConfig })], async () => {
      for (const name of ['a', 'b', 'c']) expect((await create(name)).code).toBe(201);
    });
    expect(webhook.received.map(({ url }) => url)).toEqual(Array(3).fill('/svc?timeout=2s'));
    expect(webhook.connections - before).toBe(1);
  });
});

describe('a mutating webhook', () => {
  const adds =
    (key: string, value = 'x'): Behaviour =>
    (received) =>
      reviewed(received, patchOf({ op: 'add', path: `/data/${key}`, value }));
  const dataOf = (answer: Answer): unknown => answer.body['data'];

  test('changes what is stored; what it adds belongs to nobody', async () => {
    webhook.on('/add', adds('added'));
    await configured('Mutating', [hook('add')], async () => {
      const { body } = await create();
      expect(body['data']).toEqual({ a: 'b', added: 'x' });
      const { managedFields } = body['metadata'] as { managedFields: { manager: string; fieldsV1: unknown }[] };
      const managers = managedFields.map(({ manager, fieldsV1 }) => [manager, fieldsV1]);
      expect(managers).toEqual([['test', { 'f:data': { '.': {}, 'f:a': {} } }]]);
    });
    expect(webhook.received[0]?.body).toMatchObject({
      kind: 'AdmissionReview',
      apiVersion: 'admission.k8s.io/v1',
      request: {
        kind: { group: '', version: 'v1', kind: 'ConfigMap' },
        resource: { group: '', version: 'v1', resource: 'configmaps' },
        requestKind: { group: '', version: 'v1', kind: 'ConfigMap' },
        requestResource: { group: '', version: 'v1', resource: 'configmaps' },
        name: 'one',
        namespace,
        operation: 'CREATE',
        userInfo: { username: 'admin', uid: 'admin-uid', groups: ['system:masters', 'system:authenticated'] },
        object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'one', namespace }, data: { a: 'b' } },
        oldObject: null,
        dryRun: false,
        options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'test' },
      },
    });
  });

  test.each([
    [
      { patch: 'W10=' },
      'received invalid webhook response: webhook returned response.patch but not response.patchType',
    ],
    [
      { patchType: 'JSONPatch' },
      'received invalid webhook response: webhook returned response.patchType but not response.patch',
    ],
    [{ ...patchOf({ op: 'add', path: '/data/x', value: 'y' }), patchType: 'Merge' }, 'unsupported patch type "Merge"'],
    [
      { patch: Buffer.from('{"a":1}').toString('base64'), patchType: 'JSONPatch' },
      'received undecodable patch in webhook response: json: cannot unmarshal object into Go value of type jsonpatch.Patch',
    ],
  ])('fails with the patch %j', async (response, why) => {
    webhook.on('/bad', (received) => reviewed(received, response));
    await configured('Mutating', [hook('bad')], async () => {
      expect((await create()).body).toMatchObject(failure('bad', why));
    });
  });

  test('is asked in order, and again after a later change if it wants', async () => {
    webhook.on('/first', adds('first'));
    webhook.on('/second', adds('second'));
    webhook.on('/third', adds('third'));
    const hooks = [hook('first', { reinvocationPolicy: 'IfNeeded' }), hook('second'), hook('third')];
    await configured('Mutating', hooks, async () => {
      expect(dataOf(await create())).toEqual({ a: 'b', first: 'x', second: 'x', third: 'x' });
    });
    expect(webhook.received.map(({ path }) => path)).toEqual(['/first', '/second', '/third', '/first']);
  });

  test('has a policy look again that wants to see what it changed', async () => {
    webhook.on('/add', adds('added'));
    const policies = '/apis/admissionregistration.k8s.io/v1beta1/mutatingadmissionpolic';
    const head = { apiVersion: 'admissionregistration.k8s.io/v1beta1', metadata: { name: `count-${namespace}` } };
    const expression = 'Object{metadata: Object.metadata{labels: {"entries": string(size(object.data))}}}';
    const spec = {
      matchConstraints: {
        resourceRules: [{ ...RULE, operations: ['CREATE'] }],
        namespaceSelector: { matchLabels: { hooked: namespace } },
      },
      reinvocationPolicy: 'IfNeeded',
      mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }],
    };
    await server.send('POST', `${policies}ies`, { body: { ...head, kind: 'MutatingAdmissionPolicy', spec } });
    const binding = { ...head, kind: 'MutatingAdmissionPolicyBinding', spec: { policyName: head.metadata.name } };
    await server.send('POST', `${policies}ybindings`, { body: binding });
    expect((await create('before')).body).toMatchObject({ metadata: { labels: { entries: '1' } } });
    await configured('Mutating', [hook('add')], async () => {
      expect((await create()).body).toMatchObject({ metadata: { labels: { entries: '2' } } });
    });
    await server.send('DELETE', `${policies}ybindings/${head.metadata.name}`);
  });

  test('sees an object whose name is not generated yet', async () => {
    webhook.on('/nameless', (received) => reviewed(received));
    await configured('Mutating', [hook('nameless')], async () => {
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'made-' } };
      expect((await server.send('POST', configMaps(), { body })).code).toBe(201);
    });
    const { request } = webhook.received[0]?.body ?? {};
    expect(request).not.toHaveProperty('name');
    expect(request?.['object']).not.toHaveProperty('metadata.uid');
  });

  test('meets validation after it: a patch that breaks the object is refused', async () => {
    webhook.on('/break', (received) => reviewed(received, patchOf({ op: 'add', path: '/data/a~1b', value: 'x' })));
    await configured('Mutating', [hook('break')], async () => {
      expect(await create()).toMatchObject({ code: 422, body: { reason: 'Invalid' } });
    });
  });
});

describe('while a webhook thinks', () => {
  /** Answers only after `first` was done, the first time. */
  function thinking(first: () => Promise<unknown>): Behaviour {
    let done = false;
    return async (received) => {
      if (!done) {
        done = true;
        await first();
      }
      return reviewed(received);
    };
  }
  const put = (data: Fields, resourceVersion?: string): Promise<Answer> =>
    server.send('PUT', `${configMaps()}/one`, {
      body: configMap('one', { data, metadata: { name: 'one', ...(resourceVersion ? { resourceVersion } : {}) } }),
      headers: { 'content-type': 'application/json' },
    });
  const patch = (data: Fields): Promise<Answer> =>
    server.send('PATCH', `${configMaps()}/one`, {
      body: { data },
      headers: { 'content-type': 'application/merge-patch+json' },
    });
  const ONLY_PATCHED = [{ name: 'slow', expression: '"slow" in object.data' }];

  test('a patch meets the object as it is by then', async () => {
    await create();
    webhook.on(
      '/think',
      thinking(() => patch({ other: '1' })),
    );
    await configured('Validating', [hook('think', { matchConditions: ONLY_PATCHED })], async () => {
      expect((await patch({ slow: '1' })).body['data']).toEqual({ a: 'b', other: '1', slow: '1' });
    });
    expect(webhook.received).toHaveLength(2);
  });

  test('a PUT of what was read before conflicts', async () => {
    const { resourceVersion } = (await create()).body['metadata'] as { resourceVersion: string };
    webhook.on(
      '/think',
      thinking(() => patch({ other: '1' })),
    );
    await configured('Validating', [hook('think', { matchConditions: ONLY_PATCHED })], async () => {
      const answer = await put({ slow: '1' }, resourceVersion);
      expect(answer).toMatchObject({ code: 409, body: { reason: 'Conflict' } });
    });
  });

  test('an object that somebody else creates exists already', async () => {
    webhook.on(
      '/think',
      thinking(() => create('one')),
    );
    const matchConditions = [{ name: 'slow', expression: 'has(object.data.slow)' }];
    await configured('Validating', [hook('think', { matchConditions })], async () => {
      const body = configMap('one', { data: { slow: '1' } });
      expect(await server.send('POST', configMaps(), { body })).toMatchObject({
        code: 409,
        body: { reason: 'AlreadyExists' },
      });
    });
  });

  test('a namespace that goes takes no new object', async () => {
    webhook.on(
      '/think',
      thinking(() => server.send('DELETE', `/api/v1/namespaces/${namespace}`)),
    );
    await configured('Validating', [hook('think')], async () => {
      expect(await create()).toMatchObject({ code: 403, body: { reason: 'Forbidden' } });
    });
  });

  test('two Services do not get the same address', async () => {
    const services = `/api/v1/namespaces/${namespace}/services`;
    const service = (name: string): Fields => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { clusterIP: `10.96.77.${count}`, ports: [{ port: 80 }] },
    });
    const other: { code?: number } = {};
    webhook.on(
      '/think',
      thinking(async () => {
        other.code = (await server.send('POST', services, { body: service('two') })).code;
      }),
    );
    const rules = [{ ...RULE, resources: ['services'] }];
    await configured(
      'Validating',
      [hook('think', { rules, objectSelector: { matchLabels: { slow: 'yes' } } })],
      async () => {
        const body = service('one');
        body['metadata'] = { name: 'one', labels: { slow: 'yes' } };
        expect((await server.send('POST', services, { body })).code).toBe(201);
      },
    );
    expect(other.code).toBe(422);
  });
});

describe('which requests a webhook is asked about', () => {
  const asked = (): Fields[] => webhook.received.map(({ body }) => body.request);
  beforeEach(() => webhook.on('/ask', (received) => reviewed(received)));

  test('every operation, with the objects that it has', async () => {
    await configured('Validating', [hook('ask')], async () => {
      await create();
      const headers = { 'content-type': 'application/merge-patch+json' };
      await server.send('PATCH', `${configMaps()}/one`, { body: { data: { c: 'd' } }, headers });
      await server.send('DELETE', `${configMaps()}/one`, {
        body: { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 },
      });
      await create('two');
      await server.send('DELETE', configMaps());
    });
    expect(
      asked().map((request) => [
        request['operation'],
        request['name'],
        request['object'] === null,
        request['oldObject'] === null,
      ]),
    ).toEqual([
      ['CREATE', 'one', false, true],
      ['UPDATE', 'one', false, false],
      ['DELETE', 'one', true, false],
      ['CREATE', 'two', false, true],
      ['DELETE', undefined, true, false],
    ]);
    expect(asked()[2]?.['options']).toMatchObject({ kind: 'DeleteOptions', gracePeriodSeconds: 0 });
  });

  test('subresources are their own, with objects of their own kind', async () => {
    const rules = [{ operations: ['*'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['*/scale'] }];
    const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
    const labels = { app: 'a' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const body = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd' },
      spec: { selector: { matchLabels: labels }, template },
    };
    await configured('Validating', [hook('ask', { rules })], async () => {
      expect((await server.send('POST', deployments, { body })).code).toBe(201);
      const headers = { 'content-type': 'application/merge-patch+json' };
      await server.send('PATCH', `${deployments}/d/scale`, { body: { spec: { replicas: 3 } }, headers });
    });
    expect(asked()).toMatchObject([
      {
        subResource: 'scale',
        kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
        resource: { group: 'apps', version: 'v1', resource: 'deployments' },
        object: { kind: 'Scale', spec: { replicas: 3 } },
        oldObject: { kind: 'Scale', spec: { replicas: 1 } },
      },
    ]);
  });

  test('an equivalent resource, in the terms of the rule; with Exact only the one named', async () => {
    const rules = [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['events'] }];
    const event = (name: string) => ({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name },
      eventTime: '2026-01-01T00:00:00.000000Z',
      ...{
        action: 'A',
        reason: 'R',
        type: 'Normal',
        reportingController: 'c/d',
        reportingInstance: 'i',
        note: 'hello',
      },
      regarding: { kind: 'Pod', name: 'p', namespace },
    });
    const events = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
    await configured('Validating', [hook('ask', { rules, matchPolicy: 'Exact' })], async () => {
      expect((await server.send('POST', events, { body: event('a') })).code).toBe(201);
    });
    expect(asked()).toEqual([]);
    await configured('Validating', [hook('ask', { rules })], async () => {
      expect((await server.send('POST', events, { body: event('b') })).code).toBe(201);
    });
    expect(asked()).toMatchObject([
      {
        resource: { group: '', version: 'v1', resource: 'events' },
        requestResource: { group: 'events.k8s.io', version: 'v1', resource: 'events' },
        object: { apiVersion: 'v1', message: 'hello', involvedObject: { name: 'p' } },
      },
    ]);
  });

  test('the old object may be what a selector selects', async () => {
    const body = configMap();
    body['metadata'] = { name: 'one', labels: { seen: 'yes' } };
    await server.send('POST', configMaps(), { body });
    await configured('Validating', [hook('ask', { objectSelector: { matchLabels: { seen: 'yes' } } })], async () => {
      await create('two');
      const headers = { 'content-type': 'application/merge-patch+json' };
      await server.send('PATCH', `${configMaps()}/one`, { body: { metadata: { labels: { seen: null } } }, headers });
    });
    expect(asked()).toMatchObject([{ name: 'one', operation: 'UPDATE' }]);
  });

  test('connections, with their options as the object', async () => {
    webhook.on('/ask', (received) =>
      reviewed(received, { allowed: false, status: { message: 'no shells', code: 403 } }),
    );
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    await server.send('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, {
      body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } },
    });
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    await server.send('POST', pods, { body: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec } });
    const rules = [{ operations: ['CONNECT'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods/exec'] }];
    await configured('Validating', [hook('ask', { rules })], async () => {
      const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
      const headers = { ...upgrade, 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' };
      const path = `${pods}/p/exec?command=sh&command=-c&stdin=true&stdout=true`;
      const answer = await server.send('GET', path, { headers });
      expect(answer.code).toBe(403);
      expect(answer.text).toContain('admission webhook \\"ask.hooks.test\\" denied the request: no shells');
    });
    expect(asked()).toMatchObject([
      {
        operation: 'CONNECT',
        subResource: 'exec',
        name: 'p',
        namespace,
        kind: { group: '', version: 'v1', kind: 'PodExecOptions' },
        object: { kind: 'PodExecOptions', apiVersion: 'v1', command: ['sh', '-c'], stdin: true, stdout: true },
        oldObject: null,
        options: null,
      },
    ]);
  });

  test('every version of a custom resource, in the one that the rule names', async () => {
    const group = `${namespace}.example.com`;
    const names = { plural: 'widgets', kind: 'Widget' };
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    const versions = ['v1', 'v2'].map((name) => ({ name, served: true, storage: name === 'v1', schema }));
    const metadata = { name: `widgets.${group}` };
    const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const spec = { group, scope: 'Namespaced', names, versions };
    await server.send('POST', crds, {
      body: { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata, spec },
    });
    const widgets = `/apis/${group}/v2/namespaces/${namespace}/widgets`;
    await expect.poll(async () => (await server.send('GET', widgets)).code).toBe(200);
    const rules = [{ operations: ['CREATE'], apiGroups: [group], apiVersions: ['v1'], resources: ['widgets'] }];
    webhook.on('/ask', (received) => reviewed(received, patchOf({ op: 'add', path: '/added', value: 1 })));
    await configured('Mutating', [hook('ask', { rules })], async () => {
      const body = { apiVersion: `${group}/v2`, kind: 'Widget', metadata: { name: 'w' } };
      expect((await server.send('POST', widgets, { body })).body).toMatchObject({
        apiVersion: `${group}/v2`,
        added: 1,
      });
    });
    expect(asked()).toMatchObject([
      { resource: { version: 'v1' }, requestResource: { version: 'v2' }, object: { apiVersion: `${group}/v1` } },
    ]);
    await server.send('DELETE', `${crds}/${metadata.name}`);
  });

  test('never about what configures admission', async () => {
    const rules = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }];
    const only = { matchConditions: [{ name: 'mine', expression: "request.name == 'exempt'" }], namespaceSelector: {} };
    await configured('Validating', [hook('ask', { rules, ...only })], async () => {
      const body = {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'MutatingWebhookConfiguration',
        metadata: { name: 'exempt' },
      };
      expect((await server.send('POST', collection('Mutating'), { body })).code).toBe(201);
      await server.send('DELETE', `${collection('Mutating')}/exempt`);
    });
    expect(asked()).toEqual([]);
  });
});
