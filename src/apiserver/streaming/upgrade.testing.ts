import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { type Duplex, PassThrough } from 'node:stream';
import { expect } from 'vitest';
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
      seen.flooded += block.length;
      if (stdout?.write(block)) await new Promise((resolve) => setImmediate(resolve));
      else
        await Promise.race([once(stdout ?? new PassThrough(), 'drain'), once(signal, 'abort')]).catch(() => undefined);
    }
    return 137;
  },
  async wait(_, { signal }) {
    if (!signal.aborted) await once(signal, 'abort');
    seen.waited.resolve();
    return 137;
  },
  async missing() {
    throw notFound({ group: '', resource: 'pods' }, 'web');
  },
};
/** What the programs `flood` and `wait` have come to. */
export const seen = { flooded: 0, waited: Promise.withResolvers<void>() };

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

const server = createServer();
export const sessions = new Set<Promise<void>>();
const sockets = new Set<Duplex>();
/** Serves streams of the fake container; resolves to where: '127.0.0.1:1234'. */
export async function startStreams(): Promise<string> {
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
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function stopStreams(): Promise<void> {
  for (const socket of sockets) socket.destroy();
  await Promise.all(sessions);
  server.closeAllConnections();
  server.close();
}

/** A WebSocket client that sorts what it gets by channel. */
export async function dial(base: string, path: string, protocols: string | string[]) {
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
/** A SPDY client over any byte stream, after the upgrade. */
export function spdyClient(transport: Duplex) {
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

export async function dialSpdy(base: string, path: string, protocol: string): Promise<Duplex> {
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
