import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import { type Duplex, duplexPair, PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { ExecStreams, PodStreams } from '../../client/index.ts';
import { badRequest, notFound } from '../../machinery/index.ts';
import { controlFrame, createFrameParser, dataHeader, FLAG_FIN, FrameType, words } from './spdy-frames.ts';
import { createHeaderEncoder } from './spdy-headers.ts';
import { handleUpgrade } from './upgrade.ts';

/** What the fake container runs, by the first word of the command. */
const programs: Record<string, (args: readonly string[], io: ExecStreams) => Promise<number>> = {
  async cat(_, { stdin, stdout }) {
    for await (const chunk of stdin ?? []) {
      if (!stdout?.write(chunk)) await once(stdout ?? new PassThrough(), 'drain');
    }
    return 0;
  },
  async fail(_, { stdout, stderr }) {
    stdout?.write('out');
    stderr?.write('err');
    return 3;
  },
  async sizes(_, { resize, stdout }) {
    for await (const { width, height } of resize ?? []) {
      stdout?.write(`${width}x${height}`);
      return 0;
    }
    return 1;
  },
  async flood(_, { stdout, signal }) {
    const block = Buffer.alloc(64 * 1024);
    while (!signal.aborted) {
      flooded += block.length;
      if (stdout?.write(block)) await new Promise((resolve) => setImmediate(resolve));
      else
        await Promise.race([once(stdout ?? new PassThrough(), 'drain'), once(signal, 'abort')]).catch(() => undefined);
    }
    return 137;
  },
  async wait(_, { signal }) {
    if (!signal.aborted) await once(signal, 'abort');
    waited.resolve();
    return 137;
  },
  async missing() {
    throw notFound({ group: '', resource: 'pods' }, 'web');
  },
};
let flooded = 0;
let waited = Promise.withResolvers<void>();

const streams: PodStreams = {
  async *logs() {
    yield Buffer.alloc(0);
  },
  exec: (_, [program = '', ...args], io) =>
    programs[program]?.(args, io) ?? Promise.reject(badRequest('no such program')),
  attach: (_, io) => programs['cat']?.([], io) ?? Promise.resolve(1),
  async portForward(_, port) {
    const socket = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    return socket;
  },
};

let base = '';
const server = createServer();
const sessions = new Set<Promise<void>>();
const sockets = new Set<Duplex>();
beforeAll(async () => {
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    const url = new URL(incoming.url ?? '', 'http://localhost');
    const kind = url.pathname.slice(1) as 'exec' | 'attach' | 'portforward';
    const session = handleUpgrade(incoming, socket, head, {
      kind,
      namespace: 'team',
      pod: 'web',
      query: url.searchParams,
      streams,
    });
    sockets.add(socket);
    sessions.add(session);
    void session.then(() => sessions.delete(session));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(sessions);
  server.closeAllConnections();
  server.close();
});

/** A WebSocket client that sorts what it gets by channel. */
async function dial(path: string, protocols: string | string[]) {
  const socket = new WebSocket(`ws://${base}/${path}`, protocols);
  const channels = new Map<number, Buffer>();
  socket.on('message', (raw: Buffer) => {
    const channel = raw.readUInt8(0);
    channels.set(channel, Buffer.concat([channels.get(channel) ?? Buffer.alloc(0), raw.subarray(1)]));
  });
  await once(socket, 'open');
  return {
    socket,
    send: (channel: number, data: Buffer | string) =>
      socket.send(Buffer.concat([Buffer.of(channel), Buffer.from(data)])),
    text: (channel: number) => (channels.get(channel) ?? Buffer.alloc(0)).toString(),
    bytes: (channel: number) => channels.get(channel) ?? Buffer.alloc(0),
    status: () => JSON.parse((channels.get(3) ?? Buffer.alloc(0)).toString()),
    closed: () => (socket.readyState === WebSocket.CLOSED ? Promise.resolve() : once(socket, 'close')),
  };
}

describe('exec over WebSocket', () => {
  it('sends output, errors and the exit code on their channels', async () => {
    const exec = await dial('exec?command=fail&stdout=true&stderr=true', ['v5.channel.k8s.io']);
    await exec.closed();
    expect(exec.text(1)).toBe('out');
    expect(exec.text(2)).toBe('err');
    expect(exec.status()).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '3' }] },
    });
  });

  it('passes bytes as they are, and the end of standard input with v5', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256));
    const exec = await dial('exec?command=cat&stdin=true&stdout=true', ['v5.channel.k8s.io', 'v4.channel.k8s.io']);
    expect(exec.socket.protocol).toBe('v5.channel.k8s.io');
    for (let at = 0; at < bytes.length; at += 32_000) exec.send(0, bytes.subarray(at, at + 32_000));
    exec.socket.send(Buffer.of(255, 0));
    await exec.closed();
    expect(exec.bytes(1).equals(bytes)).toBe(true);
    expect(exec.status()).toEqual({ metadata: {}, status: 'Success' });
  });

  it('takes terminal sizes, and no nonsense for one', async () => {
    const exec = await dial('exec?command=sizes&stdout=true&tty=true', ['v4.channel.k8s.io']);
    for (const size of ['nonsense', '{"Width":-1,"Height":2}', '{"Width":1e9,"Height":2}', 'null']) exec.send(4, size);
    exec.send(4, '{"Width":132,"Height":43}');
    await exec.closed();
    expect(exec.text(1)).toBe('132x43');
  });

  it('says what is wrong on the error channel, as text to old clients', async () => {
    const exec = await dial('exec?command=missing&stdout=true', ['v4.channel.k8s.io']);
    await exec.closed();
    expect(exec.status()).toMatchObject({ reason: 'NotFound', message: 'pods "web" not found' });
    const old = await dial('exec?command=missing&stdout=true', ['channel.k8s.io']);
    await old.closed();
    expect(old.text(3)).toBe('pods "web" not found');
  });

  it('speaks base64 to those who want it', async () => {
    const socket = new WebSocket(`ws://${base}/exec?command=cat&stdin=true&stdout=true`, ['v4.base64.channel.k8s.io']);
    const messages: string[] = [];
    socket.on('message', (raw: Buffer, binary: boolean) => messages.push(`${binary} ${raw.toString()}`));
    await once(socket, 'open');
    socket.send(`0${Buffer.from('hi').toString('base64')}`);
    while (messages.length < 2) await once(socket, 'message');
    expect(messages).toEqual(['false 1', `false 1${Buffer.from('hi').toString('base64')}`]);
    socket.terminate();
  });

  it('ends the command when the client vanishes', async () => {
    waited = Promise.withResolvers();
    const exec = await dial('exec?command=wait&stdout=true', ['v5.channel.k8s.io']);
    exec.socket.terminate();
    await waited.promise;
  });

  it('lets a client that does not read wait, rather than the memory grow', async () => {
    flooded = 0;
    const exec = await dial('exec?command=flood&stdout=true', ['v5.channel.k8s.io']);
    exec.socket.pause();
    let before = -1;
    while (flooded !== before) {
      before = flooded;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    // What fits into the buffers of two sockets and no more.
    expect(flooded).toBeLessThan(32 * 1024 * 1024);
    exec.socket.terminate();
  });

  it('closes on messages that are too large, and ignores channels that nobody has', async () => {
    const exec = await dial('exec?command=cat&stdin=true&stdout=true', ['v5.channel.k8s.io']);
    exec.send(200, 'what');
    exec.socket.send(Buffer.of(255));
    exec.socket.send(Buffer.of(255, 77));
    exec.socket.send(Buffer.alloc(0));
    exec.send(0, 'still here');
    while (exec.text(1) !== 'still here') await once(exec.socket, 'message');
    exec.socket.on('error', () => undefined);
    exec.socket.send(Buffer.alloc(5 * 1024 * 1024));
    await exec.closed();
  });
});

describe('any messages at all', () => {
  it('end in a closed session', async () => {
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(fc.constantFrom(0, 3, 4, 255), fc.uint8Array({ maxLength: 8 }))
        .map(([to, data]) => Uint8Array.of(to, ...data)),
    );
    const protocol = fc.constantFrom('v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io');
    await fc.assert(
      fc.asyncProperty(protocol, fc.array(message, { maxLength: 20 }), async (chosen, messages) => {
        const exec = await dial('exec?command=cat&stdin=true&stdout=true&tty=true', [chosen]);
        exec.socket.on('error', () => undefined);
        for (const each of messages) if (exec.socket.readyState === WebSocket.OPEN) exec.socket.send(each);
        exec.socket.close();
        await exec.closed();
      }),
      { numRuns: 50 },
    );
    await Promise.all(sessions);
  });
});

describe('what is refused before the upgrade', () => {
  async function refused(path: string, headers: Record<string, string>) {
    const client = request(`http://${base}/${path}`, { headers: { connection: 'Upgrade', ...headers } });
    client.end();
    const [response] = (await once(client, 'response')) as [IncomingMessage];
    const body = JSON.parse((await response.toArray()).join(''));
    return { code: response.statusCode, message: String(body.message), kind: body.kind };
  }

  it('is answered with a Status', async () => {
    const webSocket = {
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    const answers = [
      await refused('exec?stdout=true', webSocket),
      await refused('exec?command=ls', webSocket),
      await refused('exec?command=ls&stdout=true', { ...webSocket, 'sec-websocket-protocol': 'chat' }),
      await refused('exec?command=ls&stdout=true', { upgrade: 'h2c' }),
      await refused('portforward?ports=99999', { ...webSocket, 'sec-websocket-protocol': 'v4.channel.k8s.io' }),
      await refused('portforward', { ...webSocket, 'sec-websocket-protocol': 'v4.channel.k8s.io' }),
    ];
    expect(answers.map(({ code, kind }) => `${code} ${kind}`)).toEqual(answers.map(() => '400 Status'));
    expect(answers[0]?.message).toMatch(/at least one command/);
    expect(answers[1]?.message).toMatch(/at least 1 of stdin, stdout, stderr/);
    const spdy = await refused('exec?command=ls&stdout=true', {
      upgrade: 'SPDY/3.1',
      'x-stream-protocol-version': 'v9',
    });
    expect(spdy.code).toBe(403);
  });
});

/** A SPDY client over any byte stream, after the upgrade. */
function spdyClient(transport: Duplex) {
  const encode = createHeaderEncoder();
  const received = new Map<number, Buffer>();
  const ended = new Set<number>();
  const parse = createFrameParser({
    control: () => undefined,
    data(stream, part, flags, last) {
      received.set(stream, Buffer.concat([received.get(stream) ?? Buffer.alloc(0), part]));
      if (last && flags & FLAG_FIN) ended.add(stream);
    },
  });
  transport.on('data', parse);
  return {
    open: (id: number, headers: Record<string, string>) =>
      transport.write(
        controlFrame(
          FrameType.synStream,
          0,
          Buffer.concat([words(id, 0), Buffer.alloc(2), encode(new Map(Object.entries(headers)))]),
        ),
      ),
    send: (id: number, data: string, flags = 0) =>
      transport.write(Buffer.concat([dataHeader(id, flags, data.length), Buffer.from(data)])),
    text: (id: number) => (received.get(id) ?? Buffer.alloc(0)).toString(),
    async ended(...ids: number[]) {
      while (!ids.every((id) => ended.has(id))) await once(transport, 'data');
    },
  };
}

async function dialSpdy(path: string, protocol: string): Promise<Duplex> {
  const client = request(`http://${base}/${path}`, {
    method: 'POST',
    headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': protocol },
  });
  client.end();
  const [response, socket, head] = (await once(client, 'upgrade')) as [IncomingMessage, Duplex, Buffer];
  expect(response.headers['x-stream-protocol-version']).toBe(protocol);
  if (head.length > 0) socket.unshift(head);
  return socket;
}

describe('exec over SPDY', () => {
  it('joins streams in any order, and passes the end of standard input', async () => {
    const socket = await dialSpdy('exec?command=cat&stdin=true&stdout=true', 'v4.channel.k8s.io');
    const client = spdyClient(socket);
    client.open(1, { streamtype: 'stdout' });
    client.open(3, { streamtype: 'what' });
    client.open(5, { streamtype: 'stdin' });
    client.open(7, { streamtype: 'error' });
    client.send(5, 'hello', FLAG_FIN);
    await client.ended(1, 7);
    expect(client.text(1)).toBe('hello');
    expect(JSON.parse(client.text(7))).toEqual({ metadata: {}, status: 'Success' });
    socket.destroy();
  });

  it('ends the command when the client vanishes', async () => {
    waited = Promise.withResolvers();
    const socket = await dialSpdy('exec?command=wait&stdout=true', 'v4.channel.k8s.io');
    const client = spdyClient(socket);
    client.open(1, { streamtype: 'error' });
    client.open(3, { streamtype: 'stdout' });
    await once(socket, 'data');
    socket.destroy();
    await waited.promise;
  });
});

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
    await forwardMany(await dialSpdy('portforward', 'portforward.k8s.io'));
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
    const client = await dial(`portforward?ports=${port}&ports=${closedPort}`, ['v4.channel.k8s.io']);
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
      dial(`portforward?ports=${port}`, ['v4.channel.k8s.io']).then(({ socket }) => socket.terminate()),
    ]);
    await finished(accepted[0]).catch(() => undefined);
  });
});
