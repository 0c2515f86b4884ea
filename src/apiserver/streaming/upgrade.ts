import { type IncomingMessage, STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { PodStreams } from '../../client/index.ts';
import { ApiError, badRequest } from '../../machinery/index.ts';
import { parsePorts } from './port-forward.ts';
import { parseRemoteCommand } from './remote-command.ts';

export interface StreamSession {
  kind: 'exec' | 'attach' | 'portforward';
  namespace: string;
  pod: string;
  /** The request's query: container, command, stdin, stdout, stderr, tty, ports. */
  query: URLSearchParams;
  streams: PodStreams;
}

const KEEP_ALIVE = 30_000;
/** Loaded with the first stream: most servers never have one. */
const overSpdy = () => import('./spdy-session.ts');
const overWebSocket = () => import('./websocket-session.ts');
/** How long a client that was refused may take to hang up, in milliseconds. */
const CLOSE_WITHIN = 1_000;

/**
 * Takes over a connection that asks for `Upgrade: websocket` or `Upgrade: SPDY/3.1` on a pod's exec, attach or portforward,
 * after it was authorized. To be called from the server's 'upgrade' event. Answers every error itself, resolves when the
 * session is over, and never rejects. (KEP-4006; the SPDY side as client-go has it.)
 */
export async function handleUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  session: StreamSession,
): Promise<void> {
  socket.on('error', () => socket.destroy());
  if (socket instanceof Socket) {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE);
    socket.setTimeout(0);
  }
  try {
    await serve(request, socket, head, session);
  } catch (error) {
    refuse(socket, error);
  }
}

async function serve(request: IncomingMessage, socket: Duplex, head: Buffer, session: StreamSession): Promise<void> {
  const { kind, streams, query } = session;
  const protocol = (request.headers.upgrade ?? '').toLowerCase();
  if (protocol !== 'websocket' && protocol !== 'spdy/3.1') {
    throw badRequest(`unable to upgrade: missing or unknown upgrade header in request: ${JSON.stringify(protocol)}`);
  }
  const pod = { namespace: session.namespace, pod: session.pod };
  if (kind === 'portforward') {
    const ports = parsePorts(query);
    if (protocol === 'websocket') {
      await (await overWebSocket()).servePortForwardOverWebSocket(request, socket, head, pod, ports, streams);
    } else await (await overSpdy()).servePortForwardOverSpdy(request, socket, head, pod, streams);
    return;
  }
  const command = parseRemoteCommand(kind, pod, query);
  if (protocol === 'websocket') {
    await (await overWebSocket()).serveCommandOverWebSocket(request, socket, head, command, streams);
  } else await (await overSpdy()).serveCommandOverSpdy(request, socket, head, command, streams);
}

/**
 * Answers a connection that will not be upgraded with a Status, and closes it. Also for errors found before handleUpgrade
 * (401, 403, 404).
 */
export function refuse(socket: Duplex, error: unknown): void {
  const failure =
    error instanceof ApiError
      ? error
      : new ApiError(500, 'InternalError', 'Internal error occurred: the stream could not be set up');
  if (socket.destroyed || socket.writableEnded) return;
  const body = JSON.stringify(failure.toStatus());
  socket.end(
    `HTTP/1.1 ${failure.code} ${STATUS_CODES[failure.code] ?? ''}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  // Whatever the client has sent is skipped, or closing could cut off the answer.
  socket.resume();
  socket.once('end', () => socket.destroy());
  const timer = setTimeout(() => socket.destroy(), CLOSE_WITHIN);
  socket.once('close', () => clearTimeout(timer));
}
