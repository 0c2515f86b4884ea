import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { ingresses } from '../pod.ts';
import { portOf, startTestIngress, type TestIngress } from './ingress.testing.ts';

let ingress: TestIngress;

beforeEach(async () => {
  ingress = await startTestIngress();
});
afterEach(() => ingress.stop());

const backend = (answer: (request: IncomingMessage) => string) =>
  ingress.serve((request, response) => {
    request.on('end', () => response.end(answer(request))).resume();
  });

function rule(host: string, service: string): void {
  const paths = [{ path: '/', pathType: 'Prefix', backend: { service: { name: service, port: { number: 80 } } } }];
  ingress.informers.put(ingresses, {
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
  ingress.publish('web', [await backend((request) => JSON.stringify({ url: request.url, headers: request.headers }))]);
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
  ingress.publish('web', [await backend(() => 'web')]);
  expect(await get('web.localhost')).toEqual({ code: 200, text: 'web' });
  expect(await get('web.a.localhost')).toEqual({ code: 200, text: 'web' });
  expect((await get('web.b.localhost')).code).toBe(404);
  rule('other.example.org', 'web');
  expect(await get('web-ingress.localhost')).toEqual({ code: 200, text: 'web' });
  ingress.publish('web', [], 'b');
  expect((await get('web.localhost')).code).toBe(404);
});

test('what cannot be answered says why', async () => {
  rule('web.example.org', 'web');
  expect(await get('web.example.org')).toMatchObject({
    code: 503,
    text: expect.stringContaining('a/web, which does not exist'),
  });
  ingress.publish('web', []);
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
  const server = await backend(() => 'gone');
  const gone = portOf(server);
  server.close();
  ingress.publish('web', [gone, await backend(() => 'here')]);
  const answers = await Promise.all(Array.from({ length: 6 }, () => get('web.localhost')));
  expect(answers).toEqual(answers.map(() => ({ code: 200, text: 'here' })));
});

test('WebSockets pass', async () => {
  const server = await backend(() => '');
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (client) =>
      client.on('message', (text) => client.send(`echo ${text}`)),
    );
  });
  ingress.publish('web', [server]);
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
  ingress.publish('web', [
    await backend(() => {
      reached += 1;
      return '';
    }),
  ]);
  const socket = connect(ingress.port, '127.0.0.1');
  socket.write(
    'POST / HTTP/1.1\r\nHost: web.localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: web.localhost\r\n\r\n',
  );
  let text = '';
  for await (const chunk of socket) text += chunk;
  expect(text).toMatch(/^HTTP\/1.1 400 /);
  expect(reached).toBe(0);
});
