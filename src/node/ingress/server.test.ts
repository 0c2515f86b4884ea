import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { type FakeInformers, fakeInformers } from '../fakes.testing.ts';
import { endpointSlices, ingresses, services } from '../pod.ts';
import { createBackends } from '../proxy/backends.ts';
import { type IngressServer, startIngressServer } from './server.ts';

let informers: FakeInformers;
let ingress: IngressServer;
const backends: Server[] = [];

beforeEach(async () => {
  informers = fakeInformers();
  ingress = await startIngressServer({
    informers,
    backends: createBackends(informers),
    readSecret: () => Promise.reject(new Error('there are no Secrets')),
    host: '127.0.0.1',
    port: 0,
  });
});
afterEach(async () => {
  await ingress.stop();
  for (const server of backends.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function backend(answer: (request: IncomingMessage) => string): Promise<number> {
  const server = createServer((request, response) => {
    request.on('end', () => response.end(answer(request))).resume();
  });
  backends.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function publish(name: string, ports: number[], namespace = 'a'): void {
  informers.put(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { ports: [{ port: 80 }] },
  });
  for (const port of ports) {
    informers.put(endpointSlices, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-${port}`, namespace, labels: { 'kubernetes.io/service-name': name } },
      endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
      ports: [{ port, protocol: 'TCP' }],
    });
  }
}

function rule(host: string, service: string): void {
  const paths = [{ path: '/', pathType: 'Prefix', backend: { service: { name: service, port: { number: 80 } } } }];
  informers.put(ingresses, {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: `${service}-ingress`, namespace: 'a' },
    spec: { rules: [{ host, http: { paths } }] },
  });
}

async function get(
  host: string,
  path = '/',
  headers: Record<string, string> = {},
): Promise<{ code: number; text: string }> {
  const request = httpRequest(new URL(path, ingress.url), { headers: { host, ...headers } });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += chunk;
  return { code: response.statusCode ?? 0, text };
}

test('a request goes by its host name, with what is known about the client', async () => {
  publish('web', [await backend((request) => JSON.stringify({ url: request.url, headers: request.headers }))]);
  rule('web.example.org', 'web');
  const { code, text } = await get('Web.Example.org:8080', '/x?y=1', {
    'x-forwarded-for': '203.0.113.9',
    'x-real-ip': '6.6.6.6',
    connection: 'x-drop',
    'x-drop': '1',
  });
  expect(code).toBe(200);
  const seen = JSON.parse(text);
  expect(seen.url).toBe('/x?y=1');
  expect(seen.headers).toMatchObject({
    host: 'Web.Example.org:8080',
    'x-forwarded-for': '203.0.113.9, 127.0.0.1',
    'x-real-ip': '127.0.0.1',
    'x-forwarded-proto': 'http',
  });
  expect(seen.headers).not.toHaveProperty('x-drop');
});

test('names below localhost mean Services and Ingresses', async () => {
  publish('web', [await backend(() => 'web')]);
  expect(await get('web.localhost')).toEqual({ code: 200, text: 'web' });
  expect(await get('web.a.localhost')).toEqual({ code: 200, text: 'web' });
  expect((await get('web.b.localhost')).code).toBe(404);
  rule('other.example.org', 'web');
  expect(await get('web-ingress.localhost')).toEqual({ code: 200, text: 'web' });
  publish('web', [], 'b');
  expect((await get('web.localhost')).code).toBe(404);
});

test('what cannot be answered says why', async () => {
  rule('web.example.org', 'web');
  expect(await get('web.example.org')).toMatchObject({
    code: 503,
    text: expect.stringContaining('a/web, which does not exist'),
  });
  publish('web', []);
  expect(await get('web.example.org')).toMatchObject({
    code: 503,
    text: expect.stringContaining('no ready endpoints'),
  });
  expect(await get('nobody.example.org')).toMatchObject({
    code: 404,
    text: expect.stringContaining('web.example.org'),
  });
});

test('an endpoint that is gone is passed over', async () => {
  const gone = await backend(() => 'gone');
  const server = backends.pop();
  server?.close();
  publish('web', [gone, await backend(() => 'here')]);
  const answers = await Promise.all(Array.from({ length: 6 }, () => get('web.localhost')));
  expect(answers).toEqual(answers.map(() => ({ code: 200, text: 'here' })));
});

test('WebSockets pass', async () => {
  const port = await backend(() => '');
  const sockets = new WebSocketServer({ noServer: true });
  backends[0]?.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (client) =>
      client.on('message', (text) => client.send(`echo ${text}`)),
    );
  });
  publish('web', [port]);
  const client = new WebSocket(ingress.url.replace('http', 'ws'), { headers: { host: 'web.localhost' } });
  await once(client, 'open');
  client.send('hello');
  const [answer] = await once(client, 'message');
  expect(String(answer)).toBe('echo hello');
  client.close();
  await once(client, 'close');
});

test('a request that two servers could read in two ways reaches none', async () => {
  let reached = 0;
  publish('web', [
    await backend(() => {
      reached += 1;
      return '';
    }),
  ]);
  const socket = connect(Number(new URL(ingress.url).port), '127.0.0.1');
  socket.write(
    'POST / HTTP/1.1\r\nHost: web.localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: web.localhost\r\n\r\n',
  );
  let text = '';
  for await (const chunk of socket) text += chunk;
  expect(text).toMatch(/^HTTP\/1.1 400 /);
  expect(reached).toBe(0);
});
