import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { RawWatchEvent, Transport } from '../client/index.ts';
import type { Fields, KubeObject } from '../machinery/index.ts';
import { type ApiServer, startApiServer } from './index.ts';
import { type Behaviour, startWebhook, type TestWebhook } from './webhooks/webhook.testing.ts';

let server: ApiServer;
let transport: Transport;
let webhook: TestWebhook;

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const path = (version: string, name = '') =>
  `/apis/example.com/${version}/namespaces/default/tubes${name && `/${name}`}`;

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH';
const ask = (method: Method, at: string, body?: unknown) =>
  transport.request({
    method,
    path: at,
    ...(body === undefined ? {} : { body }),
    ...(method === 'PATCH' ? { contentType: 'application/merge-patch+json' } : {}),
  }) as Promise<KubeObject & { items: KubeObject[] }>;

/** v1 has `length` in millimetres, v2 has `metres`. */
function convertTube(object: KubeObject, to: string): KubeObject {
  const { length, metres } = (object.spec ?? {}) as { length?: number; metres?: number };
  const spec: Fields = to.endsWith('v1') ? { length: (metres ?? 0) * 1000 } : { metres: (length ?? 0) / 1000 };
  return { ...object, apiVersion: to, spec };
}

interface Review {
  uid: string;
  desiredAPIVersion: string;
  objects: KubeObject[];
}

const answer = (request: Review, response: Fields): Fields => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'ConversionReview',
  response: { uid: request.uid, result: { status: 'Success' }, ...response },
});
const requestOf = (received: { body: Fields }) => received.body['request'] as unknown as Review;
const converting: Behaviour = (received) => {
  const request = requestOf(received);
  const convertedObjects = request.objects.map((object) => convertTube(object, request.desiredAPIVersion));
  return answer(request, { convertedObjects: convertedObjects as unknown as Fields[] });
};

const version = (name: string, storage: boolean, property: string): Fields => ({
  ...{ name, storage, served: true },
  selectableFields: [{ jsonPath: `.spec.${property}` }],
  schema: {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          properties: { [property]: { type: 'integer' }, colour: { type: 'string', default: 'grey' } },
        },
      },
    },
  },
});

beforeAll(async () => {
  server = await startApiServer();
  transport = server.transport();
  webhook = await startWebhook();
  await ask('POST', CRDS, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'tubes.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'tubes', kind: 'Tube' },
      versions: [version('v1', true, 'length'), version('v2', false, 'metres')],
      conversion: {
        strategy: 'Webhook',
        webhook: {
          conversionReviewVersions: ['v1'],
          clientConfig: { url: `${webhook.url}/convert`, caBundle: webhook.caBundle },
        },
      },
    },
  });
  await vi.waitFor(() => ask('GET', path('v1')));
});
afterAll(async () => {
  await server.stop();
  await webhook.stop();
});
beforeEach(() => {
  webhook.on('/convert', converting);
  webhook.received.length = 0;
});

const tube = (apiVersion: string, name: string, spec: Fields): KubeObject => ({
  apiVersion: `example.com/${apiVersion}`,
  kind: 'Tube',
  metadata: { name, namespace: 'default' },
  spec,
});

test('an object is written and read in any version, and stored in one', async () => {
  const made = await ask('POST', path('v2'), tube('v2', 'a', { metres: 2 }));
  expect(made).toMatchObject({ apiVersion: 'example.com/v2', spec: { metres: 2, colour: 'grey' } });
  expect((await ask('GET', path('v1', 'a'))).spec).toEqual({ length: 2000, colour: 'grey' });
  const patched = await ask('PATCH', path('v2', 'a'), { spec: { metres: 3 }, metadata: { labels: { x: 'y' } } });
  expect(patched).toMatchObject({ spec: { metres: 3 }, metadata: { labels: { x: 'y' }, generation: 2 } });
  const v1 = await ask('GET', path('v1', 'a'));
  expect(v1.spec).toMatchObject({ length: 3000 });
  await ask('PUT', path('v1', 'a'), { ...v1, spec: { length: 4000 } });
  expect((await ask('GET', path('v2', 'a'))).spec).toMatchObject({ metres: 4 });
  await ask('DELETE', path('v2', 'a'));
  await expect(ask('GET', path('v2', 'a'))).rejects.toMatchObject({ code: 404 });
});

test('a list is converted in one call, and nothing is converted twice', async () => {
  for (let i = 0; i < 30; i++) await ask('POST', path('v1'), tube('v1', `l${i}`, { length: i * 1000 }));
  expect(webhook.received).toHaveLength(0);
  const [list, again] = await Promise.all([ask('GET', path('v2')), ask('GET', path('v2'))]);
  expect(list.items.map(({ spec }) => spec?.['metres'])).toContain(29);
  expect(again.items).toEqual(list.items);
  expect(webhook.received).toHaveLength(1);
  expect(requestOf(webhook.received[0] as never).objects).toHaveLength(30);
  await ask('PATCH', path('v1', 'l0'), { spec: { length: 5 } });
  await ask('GET', path('v2'));
  expect(webhook.received).toHaveLength(2);
  expect(requestOf(webhook.received[1] as never).objects).toHaveLength(1);
  await ask('DELETE', path('v1'));
});

test('field selectors read the version that is asked for', async () => {
  await ask('POST', path('v1'), tube('v1', 'chosen', { length: 4000 }));
  await ask('POST', path('v1'), tube('v1', 'other', { length: 5000 }));
  const query = { fieldSelector: 'spec.metres=4' };
  const listed = (await transport.request({ method: 'GET', path: path('v2'), query })) as { items: KubeObject[] };
  expect(listed.items.map(({ metadata }) => metadata.name)).toEqual(['chosen']);
  await expect(transport.request({ method: 'GET', path: path('v1'), query })).rejects.toMatchObject({ code: 400 });
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const { type, object } of transport.watch({
    method: 'GET',
    path: path('v2'),
    query,
    signal: stop.signal,
  })) {
    seen.push(`${type} ${(object as KubeObject).metadata.name}`);
    if (seen.length === 1) await ask('PATCH', path('v1', 'other'), { spec: { length: 4000 } });
    if (seen.length === 2) await ask('PATCH', path('v1', 'chosen'), { spec: { length: 1000 } });
    if (seen.length === 3) stop.abort();
  }
  expect(seen).toEqual(['ADDED chosen', 'ADDED other', 'DELETED chosen']);
  await ask('POST', path('v1'), tube('v1', 'unread', { length: 4000 }));
  const deleted = (await transport.request({ method: 'DELETE', path: path('v2'), query })) as { items: KubeObject[] };
  expect(deleted.items.map(({ metadata }) => metadata.name)).toEqual(['other', 'unread']);
  await ask('DELETE', path('v1', 'chosen'));
});

test('a watch shows its own version', async () => {
  const seen: RawWatchEvent[] = [];
  const stop = new AbortController();
  const watching = (async () => {
    for await (const event of transport.watch({ method: 'GET', path: path('v2'), query: {}, signal: stop.signal })) {
      seen.push(event);
      if (seen.length === 2) break;
    }
  })();
  await ask('POST', path('v1'), tube('v1', 'w', { length: 7000 }));
  await ask('DELETE', path('v1', 'w'));
  await watching;
  stop.abort();
  expect(seen.map(({ type, object }) => [type, (object as KubeObject).spec?.['metres']])).toEqual([
    ['ADDED', 7],
    ['DELETED', 7],
  ]);
});

const prefix = 'conversion webhook for example.com/v1, Kind=Tube';
const one = (request: Review, change: (object: KubeObject) => unknown): Fields =>
  answer(request, {
    convertedObjects: request.objects.map((object) => change(convertTube(object, request.desiredAPIVersion))) as never,
  });

test.each<[string, (request: Review) => unknown, string]>([
  [
    'a failure',
    (request) => answer(request, { result: { status: 'Failed', message: 'no way' } }),
    `${prefix} failed: no way`,
  ],
  [
    'no status',
    (request) => answer(request, { result: {} }),
    `${prefix} failed: response.result.status was '', not 'Success'`,
  ],
  [
    'another uid',
    (request) => answer({ ...request, uid: 'x' }, { convertedObjects: [] }),
    `${prefix} failed: expected response.uid=`,
  ],
  [
    'another kind of answer',
    () => ({ apiVersion: 'v1', kind: 'Foo' }),
    `${prefix} failed: expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got v1, Kind=Foo`,
  ],
  [
    'too few objects',
    (request) => answer(request, { convertedObjects: [] }),
    `${prefix} returned 0 objects, expected 1`,
  ],
  [
    'another version',
    (request) => one(request, (object) => ({ ...object, apiVersion: 'example.com/v3' })),
    `${prefix} returned invalid object at index 0: invalid groupVersion (expected example.com/v2, received example.com/v3)`,
  ],
  [
    'another name',
    (request) => one(request, (object) => ({ ...object, metadata: { ...object.metadata, name: 'other' } })),
    `${prefix} returned invalid object at index 0: must have the same name: bad != other`,
  ],
  [
    'labels that are none',
    (request) => one(request, (object) => ({ ...object, metadata: { ...object.metadata, labels: { a: 1 } } })),
    `${prefix} returned invalid metadata at index 0: metadata.labels[a] must be a string in converted object`,
  ],
])('%s of the webhook is an error of the reader, and the object stays', async (_, behave, message) => {
  await ask('POST', path('v1'), tube('v1', 'bad', { length: 1000 }));
  webhook.on('/convert', (received) => behave(requestOf(received)));
  await expect(ask('GET', path('v2', 'bad'))).rejects.toMatchObject({
    code: 500,
    message: expect.stringContaining(message),
  });
  webhook.on('/convert', converting);
  expect((await ask('GET', path('v2', 'bad'))).spec).toMatchObject({ metres: 1 });
  await ask('DELETE', path('v1', 'bad'));
});

test('a webhook changes no metadata but labels and annotations', async () => {
  await ask('POST', path('v1'), tube('v1', 'meta', { length: 1000 }));
  webhook.on('/convert', (received) =>
    one(requestOf(received), (object) => ({
      ...object,
      metadata: { ...object.metadata, labels: { made: 'so' }, finalizers: ['x/y'], generation: 99 },
    })),
  );
  const { metadata } = await ask('GET', path('v2', 'meta'));
  expect(metadata).toMatchObject({ labels: { made: 'so' }, generation: 1 });
  expect(metadata.finalizers).toBeUndefined();
  await ask('DELETE', path('v1', 'meta'));
});

test('a write that waits for its conversion does not hold up others, and counts on the newest state', async () => {
  await ask('POST', path('v1'), tube('v1', 'slow', { length: 1000 }));
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  webhook.on('/convert', async (received, ...rest) => {
    await held;
    return converting(received, ...rest);
  });
  const slow = ask('PATCH', path('v2', 'slow'), { metadata: { labels: { from: 'v2' } } });
  await ask('PATCH', path('v1', 'slow'), { spec: { length: 9000 } });
  release();
  expect(await slow).toMatchObject({ spec: { metres: 9 }, metadata: { labels: { from: 'v2' } } });
  await ask('DELETE', path('v1', 'slow'));
});

const RULES = [{ operations: ['CREATE', 'UPDATE'], apiGroups: ['example.com'], resources: ['tubes'] }];
const registrations = '/apis/admissionregistration.k8s.io/v1';

test('a policy for another version judges what the conversion webhook makes of the object', async () => {
  const policies = `${registrations}/validatingadmissionpolicies`;
  const bindings = `${registrations}/validatingadmissionpolicybindings`;
  await ask('POST', policies, {
    metadata: { name: 'short' },
    spec: {
      matchConstraints: { resourceRules: RULES.map((rule) => ({ ...rule, apiVersions: ['v2'] })) },
      validations: [{ expression: 'object.spec.metres < 5.0 && (oldObject == null || oldObject.spec.metres < 5.0)' }],
    },
  });
  await ask('POST', bindings, {
    metadata: { name: 'short' },
    spec: { policyName: 'short', validationActions: ['Deny'] },
  });
  await expect(ask('POST', path('v1'), tube('v1', 'long', { length: 9000 }))).rejects.toMatchObject({
    code: 422,
    message: expect.stringContaining("ValidatingAdmissionPolicy 'short' with binding 'short' denied request"),
  });
  await ask('POST', path('v1'), tube('v1', 'short', { length: 1000 }));
  await expect(ask('PATCH', path('v1', 'short'), { spec: { length: 9000 } })).rejects.toMatchObject({ code: 422 });
  await ask('PATCH', path('v1', 'short'), { spec: { length: 2000 } });
  webhook.on('/convert', (received) => answer(requestOf(received), { result: { status: 'Failed', message: 'no' } }));
  await expect(ask('PATCH', path('v1', 'short'), { spec: { length: 3000 } })).rejects.toMatchObject({ code: 500 });
  webhook.on('/convert', converting);
  expect((await ask('GET', path('v1', 'short'))).spec).toMatchObject({ length: 2000 });
  await ask('DELETE', `${bindings}/short`);
  await ask('DELETE', `${policies}/short`);
  await ask('DELETE', path('v1', 'short'));
});

test('a webhook for another version changes what the conversion webhook makes of the object', async () => {
  const seen: unknown[] = [];
  webhook.on('/mutate', ({ body }) => {
    const { uid, object } = body['request'] as unknown as { uid: string; object: KubeObject };
    seen.push(object.apiVersion, object.spec?.['length']);
    const patch = btoa(JSON.stringify([{ op: 'replace', path: '/spec/length', value: 3000 }]));
    const response = { uid, allowed: true, patchType: 'JSONPatch', patch };
    return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response };
  });
  const hooks = `${registrations}/mutatingwebhookconfigurations`;
  const hook = {
    name: 'three.example.com',
    clientConfig: { url: `${webhook.url}/mutate`, caBundle: webhook.caBundle },
    rules: RULES.map((rule) => ({ ...rule, apiVersions: ['v1'] })),
    matchConditions: [{ name: 'tiny', expression: 'object.spec.length < 2500.0' }],
    ...{ sideEffects: 'None', admissionReviewVersions: ['v1'] },
  };
  await ask('POST', hooks, { metadata: { name: 'three' }, webhooks: [hook] });
  const made = await ask('POST', path('v2'), tube('v2', 'three', { metres: 2 }));
  expect(made).toMatchObject({ apiVersion: 'example.com/v2', spec: { metres: 3, colour: 'grey' } });
  expect((await ask('POST', path('v2'), tube('v2', 'four', { metres: 4 }))).spec).toMatchObject({ metres: 4 });
  expect(seen).toEqual(['example.com/v1', 2000]);
  await ask('DELETE', `${hooks}/three`);
  await ask('DELETE', path('v2'));
});
