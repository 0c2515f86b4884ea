import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../machinery/index.ts';
import type { ObjectReader, UserInfo } from '../contracts.ts';
import { createAuthenticator } from './authenticate.ts';
import type { PolicyAuthorizer } from './authorize.ts';
import { createServiceAccountTokens } from './service-account-tokens.ts';
import { createVirtualHandlers, type VirtualHandler } from './virtual-handlers.ts';

const ann: UserInfo = { username: 'ann', uid: '1', groups: ['dev'], extra: { scopes: ['all'] } };
const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const objects: Record<string, KubeObject> = {
  'serviceaccounts team/robot': stored('ServiceAccount', 'robot', 'sa-uid', {}),
  'pods team/web': stored('Pod', 'web', 'pod-uid', { serviceAccountName: 'robot', nodeName: 'n' }),
  'pods team/other': stored('Pod', 'other', 'pod-uid', { serviceAccountName: 'default' }),
  'nodes n': stored('Node', 'n', 'node-uid', {}),
};

function stored(kind: string, name: string, uid: string, spec: object): KubeObject {
  return { apiVersion: 'v1', kind, metadata: { name, uid }, spec: { ...spec } };
}

const reader: ObjectReader = {
  get: ({ resource }, key) => objects[`${resource} ${key}`],
  list: () => [],
  subscribe: () => () => undefined,
};

/** ann may do anything in the namespace team. */
const authorizer: PolicyAuthorizer = {
  authorize: (user, { namespace }) =>
    user.username === 'ann' && namespace === 'team'
      ? { allowed: true, reason: 'team' }
      : { allowed: false, reason: '' },
  rulesFor: () => [
    { verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['web'] },
    { verbs: ['get'], nonResourceURLs: ['/version'] },
  ],
  missingRoles: () => '',
  checkEscalation: () => undefined,
  stop: () => undefined,
};

let handlers: ReadonlyMap<string, VirtualHandler>;
beforeAll(async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const tokens = createServiceAccountTokens({ keyPem, serverUrl: 'https://127.0.0.1', reader });
  const authenticator = createAuthenticator({ tokens, anonymous: () => true, tokenFile: 'static,jane,2,dev' });
  handlers = createVirtualHandlers({ authenticator, authorizer, tokens, reader });
});

async function create(resource: string, kind: string, spec: object, namespace = '', name = ''): Promise<KubeObject> {
  const handler = handlers.get(resource);
  if (!handler) throw new Error(`no handler for ${resource}`);
  const given = { apiVersion: 'v1', kind, metadata: {} as KubeObject['metadata'], spec: { ...spec } };
  return await handler(ann, given, namespace, name, () => undefined);
}

describe('access reviews', () => {
  const attributes = { verb: 'get', resource: 'pods', namespace: 'team' };
  const own = (spec: object) =>
    create('selfsubjectaccessreviews.authorization.k8s.io', 'SelfSubjectAccessReview', spec);

  it('say whether the user may', async () => {
    expect((await own({ resourceAttributes: attributes })).status).toEqual({ allowed: true, reason: 'team' });
    expect((await own({ resourceAttributes: { ...attributes, namespace: 'x' } })).status).toEqual({ allowed: false });
    expect((await own({ nonResourceAttributes: { verb: 'get', path: '/x' } })).status).toEqual({ allowed: false });
  });

  it('must ask exactly one thing', async () => {
    await expect(own({})).rejects.toThrow(
      /exactly one of nonResourceAttributes or resourceAttributes must be specified/,
    );
    const both = { resourceAttributes: attributes, nonResourceAttributes: { verb: 'get', path: '/' } };
    await expect(own(both)).rejects.toMatchObject({ code: 422 });
  });

  it('ask about others by name or group, and about their own namespace', async () => {
    const other = (spec: object) => create('subjectaccessreviews.authorization.k8s.io', 'SubjectAccessReview', spec);
    expect((await other({ user: 'ann', resourceAttributes: attributes })).status).toMatchObject({ allowed: true });
    expect((await other({ user: 'bob', resourceAttributes: attributes })).status).toMatchObject({ allowed: false });
    await expect(other({ resourceAttributes: attributes })).rejects.toThrow(/at least one of user or group/);
    const local = (namespace: string) =>
      create(
        'localsubjectaccessreviews.authorization.k8s.io',
        'LocalSubjectAccessReview',
        { user: 'ann', resourceAttributes: attributes },
        namespace,
      );
    expect((await local('team')).status).toMatchObject({ allowed: true });
    await expect(local('other')).rejects.toThrow(/must match metadata.namespace/);
  });

  it('list the rules of a namespace', async () => {
    const review = await create('selfsubjectrulesreviews.authorization.k8s.io', 'SelfSubjectRulesReview', {
      namespace: 'team',
    });
    expect(review.status).toEqual({
      resourceRules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['web'] }],
      nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/version'] }],
      incomplete: false,
    });
  });
});

describe('identity reviews', () => {
  it('say who asks', async () => {
    const review = await create('selfsubjectreviews.authentication.k8s.io', 'SelfSubjectReview', {});
    expect(review.status).toEqual({
      userInfo: { username: 'ann', uid: '1', groups: ['dev'], extra: { scopes: ['all'] } },
    });
  });

  it('say whose token it is, and for whom', async () => {
    const review = (spec: object) => create('tokenreviews.authentication.k8s.io', 'TokenReview', spec);
    expect((await review({ token: 'static' })).status).toEqual({
      authenticated: true,
      user: { username: 'jane', uid: '2', groups: ['dev', 'system:authenticated'] },
      audiences: [ISSUER],
    });
    expect((await review({ token: 'static', audiences: ['vault'] })).status).toEqual({
      user: {},
      error: 'invalid bearer token',
    });
    expect((await review({ token: 'wrong' })).status).toMatchObject({ user: {} });
    await expect(review({})).rejects.toMatchObject({ code: 400 });
  });
});

describe('serviceaccounts/token', () => {
  const request = (spec: object, name = 'robot') => create('serviceaccounts/token', 'TokenRequest', spec, 'team', name);

  it('gives tokens that speak for the service account', async () => {
    const { status = {}, spec } = await request({ boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'web' } });
    expect(spec).toMatchObject({ audiences: [ISSUER], expirationSeconds: 3600 });
    expect(status['expirationTimestamp']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const review = await create('tokenreviews.authentication.k8s.io', 'TokenReview', { token: status['token'] });
    expect(review.status).toMatchObject({
      authenticated: true,
      user: {
        username: 'system:serviceaccount:team:robot',
        extra: {
          'authentication.kubernetes.io/pod-name': ['web'],
          'authentication.kubernetes.io/pod-uid': ['pod-uid'],
          'authentication.kubernetes.io/node-uid': ['node-uid'],
        },
      },
    });
  });

  it('refuses what cannot be bound or lasts no sensible time', async () => {
    await expect(request({}, 'nobody')).rejects.toThrow('serviceaccounts "nobody" not found');
    await expect(request({ expirationSeconds: 60 })).rejects.toThrow(/may not specify a duration less than 10 minutes/);
    await expect(request({ expirationSeconds: 2 ** 33 })).rejects.toMatchObject({ code: 422 });
    const bind = (reference: object) => request({ boundObjectRef: { apiVersion: 'v1', kind: 'Pod', ...reference } });
    await expect(bind({ name: 'gone' })).rejects.toMatchObject({ code: 404 });
    await expect(bind({ name: 'other' })).rejects.toThrow(/different serviceaccount name/);
    await expect(bind({ name: 'web', uid: 'older' })).rejects.toMatchObject({ code: 409 });
    await expect(bind({ kind: 'ConfigMap', name: 'x' })).rejects.toThrow(/cannot bind token to object of type/);
  });
});
