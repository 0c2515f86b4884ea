import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Transport } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/index.ts';
import { type ApiServer, startApiServer } from '../index.ts';

let server: ApiServer;
let transport: Transport;

beforeAll(async () => {
  server = await startApiServer();
  transport = server.transport();
});
afterAll(() => server.stop());

const MAPS = '/api/v1/namespaces/default/configmaps';

function create(metadata: object, more: object = {}): Promise<KubeObject> {
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, ...more };
  return transport.request({ method: 'POST', path: MAPS, body }) as Promise<KubeObject>;
}

test('maps and lists of metadata that are empty are not kept, and nulls are absent', async () => {
  const empty = { labels: {}, annotations: {}, ownerReferences: [], finalizers: [], managedFields: [] };
  const created = await create({ name: 'empty', ...empty, generateName: null }, { data: null });
  for (const field of Object.keys(empty)) {
    if (field !== 'managedFields') expect(created.metadata).not.toHaveProperty(field);
  }
  expect(created.metadata).not.toHaveProperty('generateName');
  expect(created).not.toHaveProperty('data');
});

test('the last owner reference leaves no empty list, whichever patch takes it', async () => {
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'u-1' };
  const patches: [string, unknown][] = [
    ['application/merge-patch+json', { metadata: { ownerReferences: [] } }],
    ['application/json-patch+json', [{ op: 'remove', path: '/metadata/ownerReferences/0' }]],
    [
      'application/strategic-merge-patch+json',
      { metadata: { ownerReferences: [{ $patch: 'delete', uid: 'u-1' }], finalizers: [] } },
    ],
  ];
  for (const [index, [contentType, body]] of patches.entries()) {
    const name = `owned-${index}`;
    await create({ name, ownerReferences: [owner] });
    const path = `${MAPS}/${name}`;
    const patched = (await transport.request({ method: 'PATCH', path, contentType, body })) as KubeObject;
    expect(patched.metadata).not.toHaveProperty('ownerReferences');
  }
});

test('a null that has a place of its own is the zero value of its type', async () => {
  expect(await create({ name: 'zero', labels: { a: null } }, { data: { b: null } })).toMatchObject({
    metadata: { labels: { a: '' } },
    data: { b: '' },
  });
});

const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'u' };

test.each([
  [
    { generateName: 'No_' },
    'metadata.generateName',
    'Invalid value: "No_": a lowercase RFC 1123 subdomain must consist',
  ],
  [
    { name: 'x', ownerReferences: [{ ...owner, apiVersion: 'apps/' }] },
    'metadata.ownerReferences.apiVersion',
    'Invalid value: "apps/": version must not be empty',
  ],
  [
    { name: 'x', ownerReferences: [{ ...owner, kind: '' }] },
    'metadata.ownerReferences.kind',
    'Invalid value: "": must not be empty',
  ],
  [
    { name: 'x', ownerReferences: [{ ...owner, kind: 'Event' }] },
    'metadata.ownerReferences',
    '/v1, Kind=Event is disallowed from being an owner',
  ],
  [
    {
      name: 'x',
      ownerReferences: [
        { ...owner, controller: true },
        { ...owner, name: 'y', uid: 'v', controller: true },
      ],
    },
    'metadata.ownerReferences',
    'Only one reference can have Controller set to true. Found "true" in references for ConfigMap/x and ConfigMap/y',
  ],
  [
    { name: 'x', finalizers: ['orphan', 'foregroundDeletion'] },
    'metadata.finalizers',
    'finalizer orphan and foregroundDeletion cannot be both set',
  ],
  [
    { name: 'x', finalizers: ['example.com/a', 'a'] },
    'metadata.finalizers[1]',
    'Invalid value: "a": name is neither a standard finalizer name nor is it fully qualified',
  ],
])('%j is refused as upstream does', async (metadata, field, message) => {
  await expect(create(metadata)).rejects.toMatchObject({
    code: 422,
    details: {
      causes: expect.arrayContaining([expect.objectContaining({ field, message: expect.stringContaining(message) })]),
    },
  });
});

test('a prefix may end in a dash', async () => {
  expect((await create({ generateName: 'a-' })).metadata.name).toMatch(/^a-.{5}$/);
});

test('finalizers are standard, qualified, or of a kind that upstream does not ask for that', async () => {
  const finalizers = ['kubernetes', 'orphan', 'a/b'];
  expect((await create({ name: 'held', finalizers })).metadata.finalizers).toEqual(finalizers);
  const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'l', finalizers: ['a'] } };
  expect(await transport.request({ method: 'POST', path, body })).toMatchObject({ metadata: { finalizers: ['a'] } });
});

test('who writes the finalizers of a namespace writes its metadata, too', async () => {
  const path = '/api/v1/namespaces/default';
  const old = (await transport.request({ method: 'GET', path })) as KubeObject;
  const finalize = (change: object, finalizers: string[]): Promise<unknown> => {
    const { resourceVersion: _, ...metadata } = old.metadata;
    const body = {
      ...old,
      metadata: { ...metadata, ...change },
      spec: { finalizers },
      status: { phase: 'Terminating' },
    };
    return transport.request({ method: 'PUT', path: `${path}/finalize`, body });
  };
  expect(await finalize({ labels: { x: 'y' }, annotations: { p: 'q' } }, ['kubernetes', 'a.b/c'])).toMatchObject({
    metadata: {
      uid: old.metadata.uid,
      labels: { x: 'y', 'kubernetes.io/metadata.name': 'default' },
      annotations: { p: 'q' },
    },
    spec: { finalizers: ['kubernetes', 'a.b/c'] },
    status: { phase: 'Active' },
  });
  const cause = (field: string) => ({ code: 422, details: { causes: [expect.objectContaining({ field })] } });
  await expect(finalize({}, ['kubernetes', 'foo'])).rejects.toMatchObject(cause('spec.finalizers[1]'));
  await expect(finalize({ finalizers: ['b'] }, [])).rejects.toMatchObject(cause('metadata.finalizers[0]'));
  expect(await finalize({}, ['kubernetes'])).toMatchObject({ metadata: { labels: old.metadata.labels } });
});
