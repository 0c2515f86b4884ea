import { request as httpsRequest } from 'node:https';
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
  test('strangers get 401, and health', async () => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    httpsRequest(`${server.url}/api/v1/pods`, { ca: server.caPem, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
    expect(await promise).toBe(401);
    expect((await fetchHttps('GET', '/readyz?verbose')).text).toContain('[+]ping ok');
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
