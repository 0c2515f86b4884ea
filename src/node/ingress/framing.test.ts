// What a client sends byte for byte, against what an endpoint reads: requests that hide in others, upgrades that are none.
import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestIngress, type TestIngress } from './ingress.testing.ts';

let ingress: TestIngress;
let server: Server;
/** What the endpoint has read: 'METHOD PATH BODY'. */
let seen: string[];

beforeEach(async () => {
  seen = [];
  ingress = await startTestIngress();
  server = await ingress.serve((request, response) => {
    void text(request).then((body) => {
      seen.push(`${request.method} ${request.url} ${body}`);
      response.end('done');
    });
  });
  ingress.publish('web', [server]);
});
afterEach(() => ingress.stop());

async function text(request: IncomingMessage): Promise<string> {
  let all = '';
  for await (const chunk of request) all += chunk;
  return all;
}

function send(...lines: string[]): Socket {
  const socket = connect(ingress.port, '127.0.0.1');
  socket.write(lines.join('\r\n'));
  return socket;
}

async function answerTo(...lines: string[]): Promise<string> {
  let all = '';
  for await (const chunk of send(...lines)) all += chunk;
  return all;
}

const inner = 'GET /hidden HTTP/1.1\r\nHost: web.localhost\r\n\r\n';

test.each(['GET', 'DELETE', 'POST', 'OPTIONS'])('the body of a chunked %s stays a body', async (method) => {
  const head = [`${method} / HTTP/1.1`, 'Host: web.localhost', 'Connection: close', 'Transfer-Encoding: chunked'];
  const chunk = [inner.length.toString(16), inner, '0', '', ''];
  expect(await answerTo(...head, '', ...chunk)).toMatch(/^HTTP\/1.1 200 /);
  expect(seen).toEqual([`${method} / ${inner}`]);
});

test('an upgrade to HTTP/2 is left aside, and so is one with a body', async () => {
  const head = ['Host: web.localhost', 'Connection: Upgrade, close'];
  const offers = [
    ['GET /h2c HTTP/1.1', ...head, 'Upgrade: h2c', '', ''],
    ['POST /body HTTP/1.1', ...head, 'Upgrade: websocket', 'Content-Length: 2', '', 'hi'],
  ];
  for (const offer of offers) expect(await answerTo(...offer)).toMatch(/^HTTP\/1.1 200 /);
  expect(seen).toEqual(['GET /h2c ', 'POST /body hi']);
});

test('a client that goes while its upgrade is pending leaves nothing open', async () => {
  const pending = once(server, 'upgrade') as Promise<[IncomingMessage, Socket]>;
  server.on('upgrade', (_request, socket) => socket.on('error', () => socket.destroy()).resume());
  const client = send('GET / HTTP/1.1', 'Host: web.localhost', 'Connection: Upgrade', 'Upgrade: x', '', '');
  const [, socket] = await pending;
  client.destroy();
  await once(socket, 'end');
});
