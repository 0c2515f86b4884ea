/** How answers are written, as kube-apiserver 1.34 writes them. */
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { startTestServer, type TestServer } from './https.testing.ts';

const NAMESPACE = '/api/v1/namespaces/kube-system';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const get = (path: string, headers: Record<string, string> = {}) => server.send('GET', path, { headers });

describe('answers', () => {
  test('a refusal comes in the format that the client takes', async () => {
    const refused = await get('/api/v1/namespaces/none', { accept: 'application/yaml' });
    expect(refused.headers['content-type']).toBe('application/yaml');
    expect(parseYaml(refused.text)).toMatchObject({ kind: 'Status', reason: 'NotFound' });
  });

  test('YAML has tables too', async () => {
    const table = await get(NAMESPACE, { accept: 'application/yaml;as=Table;v=v1;g=meta.k8s.io' });
    const cells = ['kube-system', 'Active', expect.stringMatching(/^\d+s$/)];
    expect(parseYaml(table.text)).toMatchObject({ kind: 'Table', rows: [{ cells }] });
  });

  test('a table of FlowSchemas has those first that are asked first', async () => {
    const path = '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas';
    const { body } = await get(path, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
    const names = (body['rows'] as { cells: string[] }[]).map(({ cells }) => cells[0]);
    expect(names.slice(0, 4)).toEqual(['exempt', 'probes', 'system-leader-election', 'system-node-high']);
    expect(names.at(-1)).toBe('catch-all');
  });

  test('a component that does not exist is named in the words of upstream', async () => {
    const { body } = await get('/api/v1/componentstatuses/none');
    expect(body).toMatchObject({ code: 404, message: 'componentstatus "none" not found' });
  });

  test('what cannot be granted says what can', async () => {
    const types = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
    expect((await get(NAMESPACE, { accept: 'text/html' })).body).toMatchObject({
      code: 406,
      message: `406: Not Acceptable\n\nAvailable representations: ${types}`,
    });
    for (const accept of ['application/json;as=Nonsense', 'application/vnd.kubernetes.protobuf;as=Table']) {
      expect((await get(NAMESPACE, { accept })).body).toMatchObject({
        code: 406,
        message: `only the following media types are accepted: ${types}`,
      });
    }
  });

  test('people get indented JSON, programs do not, and `pretty` decides', async () => {
    const lines = async (path: string, userAgent: string): Promise<number> =>
      (await get(path, { 'user-agent': userAgent })).text.trim().split('\n').length;
    expect(await lines(NAMESPACE, 'curl/8.0')).toBeGreaterThan(5);
    expect(await lines(NAMESPACE, 'kubectl/1.34')).toBe(1);
    expect(await lines(`${NAMESPACE}?pretty=true`, 'kubectl/1.34')).toBeGreaterThan(5);
    expect(await lines(`${NAMESPACE}?pretty=false`, 'curl/8.0')).toBe(1);
  });

  test('large documents are compressed for who asks', async () => {
    const path = '/openapi/v3/api/v1';
    const plain = await get(path, { 'accept-encoding': 'identity' });
    expect(plain.headers['content-encoding']).toBeUndefined();
    const zipped = await get(path, {
      'accept-encoding': 'deflate, gzip;q=0.5',
      accept: 'text/plain, application/json',
    });
    expect(zipped.headers).toMatchObject({ 'content-encoding': 'gzip', etag: plain.headers['etag'] });
    expect(zipped.bytes.length).toBeLessThan(plain.bytes.length / 5);
    expect(gunzipSync(zipped.bytes).equals(plain.bytes)).toBe(true);
    const refused = await get(path, { 'accept-encoding': 'gzip;q=0' });
    expect(refused.headers['content-encoding']).toBeUndefined();
  });
});
