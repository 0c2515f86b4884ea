/** Whole numbers of 64 bits keep their digits, however they come and go. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Answer, startTestServer, type TestServer } from './https.testing.ts';

const BIG = '9007199254740993';
const MAX = '9223372036854775807';
const MIN = '-9223372036854775808';
const COUNTERS = '/apis/example.com/v1/namespaces/default/counters';

let server: TestServer;

const send = (method: string, path: string, text: string, type = 'json'): Promise<Answer> =>
  server.send(method, path, { body: Buffer.from(text), headers: { 'content-type': `application/${type}` } });

const counter = (name: string, value: string): string =>
  `{"apiVersion":"example.com/v1","kind":"Counter","metadata":{"name":"${name}"},"spec":{"value":${value},"values":[${value}]}}`;

beforeAll(async () => {
  server = await startTestServer();
  const integer = { type: 'integer', format: 'int64' };
  const values = { type: 'array', items: integer, 'x-kubernetes-list-type': 'set' };
  const spec = {
    type: 'object',
    properties: { value: { ...integer, minimum: -(2 ** 63) }, values },
    'x-kubernetes-validations': [{ rule: 'self.value != 9007199254740995', message: 'not that one' }],
  };
  await server.send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    body: {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'counters.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'counters', kind: 'Counter' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
          },
        ],
      },
    },
  });
  await vi.waitFor(async () => expect((await server.send('GET', COUNTERS)).code).toBe(200));
});
afterAll(() => server.stop());

describe('integers beyond 2^53', () => {
  test.each([
    ['big', BIG],
    ['max', MAX],
    ['min', MIN],
  ])('%s: created, read, listed and watched', async (name, value) => {
    const created = await send('POST', COUNTERS, counter(name, value));
    expect(created.code, created.text).toBe(201);
    const path = `${COUNTERS}/${name}`;
    const version = (created.body['metadata'] as { resourceVersion: string }).resourceVersion;
    const watch = `${COUNTERS}?watch=true&timeoutSeconds=1&resourceVersion=${Number(version) - 1}&fieldSelector=metadata.name=${name}`;
    for (const from of [path, COUNTERS, `${path}?pretty=true`, watch]) {
      expect((await server.send('GET', from)).text.replaceAll(' ', ''), from).toContain(`"value":${value}`);
    }
    const yaml = await server.send('GET', path, { headers: { accept: 'application/yaml' } });
    expect(yaml.text).toContain(`value: ${value}`);
  });

  test('in YAML, and in every patch', async () => {
    const yaml = `apiVersion: example.com/v1\nkind: Counter\nmetadata: {name: patched}\nspec: {value: ${BIG}}\n`;
    expect((await send('POST', COUNTERS, yaml, 'yaml')).text).toContain(`"value":${BIG}`);
    const path = `${COUNTERS}/patched?fieldManager=m`;
    expect((await send('PATCH', path, `{"spec":{"value":${MAX}}}`, 'merge-patch+json')).text).toContain(
      `"value":${MAX}`,
    );
    const replace = `[{"op":"test","path":"/spec/value","value":${MAX}},{"op":"replace","path":"/spec/value","value":${BIG}}]`;
    expect((await send('PATCH', path, replace, 'json-patch+json')).text).toContain(`"value":${BIG}`);
    const label = '{"metadata":{"labels":{"a":"b"}}}';
    expect((await send('PATCH', path, label, 'merge-patch+json')).text).toContain(`"value":${BIG}`);
  });

  test('applied, by two managers that tell them apart', async () => {
    const path = `${COUNTERS}/applied`;
    await send('PATCH', `${path}?fieldManager=a`, counter('applied', BIG), 'apply-patch+yaml');
    const near = await send(
      'PATCH',
      `${path}?fieldManager=b`,
      counter('applied', '9007199254740992'),
      'apply-patch+yaml',
    );
    expect(near.code).toBe(409);
    const same = await send('PATCH', `${path}?fieldManager=b`, counter('applied', BIG), 'apply-patch+yaml');
    expect([same.code, same.text.includes(`"v:${BIG}":{}`)]).toEqual([200, true]);
  });

  test('in rules, and as numbers that are too large', async () => {
    const refused = await send('POST', COUNTERS, counter('ruled', '9007199254740995'));
    expect(refused.body.message).toContain('not that one');
    const float = await send('POST', COUNTERS, counter('float', '92233720368547758080'));
    expect(float.code).not.toBe(500);
  });

  test('in what a built-in kind carries for others, also as protobuf; its own fields are numbers', async () => {
    const path = '/apis/apps/v1/namespaces/default/controllerrevisions';
    const head = '"apiVersion":"apps/v1","kind":"ControllerRevision","metadata":{"name":"r"}';
    const created = await send('POST', path, `{${head},"data":{"n":${BIG}},"revision":${BIG}}`);
    expect(created.text).toContain(`{"n":${BIG}}`);
    const { bytes } = await server.send('GET', `${path}/r`, {
      headers: { accept: 'application/vnd.kubernetes.protobuf' },
    });
    expect(bytes.includes(`{"n":${BIG}}`)).toBe(true);
    const gone = await send('DELETE', `${path}/r`, `{"gracePeriodSeconds":${BIG}}`);
    expect(gone.code).toBe(200);
  });
});
