import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Transport, TransportRequest } from '../client/index.ts';
import { ApiError, type KubeObject } from '../machinery/index.ts';
import { type ApiServer, startApiServer } from './index.ts';
import { decodeValue } from './rest/decode.ts';
import type { ApiRequest } from './rest/request.ts';

let server: ApiServer;
let transport: Transport;

beforeAll(async () => {
  server = await startApiServer();
  transport = server.transport();
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  await transport.request({ method: 'POST', path: '/api/v1/namespaces/default/serviceaccounts', body: account });
});
afterAll(() => server.stop());

const KINDS: [string, string, string][] = [
  ['v1', 'Pod', '/api/v1/namespaces/default/pods'],
  ['v1', 'Service', '/api/v1/namespaces/default/services'],
  ['v1', 'Namespace', '/api/v1/namespaces'],
  ['apps/v1', 'Deployment', '/apis/apps/v1/namespaces/default/deployments'],
  ['apiextensions.k8s.io/v1', 'CustomResourceDefinition', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'],
  ['rbac.authorization.k8s.io/v1', 'Role', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles'],
];

/** True when the request was answered, or refused for a reason: a 500 is a fault of ours. */
async function isAnswered(request: TransportRequest): Promise<boolean> {
  try {
    await transport.request(request);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code < 500) return true;
    throw error;
  }
}

/** JSON with fields that the kinds know, holding anything. */
const field = fc.constantFrom(
  'name',
  'labels',
  'spec',
  'status',
  'containers',
  'template',
  'ports',
  'group',
  'names',
  'rules',
  '__proto__',
  'x',
);
const { anything } = fc.letrec<{ anything: unknown }>((tie) => ({
  anything: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'json' },
    fc.jsonValue({ maxDepth: 0 }),
    fc.array(tie('anything'), { maxLength: 3, depthIdentifier: 'json' }),
    fc.dictionary(field, tie('anything'), { maxKeys: 4, depthIdentifier: 'json' }),
  ),
}));

test('no object, however odd, is answered with a 500', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...KINDS),
      anything,
      anything,
      anything,
      async ([apiVersion, kind, path], metadata, spec, rest) => {
        const named = typeof metadata === 'object' && !Array.isArray(metadata) ? { name: 'x', ...metadata } : metadata;
        const body = { apiVersion, kind, metadata: named, spec, rules: rest, status: rest };
        expect(await isAnswered({ method: 'POST', path, body, query: { dryRun: 'All' } })).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});

test('no patch, however odd, is answered with a 500', async () => {
  const path = '/apis/apps/v1/namespaces/default/deployments';
  const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const spec = { selector: { matchLabels: { app: 'x' } }, template };
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'x' }, spec };
  await transport.request({ method: 'POST', path, body: deployment });
  const types = [
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/strategic-merge-patch+json',
    'application/apply-patch+yaml',
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...types), anything, anything, async (contentType, spec, whole) => {
      const query = { dryRun: 'All', fieldManager: 'x' };
      for (const body of [whole, { ...deployment, spec }]) {
        expect(await isAnswered({ method: 'PATCH', path: `${path}/x`, contentType, query, body })).toBe(true);
      }
    }),
    { numRuns: 200 },
  );
});

test('keys that would reach a prototype are dropped, however they are written', () => {
  const decode = (text: string): unknown =>
    decodeValue({ contentType: 'application/json', body: { bytes: Buffer.from(text) } } as ApiRequest);
  for (const text of ['{"a":{"__proto__":{"x":1}}}', '{"a":{"\\u005f_proto__":{"x":1}}}']) {
    const { a } = decode(text) as { a: object };
    expect(Object.getOwnPropertyNames(a)).toEqual([]);
    expect(Object.getPrototypeOf(a)).toBe(Object.prototype);
  }
});

const keys = (count: number): string => Array.from({ length: count }, (_, index) => `k${index}: 1`).join('\n');
const BOMB = ['a: &a [x, x, x, x, x, x, x, x, x]']
  .concat([...'bcdefghij'].map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[index]}`)}]`))
  .join('\n');

test.each([
  ['a JSON list in a list in a list …', 'application/json', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
  ['the same in YAML', 'application/yaml', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
  ['a YAML block list likewise', 'application/yaml', `${'- '.repeat(100_000)}x`],
  ['YAML aliases that multiply', 'application/yaml', BOMB],
  ['a YAML key given twice', 'application/yaml', 'a: {b: 1, c: 2, b: 3}'],
  ['a YAML map of very many keys', 'application/yaml', `${keys(60_000)}\nk1: 1`],
  ['a YAML alias to what it is part of', 'application/yaml', 'a: &a [*a]'],
])('%s is refused before it costs anything', (_, contentType, text) => {
  const request = { contentType, body: { bytes: Buffer.from(text) } } as ApiRequest;
  expect(() => decodeValue(request)).toThrow(expect.objectContaining({ code: 400 }));
});

test('a value from within the process that is nested too deep is refused as well', async () => {
  let data: unknown = 'x';
  for (let depth = 0; depth < 10_000; depth++) data = [data];
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'deep' }, data };
  const path = '/api/v1/namespaces/default/configmaps';
  await expect(transport.request({ method: 'POST', path, body })).rejects.toMatchObject({ code: 400 });
});

test('an object in an answer is not changed by what comes after it', async () => {
  const path = '/api/v1/namespaces/default/configmaps';
  const body = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kept', labels: { a: '1' } },
    data: { a: '1' },
  };
  const first = (await transport.request({ method: 'POST', path, body })) as KubeObject;
  const before = structuredClone(first);
  const contentType = 'application/merge-patch+json';
  const patch = { metadata: { labels: { a: '2' }, finalizers: ['example.com/x'] }, data: { b: '2' } };
  await transport.request({ method: 'PATCH', path: `${path}/kept`, body: patch, contentType });
  await transport.request({ method: 'DELETE', path: `${path}/kept` });
  expect(first).toEqual(before);
});
