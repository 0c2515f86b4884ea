import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import type { PodStreams } from '../../client/index.ts';
import { badRequest } from '../../machinery/index.ts';
import { forwardChannels, forwardSpdy } from './port-forward.ts';
import { type RemoteCommand, runRemoteCommand } from './remote-command.ts';
import { createTerminalSizes } from './terminal-sizes.ts';
import { type Channels, createChannels, type Dialect } from './websocket-channels.ts';

const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

const COMMAND_PROTOCOLS = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v3.channel.k8s.io',
  'v2.channel.k8s.io',
  'channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'base64.channel.k8s.io',
];
const TUNNEL_PROTOCOL = 'SPDY/3.1+portforward.k8s.io';
const FORWARD_PROTOCOLS = [TUNNEL_PROTOCOL, 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];

/** Clients send at most some 32 KB in one message; this leaves room without letting one fill the memory. */
const MAX_MESSAGE = 4 * 1024 * 1024;
const PING_EVERY = 15_000;

const server = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: MAX_MESSAGE,
});
const chosenProtocols = new WeakMap<IncomingMessage, string>();
server.on('headers', (headers, request) => {
  const chosen = chosenProtocols.get(request);
  if (chosen !== undefined) headers.push(`Sec-WebSocket-Protocol: ${chosen}`);
});

/** The first of the client's subprotocols that we speak; '' if it offers none. Throws ApiError 400 if we speak none of them. */
function chooseProtocol(request: IncomingMessage, known: readonly string[]): string {
  const header = request.headers['sec-websocket-protocol'] ?? '';
  const offered = header.split(',').flatMap((protocol) => protocol.trim() || []);
  // Bearer tokens travel here as well: they are neither a protocol nor to be repeated in an error.
  const protocols = offered.filter((protocol) => !protocol.startsWith('base64url.bearer.'));
  const chosen = protocols.find((protocol) => known.includes(protocol));
  if (chosen !== undefined) return chosen;
  if (protocols.length === 0) return '';
  throw badRequest(`none of the requested WebSocket subprotocols is supported; supported are: ${known.join(', ')}`);
}

async function upgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocol: string,
): Promise<WebSocket | undefined> {
  if (protocol !== '') chosenProtocols.set(request, protocol);
  // The tunnel's name has a slash, which is no token (RFC 6455, 4.1): ws would refuse it, and kubectl insists on it.
  delete request.headers['sec-websocket-protocol'];
  return await new Promise((resolve) => {
    // A failed handshake is answered by ws itself and only closes the socket.
    socket.once('close', () => resolve(undefined));
    server.handleUpgrade(request, socket, head, (client) => {
      client.on('error', () => client.terminate());
      const heartbeat = setInterval(() => client.ping(), PING_EVERY);
      client.once('close', () => clearInterval(heartbeat));
      resolve(client);
    });
  });
}

/** exec and attach over a WebSocket. Throws ApiError before the upgrade only. */
export async function serveCommandOverWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  command: RemoteCommand,
  streams: PodStreams,
): Promise<void> {
  const protocol = chooseProtocol(request, COMMAND_PROTOCOLS);
  const client = await upgrade(request, socket, head, protocol);
  if (client === undefined) return;

  const gone = new AbortController();
  const sizes = createTerminalSizes();
  client.once('close', () => {
    gone.abort();
    sizes.end();
  });
  const channels = createChannels(client, dialectOf(protocol));
  channels.listen(CHANNEL.resize, (message) => sizes.report(message.toString('utf8')));
  const io = {
    stdin: command.stdin ? channels.readable(CHANNEL.stdin) : undefined,
    stdout: command.stdout ? channels.writable(CHANNEL.stdout) : undefined,
    stderr: command.stderr ? channels.writable(CHANNEL.stderr) : undefined,
    tty: command.tty,
    resize: command.tty ? sizes : undefined,
    signal: gone.signal,
  };
  // Clients take the first message as the sign that they are connected.
  await channels.send(
    command.stdout ? CHANNEL.stdout : command.stderr ? CHANNEL.stderr : CHANNEL.error,
    Buffer.alloc(0),
  );
  const outcome = await runRemoteCommand(command, streams, io);
  await sendOutcome(channels, protocol, outcome);
  io.stdin?.destroy();
  client.close(1000);
}

function dialectOf(protocol: string): Dialect {
  return { base64: protocol.includes('base64'), closes: protocol === 'v5.channel.k8s.io' };
}

/** From v4 on clients get a Status; before, text, and only for a failure. */
async function sendOutcome(
  channels: Channels,
  protocol: string,
  outcome: Awaited<ReturnType<typeof runRemoteCommand>>,
): Promise<void> {
  if (protocol.startsWith('v5.') || protocol.startsWith('v4.')) {
    await channels.send(CHANNEL.error, Buffer.from(JSON.stringify({ metadata: {}, ...outcome })));
  } else if ('message' in outcome && outcome.message) {
    await channels.send(CHANNEL.error, Buffer.from(outcome.message));
  }
}

/**
 * Port-forward over a WebSocket: SPDY tunnelled in binary messages (kubectl since 1.31), or a pair of channels for each
 * port of the query (client libraries). Throws ApiError before the upgrade only.
 */
export async function servePortForwardOverWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  pod: { namespace: string; pod: string },
  ports: readonly number[],
  streams: PodStreams,
): Promise<void> {
  const protocol = chooseProtocol(request, FORWARD_PROTOCOLS);
  if (protocol !== TUNNEL_PROTOCOL && ports.length === 0) {
    throw badRequest('you must specify at least one port in the query to forward over WebSocket channels');
  }
  const client = await upgrade(request, socket, head, protocol);
  if (client === undefined) return;
  if (protocol === TUNNEL_PROTOCOL) {
    await forwardSpdy(createWebSocketStream(client), pod, streams);
  } else {
    await forwardChannels(client, createChannels(client, dialectOf(protocol)), pod, ports, streams);
  }
}
