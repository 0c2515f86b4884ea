import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { finished } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FLAG_FIN } from './spdy-frames.ts';
import { dial, dialSpdy, spdyClient, startStreams, stopStreams } from './upgrade.testing.ts';

let base = '';
beforeAll(async () => {
  base = await startStreams();
});
afterAll(stopStreams);

/** Binary WebSocket messages (RFC 6455, 5.2) as a byte stream; masked with zeros, which changes nothing. */
function overWebSocket(socket: Socket): Duplex {
  const [outer, inner] = duplexPair();
  inner.on('data', (part: Buffer) => {
    const header = Buffer.from([0x82, 0x80 | 126, part.length >> 8, part.length & 0xff, 0, 0, 0, 0]);
    socket.write(Buffer.concat([header, part]));
  });
  let pending = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 2) {
      const short = pending.readUInt8(1);
      const start = short === 126 ? 4 : 2;
      const length = short === 126 && pending.length >= 4 ? pending.readUInt16BE(2) : short;
      if (pending.length < start + length) return;
      if ((pending.readUInt8(0) & 0x0f) === 2) inner.write(pending.subarray(start, start + length));
      pending = pending.subarray(start + length);
    }
  });
  outer.once('close', () => socket.destroy());
  return outer;
}

describe('port-forward', () => {
  let echo: Server;
  let port = 0;
  /** tcpmux: nobody listens there, and no test is given it by chance. */
  const closedPort = 1;
  beforeAll(async () => {
    echo = createTcpServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
    port = (echo.address() as AddressInfo).port;
  });
  afterAll(() => {
    echo.close();
  });

  async function forwardMany(transport: Duplex): Promise<void> {
    const client = spdyClient(transport);
    const ids = Array.from({ length: 50 }, (_, index) => index * 4 + 1);
    for (const id of ids) {
      const pair = { port: String(port), requestid: String(id) };
      client.open(id, { ...pair, streamtype: 'error' });
      client.open(id + 2, { ...pair, streamtype: 'data' });
      client.send(id, '', FLAG_FIN);
    }
    for (const id of ids) client.send(id + 2, `connection ${id}`, FLAG_FIN);
    await client.ended(...ids.flatMap((id) => [id, id + 2]));
    for (const id of ids) expect(client.text(id + 2)).toBe(`connection ${id}`);
    expect(ids.map((id) => client.text(id)).join('')).toBe('');

    const broken = { port: String(closedPort), requestid: 'x' };
    client.open(1001, { ...broken, streamtype: 'data' });
    client.open(1003, { ...broken, streamtype: 'error' });
    await client.ended(1003);
    expect(client.text(1003)).toMatch(/error forwarding port \d+ to pod team\/web: .*ECONNREFUSED/);
    transport.destroy();
  }

  it('carries many connections at once over SPDY', async () => {
    await forwardMany(await dialSpdy(base, 'portforward', 'portforward.k8s.io'));
  });

  it('carries them through SPDY in a WebSocket', async () => {
    const client = request(`http://${base}/portforward`, {
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        // No library sends this name, since its slash is no token; kubectl does.
        'sec-websocket-protocol': 'SPDY/3.1+portforward.k8s.io',
      },
    });
    client.end();
    const [response, socket] = (await once(client, 'upgrade')) as [IncomingMessage, Socket, Buffer];
    expect(response.headers['sec-websocket-protocol']).toBe('SPDY/3.1+portforward.k8s.io');
    const transport = overWebSocket(socket);
    await forwardMany(transport);
  });

  it('gives each port of the query two channels', async () => {
    const client = await dial(base, `portforward?ports=${port}&ports=${closedPort}`, ['v4.channel.k8s.io']);
    client.send(0, 'ping');
    while (client.bytes(0).length < 6 || client.bytes(3).length < 3) await once(client.socket, 'message');
    expect(client.bytes(0).readUInt16LE(0)).toBe(port);
    expect(client.bytes(0).subarray(2).toString()).toBe('ping');
    expect(client.bytes(1).length).toBe(2);
    expect(client.text(3)).toMatch(/ECONNREFUSED/);
    client.socket.close();
    await client.closed();
  });

  it('hangs up on the pod when the client vanishes', async () => {
    const [accepted] = await Promise.all([
      once(echo, 'connection') as Promise<[Duplex]>,
      dial(base, `portforward?ports=${port}`, ['v4.channel.k8s.io']).then(({ socket }) => socket.terminate()),
    ]);
    await finished(accepted[0]).catch(() => undefined);
  });
});
