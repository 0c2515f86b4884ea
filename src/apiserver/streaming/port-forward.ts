import type { Duplex, Readable, Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import type { PodStreams } from '../../client/index.ts';
import { badRequest } from '../../machinery/index.ts';
import { type SpdyStream, serveSpdy } from './spdy-connection.ts';
import type { Channels } from './websocket-channels.ts';

interface Pod {
  namespace: string;
  pod: string;
}

/** How long the data stream and the error stream of one forwarded connection may be apart, in milliseconds. */
const PAIR_WITHIN = 30_000;
const MAX_PORTS = 64;

/** The ports of the query ('ports=80&ports=81,82'). Throws ApiError 400 for what is no port. */
export function parsePorts(query: URLSearchParams): number[] {
  const texts = query.getAll('ports').flatMap((list) => list.split(','));
  if (texts.length > MAX_PORTS) throw badRequest(`at most ${MAX_PORTS} ports can be forwarded at once`);
  return texts.map((text) => {
    const port = parsePort(text);
    if (port === undefined) throw badRequest(`unable to parse ${JSON.stringify(text)} as a port: it is not in 1-65535`);
    return port;
  });
}

function parsePort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

interface Half {
  stream: SpdyStream;
  timer: NodeJS.Timeout;
}

/**
 * portforward.k8s.io over SPDY: each forwarded connection is a data and an error stream with the same requestID, as many at
 * once as the client likes. Resolves when the connection is over.
 */
export async function forwardSpdy(transport: Duplex, pod: Pod, streams: PodStreams): Promise<void> {
  const halves = new Map<string, Half>();
  const connection = serveSpdy(transport, (stream) => {
    const port = parsePort(stream.headers.get('port') ?? '');
    const type = stream.headers.get('streamtype');
    if (port === undefined || (type !== 'data' && type !== 'error')) {
      stream.io.destroy();
      return;
    }
    const id = stream.headers.get('requestid') ?? `port ${port}`;
    const other = halves.get(id);
    if (!other) {
      const timer = setTimeout(() => {
        halves.delete(id);
        stream.io.destroy();
      }, PAIR_WITHIN);
      halves.set(id, { stream, timer });
      return;
    }
    halves.delete(id);
    clearTimeout(other.timer);
    const [data, error] = type === 'data' ? [stream, other.stream] : [other.stream, stream];
    if (other.stream.headers.get('streamtype') === type) {
      data.io.destroy();
      error.io.destroy();
      return;
    }
    // The client never sends anything here, but closes its end.
    error.io.resume();
    void forward(pod, port, streams, data.io, data.io, error.io);
  });
  await new Promise<void>((resolve) => {
    connection.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  for (const { timer } of halves.values()) clearTimeout(timer);
}

/**
 * port-forward over WebSocket channels: for the port at index i of the query, channel 2i carries the data and 2i+1 errors.
 * Each starts with the port number, as two bytes, low byte first. Resolves when the connection is over.
 */
export async function forwardChannels(
  client: WebSocket,
  channels: Channels,
  pod: Pod,
  ports: readonly number[],
  streams: PodStreams,
): Promise<void> {
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  const all = ports.map(async (port, index) => {
    const data = channels.readable(index * 2);
    const answer = channels.writable(index * 2);
    const error = channels.writable(index * 2 + 1);
    const greeting = Buffer.alloc(2);
    greeting.writeUInt16LE(port);
    answer.write(greeting);
    error.write(greeting);
    await forward(pod, port, streams, data, answer, error);
  });
  await Promise.race([Promise.all(all), closed]);
  client.close(1000);
  await closed;
}

/** Joins a client's connection with one to the pod until the pod's side is over or the client is gone. */
async function forward(
  pod: Pod,
  port: number,
  streams: PodStreams,
  from: Readable,
  to: Writable,
  error: Writable,
): Promise<void> {
  try {
    await join(from, to, await streams.portForward(pod, port));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    if (!error.destroyed) error.write(`error forwarding port ${port} to pod ${pod.namespace}/${pod.pod}: ${why}`);
  }
  from.resume();
  if (!error.destroyed) error.end();
  if (!to.destroyed && !to.writableEnded) to.end();
}

/**
 * Half-closes travel both ways. Not stream.pipeline: it destroys one direction when the other is done first, and with it
 * what is still on its way to the client.
 */
function join(from: Readable, to: Writable, remote: Duplex): Promise<void> {
  return new Promise((resolve, reject) => {
    remote.once('error', reject);
    remote.once('close', resolve);
    to.once('close', () => remote.destroy());
    if (to.destroyed) remote.destroy();
    from.pipe(remote);
    remote.pipe(to);
  });
}
