import { request as httpsRequest } from 'node:https';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import type { RawWatchEvent, Transport } from '../client/index.ts';
import type { KubeObject } from '../machinery/index.ts';
import { type ApiServer, startApiServer } from './index.ts';

let server: ApiServer;
let transport: Transport;
let namespace = '';
let count = 0;

beforeAll(async () => {
  server = await startApiServer({});
  transport = server.transport();
});
afterAll(() => server.stop());

beforeEach(async () => {
  namespace = `test-${++count}`;
  await create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
});

const create = (path: string, body: unknown) => transport.request({ method: 'POST', path, body });

const maps = (name?: string): string => `/api/v1/namespaces/${namespace}/configmaps${name ? `/${name}` : ''}`;
const configMap = (name: string, data: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});

interface Reply {
  code: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** One request over HTTPS, as the administrator of the kubeconfig. */
function fetchHttps(
  method: string,
  path: string,
  { body, headers = {} }: { body?: string | Buffer; headers?: Record<string, string> } = {},
): Promise<Reply> {
  const kubeconfig = parseYaml(server.adminKubeconfig()) as {
    users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }];
  };
  const { user } = kubeconfig.users[0];
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const request = httpsRequest(
    `${server.url}${path}`,
    {
      method,
      ca: server.caPem,
      cert: Buffer.from(user['client-certificate-data'], 'base64'),
      key: Buffer.from(user['client-key-data'], 'base64'),
      agent: false,
      headers,
    },
    (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ code: response.statusCode ?? 0, headers: response.headers, text }));
    },
  );
  request.on('error', reject);
  request.end(body);
  return promise;
}

describe('over HTTPS', () => {
  test('strangers get 403, and health', async () => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    httpsRequest(`${server.url}/api/v1/pods`, { ca: server.caPem, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
    expect(await promise).toBe(403);
    expect((await fetchHttps('GET', '/readyz?verbose')).text).toContain('[+]ping ok');
  });

  test('the log of a pod comes from the agent of its node', async () => {
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
    await create(`/api/v1/namespaces/${namespace}/serviceaccounts`, account);
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    await create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec });
    expect((await fetchHttps('GET', `${pods}/p/log`)).text).toContain('pod p does not have a host assigned');
    await create(`${pods}/p/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'p' },
      target: { name: 'n' },
    });
    const disconnect = server.connectNode('n', {
      async *logs({ container }) {
        yield Buffer.from(`said by ${container}`);
      },
      exec: async () => 0,
      attach: async () => 0,
      portForward: async () => new PassThrough(),
    });
    expect((await fetchHttps('GET', `${pods}/p/log`)).text).toBe('said by c');
    expect((await fetchHttps('GET', `${pods}/p/log?container=d`)).code).toBe(400);
    disconnect();
    expect((await fetchHttps('GET', `${pods}/p/log`)).text).toContain('is not connected');
  });

  test('unknown fields warn, or are refused', async () => {
    const body = JSON.stringify({ ...configMap('x'), bogus: 1 });
    const headers = { 'content-type': 'application/json' };
    const warned = await fetchHttps('POST', maps(), { body, headers });
    expect(warned.code).toBe(201);
    expect(warned.headers['warning']).toContain('299 - "unknown field \\"bogus\\""');
    const refused = await fetchHttps('POST', `${maps()}?fieldValidation=Strict`, { body, headers });
    expect(refused.code).toBe(400);
    expect(JSON.parse(refused.text)).toMatchObject({ kind: 'Status', reason: 'BadRequest' });
  });

  test('no request is warned of more than its client can read', async () => {
    const unknown = Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`bogus-${index}`, 1]));
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ ...configMap('x'), ...unknown });
    const warned = await fetchHttps('POST', maps(), { body, headers });
    expect(warned.code).toBe(201);
    expect(warned.headers['warning']).toContain('unknown field');
  });

  test('lists come as YAML', async () => {
    const headers = { accept: 'application/yaml' };
    expect(parseYaml((await fetchHttps('GET', maps(), { headers })).text)).toMatchObject({
      kind: 'ConfigMapList',
      items: [],
    });
    await create(maps(), configMap('x', { text: 'a: [\n- b\n' }));
    await create(maps(), configMap('y'));
    expect(parseYaml((await fetchHttps('GET', maps(), { headers })).text)).toMatchObject({
      items: [{ data: { text: 'a: [\n- b\n' } }, { metadata: { name: 'y' } }],
    });
  });

  test('fields given twice warn, or are refused', async () => {
    const body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","name":"y"},"data":{"a":"1","a":"2"}}';
    const headers = { 'content-type': 'application/json' };
    const warned = await fetchHttps('POST', maps(), { body, headers });
    expect(JSON.parse(warned.text)).toMatchObject({ metadata: { name: 'y' }, data: { a: '2' } });
    expect(warned.headers['warning']).toContain('299 - "duplicate field \\"metadata.name\\""');
    const refused = await fetchHttps('PUT', `${maps('y')}?fieldValidation=Strict`, { body, headers });
    expect(JSON.parse(refused.text)).toMatchObject({
      code: 400,
      message: expect.stringContaining(
        'strict decoding error: duplicate field "metadata.name", duplicate field "data.a"',
      ),
    });
  });

  test('a CustomResourceDefinition that is accepted with reservations says so', async () => {
    const openAPIV3Schema = { type: 'object', properties: { spec: { type: 'string', format: 'odd' } } };
    const body = JSON.stringify({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'odds.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'odds', kind: 'Odd' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
      },
    });
    const headers = { 'content-type': 'application/json' };
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const created = await fetchHttps('POST', path, { body, headers });
    expect(created).toMatchObject({ code: 201, headers: { warning: '299 - "unrecognized format \\"odd\\""' } });
    const patch = {
      body: '{"metadata":{"labels":{"a":"b"}}}',
      headers: { 'content-type': 'application/merge-patch+json' },
    };
    const updated = await fetchHttps('PATCH', `${path}/odds.example.com`, patch);
    expect(updated).toMatchObject({ code: 200, headers: { warning: '299 - "unrecognized format \\"odd\\""' } });
  });

  test('lists come as tables and as metadata', async () => {
    await create(maps(), configMap('x', { a: 'b' }));
    const table = await fetchHttps('GET', maps(), {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' },
    });
    expect(JSON.parse(table.text)).toMatchObject({
      kind: 'Table',
      rows: [{ cells: ['x', 1, expect.any(String)], object: { kind: 'PartialObjectMetadata' } }],
    });
    const partial = await fetchHttps('GET', maps(), {
      headers: { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' },
    });
    expect(JSON.parse(partial.text)).toMatchObject({ items: [{ metadata: { name: 'x' } }] });
    expect((await fetchHttps('GET', maps(), { headers: { accept: 'text/html' } })).code).toBe(406);
  });

  test('YAML is read, other types and giants are refused', async () => {
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\n';
    expect(
      (await fetchHttps('POST', maps(), { body: yaml, headers: { 'content-type': 'application/yaml' } })).code,
    ).toBe(201);
    expect((await fetchHttps('POST', maps(), { body: 'x', headers: { 'content-type': 'text/csv' } })).code).toBe(415);
    const giant = Buffer.alloc(3 * 1024 * 1024 + 1, 0x20);
    const answer = await fetchHttps('POST', maps(), {
      body: giant,
      headers: { 'content-type': 'application/json' },
    }).catch((error: NodeJS.ErrnoException) => error.code);
    // The server may close the connection before the body is sent.
    expect(typeof answer === 'string' || answer?.code === 413).toBe(true);
    const deep = `{"apiVersion":"v1","kind":"ConfigMap","metadata":${'['.repeat(100_000)}`;
    expect(
      (await fetchHttps('POST', maps(), { body: deep, headers: { 'content-type': 'application/json' } })).code,
    ).toBe(400);
  });

  test('a watched table has its columns in the first event only', async () => {
    await create(maps(), configMap('x'));
    await create(maps(), configMap('y'));
    const { text } = await fetchHttps('GET', `${maps()}?watch=true&timeoutSeconds=1`, {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    });
    const events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as RawWatchEvent);
    expect(events.map(({ object }) => object['columnDefinitions'] !== null)).toEqual([true, false]);
  });

  test('a watch of no time at all is the usual one, and one of less is over at once', async () => {
    const none = fetchHttps('GET', `${maps()}?watch=true&timeoutSeconds=0`).then(() => 'over');
    expect((await fetchHttps('GET', `${maps()}?watch=true&timeoutSeconds=-1`)).code).toBe(200);
    expect(await Promise.race([none, Promise.resolve('open')])).toBe('open');
  });

  test('expired and future revisions are said to be so', async () => {
    const future = await fetchHttps('GET', `${maps()}?resourceVersion=999999999`);
    expect(JSON.parse(future.text)).toMatchObject({
      code: 504,
      details: { causes: [{ reason: 'ResourceVersionTooLarge' }] },
    });
    const odd = await fetchHttps('GET', `${maps()}?resourceVersionMatch=Exact`);
    expect(odd.code).toBe(422);
  });
});
