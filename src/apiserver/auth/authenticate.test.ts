import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, type RequestOptions, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, jwtVerify, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApiError, type KubeObject, objectKey } from '../../machinery/index.ts';
import type { ObjectReader, UserInfo } from '../contracts.ts';
import { createAuthenticator, type TokenAuthenticator } from './authenticate.ts';
import { openPki, type Pki } from './pki.ts';
import { createServiceAccountTokens, type IssueRequest, type ServiceAccountTokens } from './service-account-tokens.ts';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const UNAUTHORIZED = expect.objectContaining({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' });

const HEALTH = ['/healthz', '/livez', '/readyz', '/version'];
let dataDir = '';
let foreignDir = '';
let pki: Pki;
let tokens: ServiceAccountTokens;
let authenticator: TokenAuthenticator;
const objects = new Map<string, KubeObject>();

const reader: ObjectReader = {
  get: ({ resource }, key) => objects.get(`${resource} ${key}`),
  list: () => [],
  subscribe: () => () => undefined,
};

function store(resource: string, name: string, uid: string, more: object = {}): void {
  const metadata = { name, namespace: resource === 'nodes' ? undefined : 'team', uid, ...more };
  objects.set(`${resource} ${objectKey(name, metadata.namespace)}`, { apiVersion: 'v1', kind: '', metadata });
}

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'homeport-authn-'));
  foreignDir = mkdtempSync(join(tmpdir(), 'homeport-authn-'));
  pki = await openPki({ dataDir, serviceIP: '10.96.0.1' });
  const keyPem = pki.serviceAccountKeyPem;
  tokens = createServiceAccountTokens({ keyPem, serverUrl: 'https://127.0.0.1:6443', reader });
  const tokenFile = 'static-token,jane,42,"dev,ops"\n';
  authenticator = createAuthenticator({ tokens, anonymous: (path) => HEALTH.includes(path), tokenFile });
});
afterAll(() => {
  rmSync(dataDir, { recursive: true, force: true });
  rmSync(foreignDir, { recursive: true, force: true });
});
beforeEach(() => {
  objects.clear();
  store('serviceaccounts', 'robot', 'uid-1');
});

function asked(headers: Record<string, string>, url = '/api/v1/pods'): IncomingMessage {
  // All that authentication looks at when there is no TLS.
  return { headers, url, socket: {} } as unknown as IncomingMessage;
}

const bearer = (token: string) => authenticator.authenticate(asked({ authorization: `Bearer ${token}` }));
const now = () => Math.floor(Date.now() / 1000);

function issue(more: Partial<IssueRequest> = {}): Promise<string> {
  return tokens.issue({
    namespace: 'team',
    serviceAccount: { name: 'robot', uid: 'uid-1' },
    audiences: [ISSUER],
    issuedAt: now(),
    expirationSeconds: 3600,
    ...more,
  });
}

describe('service account tokens', () => {
  it('speak for the service account, with the pod and node that they are bound to', async () => {
    store('pods', 'web', 'uid-2');
    const token = await issue({ pod: { name: 'web', uid: 'uid-2' }, node: { name: 'n', uid: 'uid-3' } });
    const user = await bearer(token);
    expect(user).toMatchObject({
      username: 'system:serviceaccount:team:robot',
      uid: 'uid-1',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:team', 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/pod-name': ['web'],
        'authentication.kubernetes.io/pod-uid': ['uid-2'],
        'authentication.kubernetes.io/node-name': ['n'],
      },
    });
  });

  it('end with what they are bound to, although their signature was checked before', async () => {
    store('pods', 'web', 'uid-2');
    store('secrets', 'key', 'uid-4');
    store('nodes', 'n', 'uid-3');
    const bound: [string, string, string][] = [
      ['pods', 'web', await issue({ pod: { name: 'web', uid: 'uid-2' } })],
      ['secrets', 'key', await issue({ secret: { name: 'key', uid: 'uid-4' } })],
      ['nodes', 'n', await issue({ node: { name: 'n', uid: 'uid-3' } })],
    ];
    for (const [resource, name, token] of bound) {
      await expect(bearer(token)).resolves.toBeDefined();
      store(resource, name, 'another uid');
      await expect(bearer(token), `${resource} was made anew`).rejects.toEqual(UNAUTHORIZED);
    }
    const token = await issue();
    store('serviceaccounts', 'robot', 'uid-1', { deletionTimestamp: '2020-01-01T00:00:00Z' });
    await expect(bearer(token)).rejects.toEqual(UNAUTHORIZED);
    objects.clear();
    await expect(bearer(token)).rejects.toEqual(UNAUTHORIZED);
  });

  it('are refused when expired, for another audience, or for nobody', async () => {
    await expect(bearer(await issue({ issuedAt: now() - 7200 }))).rejects.toEqual(UNAUTHORIZED);
    await expect(bearer(await issue({ audiences: ['vault'] }))).rejects.toEqual(UNAUTHORIZED);
    await expect(bearer(await issue({ audiences: [] }))).rejects.toEqual(UNAUTHORIZED);
    const vault = await authenticator.authenticateToken(await issue({ audiences: ['vault', ISSUER] }), ['vault']);
    expect(vault.audiences).toEqual(['vault']);
  });

  it('are refused when forged, whatever the header says about the algorithm', async () => {
    const token = await issue();
    const [header = '', payload = '', signature = ''] = token.split('.');
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const admin = encode({
      ...JSON.parse(Buffer.from(payload, 'base64url').toString()),
      sub: 'system:serviceaccount:kube-system:admin',
    });
    const publicPem = createPublicKey(pki.serviceAccountKeyPem).export({ type: 'spki', format: 'pem' }).toString();
    const confused = `${encode({ alg: 'HS256' })}.${payload}`;
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const otherKey = await new SignJWT({
      'kubernetes.io': { namespace: 'team', serviceaccount: { name: 'robot', uid: 'uid-1' } },
    })
      .setProtectedHeader({ alg: 'ES256', jwk: createPublicKey(privateKey).export({ format: 'jwk' }) })
      .setIssuer(ISSUER)
      .setAudience(ISSUER)
      .setSubject('system:serviceaccount:team:robot')
      .setExpirationTime('1h')
      .sign(privateKey);
    const forgeries = {
      'another payload': `${header}.${admin}.${signature}`,
      'no algorithm': `${encode({ alg: 'none' })}.${payload}.`,
      'no algorithm, in other letters': `${encode({ alg: 'nOnE' })}.${payload}.${signature}`,
      'the public key as a shared secret': `${confused}.${createHmac('sha256', publicPem).update(confused).digest('base64url')}`,
      'a key of its own': otherKey,
      'no signature': `${header}.${payload}.`,
      'a zero signature': `${header}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
      garbage: 'a.b.c',
      'a very long one': `${'a'.repeat(100_000)}.b.c`,
      'an empty one': '..',
    };
    for (const [how, forgery] of Object.entries(forgeries)) {
      await expect(bearer(forgery), how).rejects.toEqual(UNAUTHORIZED);
    }
  });

  it('must have claims that agree with each other', async () => {
    const key = createPrivateKey(pki.serviceAccountKeyPem);
    const sign = (claims: Record<string, unknown>, subject: string) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer(ISSUER)
        .setAudience(ISSUER)
        .setSubject(subject)
        .setExpirationTime('1h')
        .sign(key);
    const own = { namespace: 'team', serviceaccount: { name: 'robot', uid: 'uid-1' } };
    await expect(
      bearer(await sign({ 'kubernetes.io': own }, 'system:serviceaccount:team:robot')),
    ).resolves.toBeDefined();
    await expect(bearer(await sign({ 'kubernetes.io': own }, 'system:admin'))).rejects.toEqual(UNAUTHORIZED);
    await expect(bearer(await sign({}, 'system:serviceaccount:team:robot'))).rejects.toEqual(UNAUTHORIZED);
  });

  it('can be checked by others, with the published keys', async () => {
    const keys = createLocalJWKSet(tokens.jwks as Parameters<typeof createLocalJWKSet>[0]);
    const { payload, protectedHeader } = await jwtVerify(await issue(), keys, { issuer: ISSUER, audience: ISSUER });
    expect(payload.sub).toBe('system:serviceaccount:team:robot');
    expect(protectedHeader.kid).toBeTruthy();
    expect(JSON.stringify(tokens.jwks)).not.toContain('"d"');
    expect(tokens.configuration).toMatchObject({ issuer: ISSUER, jwks_uri: 'https://127.0.0.1:6443/openid/v1/jwks' });
  });
});

describe('bearer tokens', () => {
  it('of the token file speak for their line', async () => {
    const jane = { username: 'jane', uid: '42', groups: ['dev', 'ops', 'system:authenticated'] };
    expect(await bearer('static-token')).toEqual(jane);
    const protocol = `base64url.bearer.authorization.k8s.io.${Buffer.from('static-token').toString('base64url')}`;
    const browser = asked({ 'sec-websocket-protocol': `${protocol}, v4.channel.k8s.io` });
    expect(await authenticator.authenticate(browser)).toEqual(jane);
    await expect(authenticator.authenticateToken('static-token', ['vault'])).rejects.toEqual(UNAUTHORIZED);
  });

  it('that nobody knows, and other schemes, are refused without a word about why', async () => {
    for (const authorization of ['Bearer wrong', 'Bearer static-toke', 'Bearer', 'Basic amFuZTpzZWNyZXQ=', '']) {
      const answer = authenticator.authenticate(asked({ authorization }, '/healthz'));
      await expect(answer, authorization).rejects.toEqual(UNAUTHORIZED);
    }
  });
});

describe('anonymous requests', () => {
  it('reach what they may reach, by exactly these paths', async () => {
    const anonymous: UserInfo = { username: 'system:anonymous', groups: ['system:unauthenticated'] };
    for (const path of ['/healthz', '/livez', '/readyz', '/version', '/readyz?verbose']) {
      expect(await authenticator.authenticate(asked({}, path)), path).toEqual(anonymous);
    }
    for (const path of ['/', '/api', '/healthz/../api', '//healthz', '/healthz%2f..%2fapi', '/healthzz', '/metrics']) {
      expect(await authenticator.authenticate(asked({}, path)), path).toBeUndefined();
    }
    const strict = createAuthenticator({ tokens, anonymous: () => false });
    expect(await strict.authenticate(asked({}, '/healthz'))).toBeUndefined();
  });
});

describe('client certificates', () => {
  async function userOver(options: RequestOptions): Promise<UserInfo | number | undefined> {
    const server = createServer({
      cert: pki.serving.certPem,
      key: pki.serving.keyPem,
      ca: [pki.caPem],
      requestCert: true,
      rejectUnauthorized: false,
    });
    const { promise, resolve, reject } = Promise.withResolvers<UserInfo | number | undefined>();
    server.on('request', (incoming, response) => {
      authenticator
        .authenticate(incoming)
        .catch((error) => {
          if (error instanceof ApiError) return error.code;
          throw error;
        })
        .then(resolve, reject)
        .finally(() => response.end());
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    const client = request({ host: '127.0.0.1', port, path: '/api', ca: pki.caPem, agent: false, ...options });
    client.once('error', reject).end();
    try {
      return await promise;
    } finally {
      client.destroy();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  }

  it('speak for their common name and organizations', async () => {
    const admin = {
      username: 'kubernetes-admin',
      groups: ['system:masters', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^X509SHA256=[0-9a-f]{64}$/)] },
    };
    expect(await userOver({ cert: pki.admin.certPem, key: pki.admin.keyPem })).toEqual(admin);
    const authorization = { authorization: 'Bearer wrong' };
    expect(await userOver({ cert: pki.admin.certPem, key: pki.admin.keyPem, headers: authorization })).toEqual(admin);
  });

  it('are refused from another authority, and when they are for servers', async () => {
    const foreign = await openPki({ dataDir: foreignDir, serviceIP: '10.96.0.1' });
    expect(await userOver({ cert: foreign.admin.certPem, key: foreign.admin.keyPem })).toBe(401);
    expect(await userOver({ cert: pki.serving.certPem, key: pki.serving.keyPem })).toBe(401);
    expect(await userOver({})).toBeUndefined();
  });
});
