// The answers are those of a 1.34 kube-apiserver.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fields } from '../../machinery/index.ts';
import { type Sent, startTestServer, type TestServer } from '../https.testing.ts';

let server: TestServer;
const RBAC = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
const named = { apiGroup: 'rbac.authorization.k8s.io' };

beforeAll(async () => {
  server = await startTestServer({ serviceAccountMaxTokenExpiration: '2h', serviceAccountIssuer: ['https://a', 'b'] });
  const rbac = (kind: string, name: string, more: Fields) => ({
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata: { name } },
    ...more,
  });
  const rules = [
    { verbs: ['get'], apiGroups: [''], resources: ['pods'] },
    { verbs: ['get'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['a', 'b'] },
  ];
  await post(`${RBAC}/roles`, rbac('Role', 'r', { rules }));
  for (const role of ['r', 'gone']) {
    const roleRef = { ...named, kind: 'Role', name: role };
    const subjects = [
      { ...named, kind: 'User', name: 'jane' },
      { kind: 'ServiceAccount', name: 'robot' },
    ];
    await post(`${RBAC}/rolebindings`, rbac('RoleBinding', `of-${role}`, { roleRef, subjects }));
  }
  await post('/api/v1/namespaces/default/serviceaccounts', {
    ...{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot' } },
  });
});
afterAll(() => server.stop());

async function post(path: string, body: unknown, sent: Sent = {}) {
  return server.send('POST', path, { body, ...sent });
}

const jane: Sent = { token: 'jane-token' };

function review(kind: string, spec: Fields, sent: Sent = {}, namespace = '') {
  const group = kind.endsWith('AccessReview') || kind.endsWith('RulesReview') ? 'authorization' : 'authentication';
  const path = `/apis/${group}.k8s.io/v1/${namespace && `namespaces/${namespace}/`}${kind.toLowerCase()}s`;
  return post(path, { apiVersion: `${group}.k8s.io/v1`, kind, spec }, sent);
}

const ask = (more: Fields = {}) => ({
  resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default', ...more },
});

test.each<[Fields, Fields]>([
  [ask(), { allowed: true, reason: 'RBAC: allowed by RoleBinding "of-r/default" of Role "r" to User "jane"' }],
  [ask({ verb: 'delete' }), { allowed: false, reason: 'RBAC: role.rbac.authorization.k8s.io "gone" not found' }],
  [ask({ resource: 'configmaps', name: 'a' }), { allowed: true }],
  [ask({ resource: 'configmaps', name: 'c' }), { allowed: false }],
  [ask({ fieldSelector: { rawSelector: 'spec.nodeName=x' } }), { allowed: true }],
  [
    ask({ labelSelector: { rawSelector: 'a in (' } }),
    { allowed: true, evaluationError: 'spec.resourceAttributes.labelSelector ignored due to parse error' },
  ],
])('SelfSubjectAccessReview %j', async (spec, status) => {
  expect((await review('SelfSubjectAccessReview', spec, jane)).body['status']).toMatchObject(status);
});

const AT = 'spec.resourceAttributes';
test.each<[string, Fields, string, string]>([
  [
    'Self',
    {},
    '',
    `${AT}: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified`,
  ],
  [
    'Self',
    { ...ask(), nonResourceAttributes: { path: '/', verb: 'get' } },
    '',
    'spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":"get"}: cannot be specified in combination with resourceAttributes',
  ],
  [
    'Self',
    ask({ fieldSelector: { rawSelector: 'a=b', requirements: [{ key: 'a', operator: 'Exists' }] } }),
    '',
    `${AT}.fieldSelector.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements`,
  ],
  [
    'Self',
    ask({ labelSelector: {} }),
    '',
    `${AT}.labelSelector.requirements: Required value: when ${AT}.labelSelector is specified, requirements or rawSelector is required`,
  ],
  ['', ask(), '', 'spec.user: Invalid value: "": at least one of user or group must be specified'],
  [
    'Local',
    { ...ask({ namespace: 'b' }), user: 'x' },
    'default',
    `${AT}.namespace: Invalid value: "b": must match metadata.namespace`,
  ],
])('%sSubjectAccessReview %j is refused', async (kind, spec, namespace, message) => {
  const answer = await review(`${kind}SubjectAccessReview`, spec, {}, namespace);
  expect([answer.code, answer.body.message]).toEqual([422, `.authorization.k8s.io "" is invalid: ${message}`]);
});

test('SubjectAccessReview tells which subject of a binding it was', async () => {
  const spec = { ...ask(), user: 'system:serviceaccount:default:robot' };
  expect((await review('SubjectAccessReview', spec)).body['status']).toEqual({
    allowed: true,
    reason: 'RBAC: allowed by RoleBinding "of-r/default" of Role "r" to ServiceAccount "robot/default"',
  });
  const local = await review('LocalSubjectAccessReview', spec, {}, 'default');
  expect(local.body['metadata']).toMatchObject({ namespace: 'default' });
});

test('SelfSubjectRulesReview lists rules with their names, and what it could not look at', async () => {
  const { body } = await review('SelfSubjectRulesReview', { namespace: 'default' }, jane);
  expect(body['status']).toMatchObject({
    incomplete: false,
    evaluationError: 'role.rbac.authorization.k8s.io "gone" not found',
    resourceRules: expect.arrayContaining([
      { verbs: ['get'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['a', 'b'] },
    ]),
  });
  const none = await review('SelfSubjectRulesReview', {}, jane);
  expect([none.code, none.body.message]).toEqual([400, 'no namespace on request']);
});

test('TokenReview says no more than that a token is not valid', async () => {
  const status = { user: {}, error: 'invalid bearer token' };
  expect((await review('TokenReview', { token: 'bad' })).body['status']).toEqual(status);
  expect((await review('TokenReview', { token: 'jane-token', audiences: ['x'] })).body['status']).toEqual(status);
  expect((await review('TokenReview', { token: 'jane-token' })).body['status']).toMatchObject({
    authenticated: true,
    audiences: ['https://a', 'b'],
  });
});

test('a token that is asked to live longer than the server allows lives shorter, with a warning', async () => {
  const request = (spec: Fields) =>
    post('/api/v1/namespaces/default/serviceaccounts/robot/token', {
      ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec },
    });
  const answer = await request({ expirationSeconds: 99_999 });
  expect(answer.warnings).toEqual(['requested expiration of 99999 seconds shortened to 7200 seconds']);
  const { token } = answer.body['status'] as { token: string };
  expect(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())).toMatchObject({
    iss: 'https://a',
    aud: ['https://a', 'b'],
  });
  const other = await request({ boundObjectRef: { apiVersion: 'v1', kind: 'ConfigMap', name: 'x' } });
  expect(other.body.message).toBe('cannot bind token to object of type /v1, Kind=ConfigMap');
  const keys = await server.send('GET', '/openid/v1/jwks', { token: '' });
  expect(keys.code).toBe(403);
  expect((await server.send('GET', '/openid/v1/jwks', { token })).headers['cache-control']).toBe(
    'public, max-age=3600',
  );
});

test('whom the server knows by certificate is published, for API servers beside it', async () => {
  const { body } = await server.send(
    'GET',
    '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication',
  );
  expect(body['data']).toEqual({ 'client-ca-file': server.api.caPem });
});
