import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { type ApiServer, startApiServer } from './index.ts';

let server: ApiServer;
const sockets = new Set<TLSSocket>();

beforeAll(async () => {
  server = await startApiServer();
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await server.stop();
});

/** A connection of a stranger, or of the administrator. */
async function dial(who: 'stranger' | 'admin'): Promise<{ socket: TLSSocket; raw: Socket }> {
  const kubeconfig = parseYaml(server.adminKubeconfig()) as {
    users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }];
  };
  const { user } = kubeconfig.users[0];
  const pem = (data: string): Buffer => Buffer.from(data, 'base64');
  const identity =
    who === 'admin' ? { cert: pem(user['client-certificate-data']), key: pem(user['client-key-data']) } : {};
  const raw = connectTcp({ host: '127.0.0.1', port: server.port });
  const socket = connect({ socket: raw, ca: server.caPem, ...identity });
  sockets.add(socket);
  raw.on('error', () => raw.destroy());
  socket.on('error', () => socket.destroy());
  await once(socket, 'secureConnect');
  return { socket, raw };
}

/** What the server says until it hangs up, or until enough of it is there. */
async function answerOf(socket: TLSSocket, enough: RegExp): Promise<string> {
  let text = '';
  socket.setEncoding('latin1');
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (enough.test(text)) break;
  }
  return text;
}

const EXEC = 'GET /api/v1/namespaces/default/pods/p/exec?command=ls HTTP/1.1\r\nHost: x\r\n';

test.each(['stranger', 'admin'] as const)('a %s who asks for a stream and hangs up does no harm', async (who) => {
  const faults: unknown[] = [];
  const onFault = (error: unknown): void => void faults.push(error);
  process.on('uncaughtException', onFault);
  try {
    for (let attempt = 0; attempt < 20; attempt++) {
      const { socket, raw } = await dial(who);
      socket.write(`${EXEC}Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`);
      // A reset, at some moment of the request's life.
      await sleep(attempt % 4);
      socket.write('x'.repeat(100_000));
      raw.resetAndDestroy();
    }
    const { socket } = await dial(who);
    socket.write('GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await answerOf(socket, /ok$/)).toMatch(/^HTTP\/1.1 200 OK/);
  } finally {
    process.off('uncaughtException', onFault);
  }
  expect(faults).toEqual([]);
});

test('a body that grows too large on the way is told so', async () => {
  const { socket } = await dial('admin');
  socket.write(
    'POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' +
      'Transfer-Encoding: chunked\r\n\r\n',
  );
  const megabyte = `100000\r\n${' '.repeat(1024 * 1024)}\r\n`;
  for (let sent = 0; sent < 4; sent++) socket.write(megabyte);
  expect(await answerOf(socket, /Request entity too large/)).toMatch(/^HTTP\/1.1 413/);
});

test('exec is opened with GET or POST alone', async () => {
  const { socket } = await dial('admin');
  socket.write(`${EXEC.replace('GET', 'DELETE')}Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`);
  expect(await answerOf(socket, /\}$/)).toMatch(/^HTTP\/1.1 405/);
});
