import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent, type RequestOptions, request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoreV1Api, KubeConfig, Watch } from '@kubernetes/client-node';
import { afterEach, expect, test } from 'vitest';
import { startApiServer } from './index.ts';

const folders: string[] = [];

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'homeport-api-'));
  folders.push(path);
  return path;
}

afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { password: 'correct horse' } };

test('a second start finds the objects and certificates of the first, and Secrets do not lie readable on disk', async () => {
  const dataDir = folder();
  const path = '/api/v1/namespaces/default/secrets';
  const first = await startApiServer({ dataDir });
  const created = await first.transport().request({ method: 'POST', path, body: secret });
  await first.stop();
  const files = readdirSync(join(dataDir, 'db'), { withFileTypes: true, recursive: true }).filter((file) =>
    file.isFile(),
  );
  for (const file of files) {
    const content = readFileSync(join(file.parentPath, file.name));
    expect(content.includes(Buffer.from('correct horse').toString('base64'))).toBe(false);
  }

  const second = await startApiServer({ dataDir });
  expect(await second.transport().request({ method: 'GET', path: `${path}/s` })).toEqual(created);
  expect(second.caPem).toBe(first.caPem);
  await second.stop();
});

test('a port that is taken gives way to a free one', async () => {
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
  const address = blocker.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const server = await startApiServer({ port });
  expect(server.port).not.toBe(port);
  await server.stop();
  blocker.close();
});

test('wrong options are refused with what to do', async () => {
  await expect(startApiServer({ serviceClusterIpRange: '10.0.0.0/33' })).rejects.toThrow(/between \/12 and \/29/);
});

test('stops within a second while clients watch, and ends their watches', async () => {
  const server = await startApiServer();
  const config = new KubeConfig();
  config.loadFromString(server.adminKubeconfig());
  const core = config.makeApiClient(CoreV1Api);
  const { items } = await core.listNamespace();
  expect(items.map(({ metadata }) => metadata?.name)).toContain('kube-system');

  const seen: string[] = [];
  const ended = Promise.withResolvers<void>();
  const enough = Promise.withResolvers<void>();
  await new Watch(config).watch(
    '/api/v1/namespaces',
    {},
    (type, object: { metadata: { name: string } }) => {
      seen.push(`${type} ${object.metadata.name}`);
      if (object.metadata.name === 'late') enough.resolve();
    },
    () => ended.resolve(),
  );
  await core.createNamespace({ body: { metadata: { name: 'late' } } });
  await enough.promise;
  expect(seen).toContain('ADDED default');

  const began = performance.now();
  await server.stop();
  await ended.promise;
  expect(performance.now() - began).toBeLessThan(1_000);
});

test('a request that is under way when the server stops is answered, and new ones find nobody', async () => {
  const dataDir = folder();
  const server = await startApiServer({ dataDir });
  const config = new KubeConfig();
  config.loadFromString(server.adminKubeconfig());
  const options: RequestOptions = { method: 'POST', headers: { 'content-type': 'application/json' } };
  await config.applyToHTTPSOptions(options);
  const path = '/api/v1/namespaces/default/configmaps';
  const posted = request(`${server.url}${path}`, options);
  const answer = new Promise<number>((resolve, reject) => {
    posted.on('response', (response) => resolve(response.resume().statusCode ?? 0)).on('error', reject);
  });
  posted.write('{"apiVersion":"v1","kind":"ConfigMap",');
  const ready = async (): Promise<string> => {
    const get: RequestOptions = { agent: new Agent({ keepAlive: true }) };
    await config.applyToHTTPSOptions(get);
    return new Promise((resolve, reject) => {
      const asked = request(`${server.url}/readyz`, get, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => resolve(body));
      });
      asked.on('error', reject).end();
    });
  };
  expect(await ready()).toBe('ok');
  const stopped = server.stop();
  await expect(ready()).rejects.toThrow();
  posted.end('"metadata":{"name":"last"}}');
  expect(await answer).toBe(201);
  await stopped;
  const again = await startApiServer({ dataDir });
  expect(await again.transport().request({ method: 'GET', path: `${path}/last` })).toMatchObject({ kind: 'ConfigMap' });
  await again.stop();
});
