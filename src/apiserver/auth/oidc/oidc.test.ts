import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { exportJWK, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Fields } from '../../../machinery/index.ts';
import { startTestServer, type TestServer } from '../../https.testing.ts';
import type { AuthenticationFlags } from '../../options.ts';
import { signCertificate } from '../certificate.ts';
import { readAuthentication } from './configuration.ts';
import { createKeySource } from './key-source.ts';

interface Issuer {
  url: string;
  caPem: string;
  /** The documents that were asked for. */
  asked: string[];
  /** Signs with the newest key, or another. */
  token(claims: JWTPayload, options?: { kid?: string; key?: KeyObject; expires?: number }): Promise<string>;
  /** Publishes another key in place of the old one. */
  rotate(): Promise<void>;
  stop(): void;
}

/** An OpenID Connect issuer with TLS, on this machine. */
async function startIssuer(): Promise<Issuer> {
  const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const [caKey, key] = [pair(), pair()];
  const times = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 };
  const caPem = await signCertificate({ subject: { commonName: 'issuers' }, key: caKey, usage: 'ca', ...times });
  const cert = await signCertificate({
    ...{ subject: { commonName: 'issuer' }, key, usage: 'server', names: ['127.0.0.1'], ...times },
    issuer: { certPem: caPem, key: caKey },
  });
  const asked: string[] = [];
  let count = 0;
  let signing: KeyObject;
  let jwks: object;
  const rotate = async (): Promise<void> => {
    signing = pair();
    const { d: _, ...jwk } = await exportJWK(signing);
    jwks = { keys: [{ ...jwk, kid: `key-${++count}`, alg: 'ES256', use: 'sig' }] };
  };
  await rotate();
  const server: Server = createServer(
    { cert, key: key.export({ type: 'pkcs8', format: 'pem' }) },
    (request, response) => {
      asked.push(request.url ?? '');
      const documents: Record<string, object> = {
        '/.well-known/openid-configuration': { issuer: url, jwks_uri: `${url}/keys` },
        '/keys': jwks,
      };
      const document = documents[request.url ?? ''];
      response.writeHead(document ? 200 : 404).end(JSON.stringify(document ?? {}));
    },
  );
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...{ url, caPem, asked, rotate },
    token: (claims, { kid = `key-${count}`, key: other, expires = 300 } = {}) =>
      new SignJWT({ iss: url, aud: 'homeport', sub: 'ann', ...claims })
        .setProtectedHeader({ alg: 'ES256', kid })
        .setIssuedAt()
        .setExpirationTime(Math.floor(Date.now() / 1000) + expires)
        .sign(other ?? signing),
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

let issuer: Issuer;
let server: TestServer;
beforeAll(async () => {
  issuer = await startIssuer();
  server = await startTestServer((folder) => {
    const authenticationConfig = join(folder, 'authentication.yaml');
    writeFileSync(authenticationConfig, JSON.stringify(configuration()));
    return { authenticationConfig };
  });
});
afterAll(async () => {
  await server.stop();
  issuer.stop();
});

function configuration(jwt: Fields = {}): Fields {
  return {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    jwt: [
      {
        issuer: {
          url: issuer.url,
          certificateAuthority: issuer.caPem,
          audiences: ['homeport', 'other'],
          audienceMatchPolicy: 'MatchAny',
        },
        claimValidationRules: [
          { claim: 'hd', requiredValue: 'example.com' },
          { expression: 'claims.exp - claims.iat <= 3600', message: 'no token lives longer than an hour' },
        ],
        claimMappings: {
          username: { expression: '"oidc:" + claims.sub' },
          groups: { claim: 'roles', prefix: 'oidc:' },
          uid: { claim: 'sub' },
          extra: [{ key: 'example.com/tenant', valueExpression: 'claims.tenant' }],
        },
        userValidationRules: [
          { expression: '!user.username.startsWith("oidc:system")', message: 'reserved' },
          { expression: 'user.groups.all(group, !group.startsWith("system:"))' },
        ],
        ...jwt,
      },
    ],
    anonymous: { enabled: true, conditions: [{ path: '/readyz' }] },
  };
}

const good = { hd: 'example.com', roles: ['dev', 'ops'], tenant: 'a', jti: '7' };

async function whoIs(token: string): Promise<Fields | number> {
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const answer = await server.send('POST', path, { token, body });
  return answer.code === 201 ? ((answer.body['status'] as Fields)['userInfo'] as Fields) : answer.code;
}

describe('a token of another issuer', () => {
  test('is asked about when the first one comes, and its claims become a user', async () => {
    expect(issuer.asked).toEqual([]);
    expect(await whoIs(await issuer.token(good))).toEqual({
      username: 'oidc:ann',
      uid: 'ann',
      groups: ['oidc:dev', 'oidc:ops', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': ['JTI=7'], 'example.com/tenant': ['a'] },
    });
    expect(await whoIs(await issuer.token({ ...good, roles: 'dev', aud: ['x', 'other'] }))).toMatchObject({
      groups: ['oidc:dev', 'system:authenticated'],
    });
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  test.each<[string, JWTPayload, { kid?: string; expires?: number }]>([
    ['for somebody else', { ...good, aud: 'else' }, {}],
    ['that is over', good, { expires: -1 }],
    ['that is not yet', { ...good, nbf: Date.now() / 1000 + 3_000 }, {}],
    ['of another company', { ...good, hd: 'elsewhere' }, {}],
    ['that lives too long', good, { expires: 7_200 }],
    ['of a reserved name', { ...good, sub: 'system:admin' }, {}],
    ['with a claim of the wrong type', { ...good, roles: [1] }, {}],
    ['with a claim that is kept elsewhere', { ...good, _claim_names: { roles: 'x' }, _claim_sources: { x: {} } }, {}],
    ['of an issuer that nobody knows', { ...good, iss: 'https://elsewhere' }, {}],
    ['signed with a key that nobody published', good, { kid: 'key-99' }],
  ])('%s is refused', async (_, claims, options) => {
    expect(await whoIs(await issuer.token(claims, options))).toBe(401);
  });

  test('with a forged signature, or none, is refused', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(await whoIs(await issuer.token(good, { key: privateKey }))).toBe(401);
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const payload = { ...good, iss: issuer.url, aud: 'homeport', sub: 'ann', exp: Date.now() / 1000 + 60 };
    expect(await whoIs(`${part({ alg: 'none' })}.${part(payload)}.`)).toBe(401);
  });

  test('is judged by TokenReview too', async () => {
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: await issuer.token(good) },
    };
    const answer = await server.send('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body });
    expect(answer.body['status']).toMatchObject({ authenticated: true, user: { username: 'oidc:ann' } });
  });

  test('with a new key is not asked about again and again, however many come', async () => {
    const before = issuer.asked.length;
    await issuer.rotate();
    const answers = await Promise.all(Array.from({ length: 20 }, async () => whoIs(await issuer.token(good))));
    // The issuer was asked a moment ago: all wait for the next time that it may be.
    expect(new Set(answers)).toEqual(new Set([401]));
    expect(issuer.asked.length - before).toBeLessThanOrEqual(2);
  });
});

test('a key that is not known is asked for again, when some time has passed', async () => {
  const own = await startIssuer();
  const elapsed = vi.spyOn(performance, 'now').mockReturnValue(0);
  try {
    const keys = createKeySource({
      ...{ issuer: own.url, discoveryUrl: undefined, certificateAuthority: own.caPem },
      ...{ audiences: ['homeport'], algorithms: ['ES256'], userOf: () => ({ username: '', groups: [] }) },
    });
    expect(await keys.verify(await own.token({}))).toMatchObject({ sub: 'ann' });
    await own.rotate();
    await expect(keys.verify(await own.token({}))).rejects.toThrow();
    elapsed.mockReturnValue(10_000);
    expect(await keys.verify(await own.token({}))).toMatchObject({ sub: 'ann' });
    expect(own.asked).toHaveLength(4);
  } finally {
    elapsed.mockRestore();
    own.stop();
  }
});

test('strangers come only where the configuration lets them', async () => {
  expect((await server.send('GET', '/readyz', { token: '' })).code).toBe(200);
  expect((await server.send('GET', '/version', { token: '' })).code).toBe(401);
  expect((await server.send('GET', '/readyz', { token: 'wrong' })).code).toBe(401);
});

describe('what is wrong with a configuration is said as kube-apiserver says it', () => {
  const read = (content: object, flags: AuthenticationFlags = {}) => {
    const file = join(server.folder, 'wrong.yaml');
    writeFileSync(file, JSON.stringify(content));
    return () => readAuthentication({ authenticationConfig: file, ...flags }, ['https://own']);
  };
  const issuing = (more: Fields) => ({ issuer: { url: 'https://a', audiences: ['a'], ...more } });
  const username = { claim: 'sub', prefix: '' };

  test.each<[Fields, string]>([
    [issuing({ url: '' }), 'jwt[0].issuer.url: Required value'],
    [issuing({ url: 'http://a' }), 'jwt[0].issuer.url: Invalid value: "http://a": URL scheme must be https'],
    [issuing({ url: 'https://own' }), 'URL must not overlap with disallowed issuers: [https://own]'],
    [issuing({ url: 'https://u:p@a?q#f' }), 'URL must not contain a username or password'],
    [issuing({ discoveryURL: 'https://a/' }), 'discoveryURL must be different from URL'],
    [
      issuing({ audiences: [] }),
      'jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required',
    ],
    [issuing({ audiences: ['a', 'b'] }), 'audienceMatchPolicy must be MatchAny for multiple audiences'],
    [issuing({ certificateAuthority: 'x' }), 'jwt[0].issuer.certificateAuthority: Invalid value: "<omitted>"'],
    [{ claimValidationRules: [{}] }, 'jwt[0].claimValidationRules[0]: Required value: claim or expression is required'],
    [{ claimValidationRules: [{ claim: 'a', expression: 'b' }] }, "claim and expression can't both be set"],
    [{ claimMappings: {} }, 'jwt[0].claimMappings.username: Required value: claim or expression is required'],
    [
      { claimMappings: { username: { claim: 'sub' } } },
      'prefix is required when claim is set. It can be set to an empty string',
    ],
    [{ claimMappings: { username: { expression: 'claims.email' } } }, 'claims.email_verified must be used in'],
    [
      { claimMappings: { username: { expression: 'nothing' } } },
      'jwt[0].claimMappings.username.expression: Invalid value: "nothing"',
    ],
    [
      { claimMappings: { username, extra: [{ key: 'kubernetes.io/a', valueExpression: '"a"' }] } },
      'are reserved for Kubernetes use',
    ],
    [
      { userValidationRules: [{ expression: 'claims.sub == ""' }] },
      'jwt[0].userValidationRules[0].expression: Invalid value',
    ],
  ])('%j', (jwt, message) => {
    expect(read(configuration(jwt))).toThrow(message);
  });

  test('and with flags', () => {
    expect(read(configuration(), { oidcIssuerUrl: 'https://a' })).toThrow(/oidc-\* flags are mutually exclusive/);
    expect(read(configuration(), { anonymousAuth: false })).toThrow(/--anonymous-auth flag cannot be set/);
    expect(() => readAuthentication({ oidcIssuerUrl: 'https://a' }, [])).toThrow(/must be specified together/);
    const flags = { oidcIssuerUrl: 'https://a', oidcClientId: 'c' };
    expect(() => readAuthentication({ ...flags, oidcSigningAlgs: ['none'] }, [])).toThrow(/unsupported signing alg/);
    expect(() => readAuthentication({ ...flags, oidcRequiredClaim: ['a'] }, [])).toThrow(/write CLAIM=VALUE/);
  });
});

test.each<[AuthenticationFlags, Fields, string, string[]]>([
  [{}, { sub: 'ann' }, 'https://a#ann', []],
  [{ oidcUsernameClaim: 'email' }, { email: 'a@b.c' }, 'a@b.c', []],
  [{ oidcUsernamePrefix: '-', oidcGroupsClaim: 'g', oidcGroupsPrefix: 'x:' }, { sub: 'ann', g: ['h'] }, 'ann', ['x:h']],
  [{ oidcUsernamePrefix: 'o:', oidcRequiredClaim: ['k=v=w'] }, { sub: 'ann', k: 'v=w' }, 'o:ann', []],
])('flags %j', (flags, claims, name, groups) => {
  const { jwt } = readAuthentication({ oidcIssuerUrl: 'https://a', oidcClientId: 'c', ...flags }, []);
  expect(jwt[0]).toMatchObject({ issuer: 'https://a', audiences: ['c'], algorithms: ['RS256'] });
  expect(jwt[0]?.userOf(claims)).toMatchObject({ username: name, groups });
});

test('the configuration that the documentation shows is right', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../../docs/identity.md'), 'utf8');
  const authenticationConfig = join(server.folder, 'documented.yaml');
  writeFileSync(authenticationConfig, /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '');
  const { jwt, anonymous } = readAuthentication({ authenticationConfig }, []);
  const claims = { sub: 'ann', hd: 'example.com', groups: ['devs'] };
  expect(jwt[0]?.userOf(claims)).toMatchObject({ username: 'oidc:ann', groups: ['oidc:devs'] });
  expect([anonymous?.('/readyz'), anonymous?.('/api')]).toEqual([true, false]);
});
