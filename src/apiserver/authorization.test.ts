import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Transport, TransportRequest } from '../client/index.ts';
import type { Fields, KubeObject } from '../machinery/index.ts';
import { type ApiServer, startApiServer } from './index.ts';

let server: ApiServer;
let admin: Transport;

beforeAll(async () => {
  server = await startApiServer();
  admin = server.transport();
  for (const name of ['mine', 'yours']) {
    await post(admin, '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  await post(admin, '/api/v1/namespaces/mine/serviceaccounts', account);
});
afterAll(() => server.stop());

const post = (transport: Transport, path: string, body: unknown) =>
  transport.request({ method: 'POST', path, body }) as Promise<KubeObject>;

const RBAC = '/apis/rbac.authorization.k8s.io/v1/namespaces/mine';

/** Someone who may do only what one rule in the namespace `mine` says. */
async function someone(name: string, rule: Fields): Promise<Transport> {
  const [apiGroup, apiVersion] = ['rbac.authorization.k8s.io', 'rbac.authorization.k8s.io/v1'];
  await post(admin, `${RBAC}/roles`, { apiVersion, kind: 'Role', metadata: { name }, rules: [rule] });
  await post(admin, `${RBAC}/rolebindings`, {
    apiVersion,
    kind: 'RoleBinding',
    metadata: { name },
    roleRef: { apiGroup, kind: 'Role', name },
    subjects: [{ apiGroup, kind: 'User', name }],
  });
  return server.transport({ username: name, groups: ['system:authenticated'] });
}

test.each<[TransportRequest['method'], string]>([
  ['GET', '/api/v1/namespaces/mine/namespaces'],
  ['GET', '/api/v1/namespaces/mine/namespaces/yours'],
  ['DELETE', '/api/v1/namespaces/mine/namespaces/yours'],
  ['DELETE', '/api/v1/namespaces/mine/namespaces'],
])('who owns a namespace reaches no other through it: %s %s', async (method, path) => {
  const owner = await someone(`owner-${method}-${path.length}`.toLowerCase(), {
    verbs: ['*'],
    apiGroups: ['*'],
    resources: ['*'],
  });
  await expect(owner.request({ method, path })).rejects.toMatchObject({ code: 404 });
  const another = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'another' } };
  await expect(post(owner, '/api/v1/namespaces/mine', another)).rejects.toMatchObject({ code: 405 });
  const own = { method: 'GET', path: '/api/v1/namespaces/mine' } as const;
  expect(await owner.request(own)).toMatchObject({ metadata: { name: 'mine' } });
});

test('a CustomResourceDefinition cannot take the place of what is built in', async () => {
  const kind = { plural: 'clusterroles', singular: 'anything', kind: 'Anything', listKind: 'AnythingList' };
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: 'clusterroles.rbac.authorization.k8s.io',
      annotations: { 'api-approved.kubernetes.io': 'https://example.com/1' },
    },
    spec: {
      group: 'rbac.authorization.k8s.io',
      scope: 'Cluster',
      names: kind,
      versions: [{ name: 'v2', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  };
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  await expect(post(admin, path, crd)).rejects.toMatchObject({
    code: 422,
    details: { causes: [expect.objectContaining({ field: 'spec.group' })] },
  });
});

test('an update of a pod adds no ephemeral containers', async () => {
  const pods = '/api/v1/namespaces/mine/pods';
  const containers = [{ name: 'main', image: 'main:1' }];
  await post(admin, pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers } });
  const update = admin.request({
    method: 'PATCH',
    path: `${pods}/p`,
    contentType: 'application/strategic-merge-patch+json',
    body: { spec: { ephemeralContainers: [{ name: 'debug', image: 'debug:1' }] } },
  });
  await expect(update).rejects.toMatchObject({ code: 422 });
});

test('the log of a pod is read with GET alone', async () => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
    const path = '/api/v1/namespaces/mine/pods/p/log';
    await expect(admin.request({ method, path, body: {} })).rejects.toMatchObject({ code: 405 });
  }
});

test('a collection is deleted a namespace at a time', async () => {
  await expect(admin.request({ method: 'DELETE', path: '/api/v1/configmaps' })).rejects.toMatchObject({ code: 405 });
});
