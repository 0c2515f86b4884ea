import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { PodStreams } from '../../client/index.ts';
import { ApiError } from '../../machinery/index.ts';
import { forwardSpdy } from './port-forward.ts';
import { drained, type Outcome, type RemoteCommand, runRemoteCommand } from './remote-command.ts';
import { type SpdyStream, serveSpdy } from './spdy-connection.ts';
import { createTerminalSizes, type TerminalSizes } from './terminal-sizes.ts';

const PROTOCOL_HEADER = 'x-stream-protocol-version';
const COMMAND_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io'];
const FORWARD_PROTOCOLS = ['portforward.k8s.io'];

/** How long a client may take to open all the streams of a command, in milliseconds. */
const STREAMS_WITHIN = 30_000;
/** Longer than any size report; what comes without a line break is not one. */
const MAX_SIZE_REPORT = 1024;

/** Answers the upgrade with the first of the client's protocols that we speak. Throws ApiError 403 if there is none. */
function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, known: readonly string[]): string {
  const offered = (request.headersDistinct[PROTOCOL_HEADER] ?? []).flatMap((value) => value.split(','));
  const protocol = offered.map((name) => name.trim()).find((name) => known.includes(name));
  if (protocol === undefined) {
    throw new ApiError(
      403,
      'Forbidden',
      `unable to negotiate the protocol: the client supports [${offered.join(', ')}], the server accepts [${known.join(', ')}]`,
    );
  }
  if (head.length > 0) socket.unshift(head);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  return protocol;
}

/** port-forward over SPDY. Throws ApiError before the upgrade only. */
export async function servePortForwardOverSpdy(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  pod: { namespace: string; pod: string },
  streams: PodStreams,
): Promise<void> {
  upgrade(request, socket, head, FORWARD_PROTOCOLS);
  await forwardSpdy(socket, pod, streams);
}

/** exec and attach over SPDY. Throws ApiError before the upgrade only. */
export async function serveCommandOverSpdy(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  command: RemoteCommand,
  streams: PodStreams,
): Promise<void> {
  const protocol = upgrade(request, socket, head, COMMAND_PROTOCOLS);
  const opened = collectStreams(expectedStreams(command, protocol));
  const connection = serveSpdy(socket, opened.add);
  connection.signal.addEventListener('abort', opened.giveUp, { once: true });
  const timer = setTimeout(opened.giveUp, STREAMS_WITHIN);
  const all = await opened.all;
  clearTimeout(timer);
  if (all === undefined) {
    connection.close();
    return;
  }

  const sizes = createTerminalSizes();
  connection.signal.addEventListener('abort', () => sizes.end(), { once: true });
  const resize = all.get('resize');
  if (resize) readSizes(resize.io, sizes);
  // The client closes its end of what it only reads.
  for (const type of ['stdout', 'stderr', 'error']) all.get(type)?.io.resume();

  const outcome = await runRemoteCommand(command, streams, {
    stdin: all.get('stdin')?.io,
    stdout: all.get('stdout')?.io,
    stderr: all.get('stderr')?.io,
    tty: command.tty,
    resize: command.tty ? sizes : undefined,
    signal: connection.signal,
  });
  all.get('error')?.io.write(describe(outcome, protocol));
  await Promise.all([...all.values()].map(({ io }) => drained(io, connection.signal)));
  connection.close();
}

function expectedStreams(command: RemoteCommand, protocol: string): Set<string> {
  const types = new Set(['error']);
  if (command.stdin) types.add('stdin');
  if (command.stdout) types.add('stdout');
  if (command.stderr) types.add('stderr');
  if (command.tty && protocol !== 'v2.channel.k8s.io') types.add('resize');
  return types;
}

/** From v4 on clients get a Status; before, text, and only for a failure. */
function describe(outcome: Outcome, protocol: string): string {
  if (protocol.startsWith('v5.') || protocol.startsWith('v4.')) return JSON.stringify({ metadata: {}, ...outcome });
  return 'message' in outcome ? (outcome.message ?? '') : '';
}

/** Waits for one stream of each type; any other is refused. */
function collectStreams(expected: Set<string>) {
  const streams = new Map<string, SpdyStream>();
  const { promise, resolve } = Promise.withResolvers<ReadonlyMap<string, SpdyStream> | undefined>();
  return {
    all: promise,
    giveUp: () => resolve(undefined),
    add(stream: SpdyStream): void {
      const type = stream.headers.get('streamtype') ?? '';
      if (!expected.has(type) || streams.has(type)) {
        stream.io.destroy();
        return;
      }
      streams.set(type, stream);
      if (streams.size === expected.size) resolve(streams);
    },
  };
}

/** One JSON object a line. */
function readSizes(stream: Duplex, sizes: TerminalSizes): void {
  let line = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (line + chunk.toString('utf8')).split('\n');
    line = (lines.pop() ?? '').slice(-MAX_SIZE_REPORT);
    for (const complete of lines) sizes.report(complete);
  });
}
