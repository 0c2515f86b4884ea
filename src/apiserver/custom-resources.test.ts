import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Transport } from '../client/index.ts';
import type { Fields, KubeObject } from '../machinery/index.ts';
import { type ApiServer, startApiServer } from './index.ts';

let server: ApiServer;
let transport: Transport;

beforeAll(async () => {
  server = await startApiServer();
  transport = server.transport();
});
afterAll(() => server.stop());

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

const post = (path: string, body: unknown) => transport.request({ method: 'POST', path, body }) as Promise<KubeObject>;
const get = (path: string) => transport.request({ method: 'GET', path }) as Promise<KubeObject>;
const merge = (path: string, body: unknown) =>
  transport.request({
    method: 'PATCH',
    path,
    body,
    contentType: 'application/merge-patch+json',
  }) as Promise<KubeObject>;

function definition(kind: string, spec: Fields): KubeObject {
  const plural = `${kind.toLowerCase()}s`;
  const names = { plural, singular: kind.toLowerCase(), kind };
  const schema = {
    openAPIV3Schema: {
      type: 'object',
      properties: { spec, status: { type: 'object', properties: { seen: { type: 'integer' } } } },
    },
  };
  const version = { served: true, schema, subresources: { status: {} } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names,
      versions: [
        { ...version, name: 'v1', storage: true },
        { ...version, name: 'v1beta1', storage: false },
      ],
    },
  };
}

/** Asks until the answer is right: what happens between is the server's own business, and takes milliseconds. */
async function eventually<T>(ask: () => Promise<T>, right: (answer: T | unknown) => boolean): Promise<void> {
  for (const end = Date.now() + 5_000; ; await sleep(5)) {
    const answer = await ask().catch((error: unknown) => error);
    if (right(answer)) return;
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(answer)}`);
  }
}

const isGone = (answer: unknown): boolean => (answer as { code?: number }).code === 404;
const isList = (answer: unknown): boolean => Array.isArray((answer as { items?: unknown }).items);

async function install(kind: string, spec: Fields): Promise<string> {
  await post(CRDS, definition(kind, spec));
  const path = `/apis/example.com/v1/namespaces/default/${kind.toLowerCase()}s`;
  await eventually(() => get(path), isList);
  return path;
}

test('a custom resource is pruned, defaulted, validated and served in every version', async () => {
  const properties = { size: { type: 'integer', default: 3, maximum: 9 }, color: { type: 'string' } };
  const path = await install('Widget', { type: 'object', properties });
  const widget = {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { name: 'x' },
    spec: { bogus: 1 },
    status: { seen: 1 },
  };
  const created = await post(path, widget);
  expect(created['spec']).toEqual({ size: 3 });
  expect(created['status']).toBeUndefined();
  expect(created.metadata.generation).toBe(1);

  const other = await get(`${path.replace('/v1/', '/v1beta1/')}/x`);
  expect(other).toMatchObject({ apiVersion: 'example.com/v1beta1', spec: { size: 3 } });

  await expect(merge(`${path}/x`, { spec: { size: 10 } })).rejects.toMatchObject({
    code: 422,
    message: expect.stringContaining('Widget.example.com "x" is invalid: spec.size: Invalid value: 10'),
  });
  const strategic = {
    method: 'PATCH' as const,
    path: `${path}/x`,
    body: {},
    contentType: 'application/strategic-merge-patch+json',
  };
  await expect(transport.request(strategic)).rejects.toMatchObject({ code: 415 });

  const status = await merge(`${path}/x/status`, { spec: { size: 1 }, status: { seen: 2 } });
  expect(status).toMatchObject({ spec: { size: 3 }, status: { seen: 2 }, metadata: { generation: 1 } });
  const changed = await merge(`${path}/x`, { spec: { size: 4 }, status: { seen: 5 } });
  expect(changed).toMatchObject({ spec: { size: 4 }, status: { seen: 2 }, metadata: { generation: 2 } });
});

test('changes of a custom resource are counted, and those of a PriorityClass are not, whose name it may have', async () => {
  const paths = [
    await install('PriorityClass', { type: 'object', properties: { size: { type: 'integer' } } }),
    '/apis/scheduling.k8s.io/v1/priorityclasses',
  ];
  const generations = paths.map(async (path) => {
    const apiVersion = path.split('/').slice(2, 4).join('/');
    const created = await post(path, { apiVersion, kind: 'PriorityClass', metadata: { name: 'counted' }, value: 1 });
    const changed = await merge(`${path}/counted`, { spec: { size: 1 }, description: 'x' });
    return [created.metadata.generation, changed.metadata.generation];
  });
  expect(await Promise.all(generations)).toEqual([
    [1, 2],
    [1, 1],
  ]);
});

test('a new default shows on objects that were stored before it', async () => {
  const path = await install('Gadget', { type: 'object', properties: { a: { type: 'string' } } });
  await post(path, { apiVersion: 'example.com/v1', kind: 'Gadget', metadata: { name: 'x' }, spec: {} });
  const crd = await get(`${CRDS}/gadgets.example.com`);
  const next = definition('Gadget', { type: 'object', properties: { a: { type: 'string', default: 'new' } } });
  const body = { ...crd, spec: next.spec };
  await transport.request({ method: 'PUT', path: `${CRDS}/gadgets.example.com`, body });
  await eventually(
    () => get(`${path}/x`),
    (answer) => (answer as KubeObject).spec?.['a'] === 'new',
  );
});

test('a removed definition takes its objects and its paths with it', async () => {
  const path = await install('Thing', { type: 'object', 'x-kubernetes-preserve-unknown-fields': true });
  const held = {
    apiVersion: 'example.com/v1',
    kind: 'Thing',
    metadata: { name: 'held', finalizers: ['example.com/x'] },
  };
  await post(path, held);
  await post(path, { ...held, metadata: { name: 'free' } });
  await transport.request({ method: 'DELETE', path: `${CRDS}/things.example.com` });
  await eventually(() => get(`${path}/free`), isGone);
  expect((await get(`${path}/held`)).metadata.deletionTimestamp).toBeDefined();
  await expect(post(path, { ...held, metadata: { name: 'late' } })).rejects.toMatchObject({ code: 403 });

  await merge(`${path}/held`, { metadata: { finalizers: null } });
  await eventually(() => get(`${CRDS}/things.example.com`), isGone);
  await eventually(() => get(path), isGone);
  await eventually(
    () => get('/apis/example.com/v1'),
    (answer) => !JSON.stringify(answer).includes('things'),
  );
});

test('metadata that cannot be read is named as Go does, which reads it by itself', async () => {
  await post(CRDS, definition('Plain', { type: 'object' }));
  const plains = '/apis/example.com/v1/namespaces/default/plains';
  await eventually(
    () => get(plains),
    (answer) => !(answer instanceof Error),
  );
  for (const [metadata, why] of [
    [{ labels: { a: 1 } }, 'number into Go struct field ObjectMeta.labels of type string'],
    [{ finalizers: 'x' }, 'string into Go struct field ObjectMeta.finalizers of type []string'],
    [{ ownerReferences: {} }, 'object into Go struct field ObjectMeta.ownerReferences of type []v1.OwnerReference'],
  ] as const) {
    const body = { apiVersion: 'example.com/v1', kind: 'Plain', metadata: { name: 'a', ...metadata } };
    await expect(post(plains, body)).rejects.toThrow(
      `Plain in version "v1" cannot be handled as a Plain: json: cannot unmarshal ${why}`,
    );
  }
});

test('a null at the top that the schema forbids is not kept', async () => {
  const path = await install('Nully', { type: 'object', properties: { size: { type: 'integer' } } });
  const body = { apiVersion: 'example.com/v1', kind: 'Nully', metadata: { name: 'x' }, spec: null };
  expect(await post(path, body)).not.toHaveProperty('spec');
});

test('watches of a definition that is removed tell of its objects and end', async () => {
  const path = await install('Gone', { type: 'object', 'x-kubernetes-preserve-unknown-fields': true });
  await post(path, { apiVersion: 'example.com/v1', kind: 'Gone', metadata: { name: 'x' } });
  const seen: string[] = [];
  const began = Promise.withResolvers<void>();
  const watched = (async () => {
    for await (const { type } of transport.watch({ method: 'GET', path })) {
      seen.push(type);
      began.resolve();
    }
  })();
  await began.promise;
  await transport.request({ method: 'DELETE', path: `${CRDS}/gones.example.com` });
  await watched;
  expect(seen).toEqual(['ADDED', 'DELETED']);
});

const condition = (crd: KubeObject, type: string) =>
  (crd.status?.['conditions'] as { type: string; status: string; reason: string }[] | undefined)?.find(
    (each) => each.type === type,
  );

test('a name that is taken is waited for, in its group', async () => {
  const spec = { type: 'object' };
  await post(CRDS, definition('Taken', spec));
  const later = definition('Later', spec);
  Object.assign(later.spec?.['names'] ?? {}, { singular: 'takens' });
  await post(CRDS, later);
  const path = `${CRDS}/laters.example.com`;
  await eventually(
    () => get(path),
    (crd) => condition(crd as KubeObject, 'NamesAccepted')?.reason === 'SingularConflict',
  );
  expect(condition(await get(path), 'Established')).toMatchObject({ status: 'False', reason: 'NotAccepted' });
  await transport.request({ method: 'DELETE', path: `${CRDS}/takens.example.com` });
  await eventually(
    () => get(path),
    (crd) => condition(crd as KubeObject, 'Established')?.status === 'True',
  );
});

test('a definition says that its objects are going, and takes no new ones', async () => {
  await post(CRDS, definition('Held', { type: 'object' }));
  const path = '/apis/example.com/v1/namespaces/default/helds';
  await eventually(
    () => get(path),
    (list) => (list as KubeObject).kind === 'HeldList',
  );
  const held = { apiVersion: 'example.com/v1', kind: 'Held' };
  await post(path, { ...held, metadata: { name: 'a', finalizers: ['example.com/wait'] } });
  const crd = `${CRDS}/helds.example.com`;
  await transport.request({ method: 'DELETE', path: crd });
  await eventually(
    () => get(crd),
    (object) => condition(object as KubeObject, 'Terminating')?.reason === 'InstanceDeletionInProgress',
  );
  await expect(post(path, { ...held, metadata: { name: 'b' } })).rejects.toMatchObject({
    code: 403,
    message: 'helds.example.com "b" is forbidden: create not allowed while custom resource definition is terminating',
  });
  await merge(`${path}/a`, { metadata: { finalizers: null } });
  await eventually(
    () => get(crd),
    (answer) => (answer as { code?: number }).code === 404,
  );
});

test('the version that is stored in is remembered from the moment of its change', async () => {
  await post(CRDS, definition('Moved', { type: 'object' }));
  const path = `${CRDS}/moveds.example.com`;
  const crd = await get(path);
  const versions = ((crd.spec?.['versions'] ?? []) as Fields[]).map((version) => ({
    ...version,
    storage: version['name'] === 'v1beta1',
  }));
  const moved = await merge(path, { spec: { versions } });
  expect(moved.status?.['storedVersions']).toEqual(['v1', 'v1beta1']);
  const only = versions.filter(({ storage }) => storage);
  await expect(merge(path, { spec: { versions: only } })).rejects.toMatchObject({
    code: 422,
    message: expect.stringContaining('status.storedVersions[0]: Invalid value: "v1": missing from spec.versions'),
  });
});

test('resources in a custom resource have metadata as all have', async () => {
  const embedded = {
    type: 'object',
    'x-kubernetes-embedded-resource': true,
    'x-kubernetes-preserve-unknown-fields': true,
  };
  const properties = { one: embedded, more: { type: 'array', items: embedded } };
  await post(CRDS, definition('Holder', { type: 'object', properties }));
  const path = '/apis/example.com/v1/namespaces/default/holders';
  const create = (spec: Fields): Promise<KubeObject> =>
    transport.request({
      method: 'POST',
      path,
      query: { dryRun: 'All', fieldValidation: 'Strict' },
      body: { apiVersion: 'example.com/v1', kind: 'Holder', metadata: { name: 'h' }, spec },
    }) as Promise<KubeObject>;
  await eventually(
    () => create({}),
    (answer) => (answer as KubeObject).kind === 'Holder',
  );
  const pod = (metadata: unknown): Fields => ({ apiVersion: 'v1', kind: 'Pod', metadata });
  const { spec } = await create({ one: pod({ name: 'p', labels: {}, creationTimestamp: null }), more: [pod(null)] });
  expect(spec).toEqual({ one: pod({ name: 'p' }), more: [pod({})] });
  const refused = (why: string) => ({
    code: 400,
    message: `Holder in version "v1" cannot be handled as a Holder: ${why}`,
  });
  const number = 'json: cannot unmarshal number into Go struct field ObjectMeta';
  await expect(create({ one: pod({ labels: { a: 1 } }) })).rejects.toMatchObject(
    refused(`spec.one.metadata: Invalid value: {"labels":{"a":1}}: ${number}.labels of type string`),
  );
  await expect(create({ more: [pod('x')] })).rejects.toMatchObject(
    refused(
      'spec.more[0].metadata: Invalid value: "x": json: cannot unmarshal string into Go value of type v1.ObjectMeta',
    ),
  );
  await expect(create({ one: pod({ foo: 1 }) })).rejects.toMatchObject(
    refused('strict decoding error: unknown field "spec.one.metadata.foo"'),
  );
  await expect(create({ one: { ...pod({}), kind: 2 } })).rejects.toMatchObject(
    refused('spec.one.kind: Invalid value: 2: must be a string'),
  );
  const wrong = { generateName: 'A/', name: 'a/b', namespace: 'Up', generation: -1, finalizers: ['f'] };
  const causes = { labels: { a: 'x y' }, ownerReferences: [{ name: 'q' }], managedFields: [{ operation: 'x' }] };
  const problem = await create({ one: pod({ ...wrong, ...causes }) }).catch((error: unknown) => error);
  expect((problem as { details: { causes: { field: string }[] } }).details.causes.map(({ field }) => field)).toEqual(
    [
      ...['generateName', 'name', 'namespace', 'generation', 'labels', 'ownerReferences.apiVersion'],
      ...['ownerReferences.kind', 'ownerReferences.uid', 'managedFields[0].operation'],
    ].map((field) => `spec.one.metadata.${field}`),
  );
});
