import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import type { HandlerResult } from './handler-result.ts';
import { addressOf } from './handler-tcp.ts';

interface GrpcTarget {
  host: string;
  port: number;
  /** The service whose health is asked for; '' for the server as a whole. */
  service: string;
}

/** grpc.health.v1.HealthCheckResponse.ServingStatus. */
const statuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
/** Codes of gRPC that have words of their own. */
const unimplemented = 12;
const codeNames: Partial<Record<number, string>> = {
  1: 'Canceled',
  2: 'Unknown',
  3: 'InvalidArgument',
  5: 'NotFound',
  7: 'PermissionDenied',
  8: 'ResourceExhausted',
  9: 'FailedPrecondition',
  13: 'Internal',
  14: 'Unavailable',
  16: 'Unauthenticated',
};
const mostAnswer = 4096;

/**
 * Asks a server for its health by gRPC's protocol for it (grpc.health.v1.Health/Check), over HTTP/2 without TLS.
 * @param timeout in milliseconds
 */
export async function askGrpcHealth(target: GrpcTarget, userAgent: string, timeout: number): Promise<HandlerResult> {
  const { connect } = await import('node:http2');
  const fail = (output: string): HandlerResult => ({ outcome: 'failure', output });
  const address = addressOf(target.host, target.port);
  const seconds = `${timeout / 1000}s`;
  const signal = AbortSignal.timeout(timeout);
  // As the reference's client, it dials until the time is up: a server that is only starting gets its chance.
  const session = await dial(() => connect(`http://${address}`), signal);
  if (!session)
    return fail(`timeout: failed to connect service "${address}" within ${seconds}: context deadline exceeded`);
  try {
    const answer = await call(session, address, target.service, userAgent, signal);
    if (answer.code === unimplemented)
      return fail(
        `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${answer.message}`,
      );
    if (answer.code !== 0) {
      const name = codeNames[answer.code] ?? `Code(${answer.code})`;
      return fail(`error: health rpc probe failed: rpc error: code = ${name} desc = ${answer.message}`);
    }
    const status = statuses[answer.status] ?? String(answer.status);
    if (status !== 'SERVING') return fail(`service unhealthy (responded with "${status}")`);
    return { outcome: 'success', output: 'service healthy' };
  } catch (error) {
    if (signal.aborted) return fail(`timeout: health rpc did not complete within ${seconds}`);
    const why = error instanceof Error ? error.message : String(error);
    return fail(`error: health rpc probe failed: rpc error: code = Unavailable desc = ${why}`);
  } finally {
    session.destroy();
  }
}

async function dial(connect: () => ClientHttp2Session, signal: AbortSignal): Promise<ClientHttp2Session | undefined> {
  for (;;) {
    const session = connect();
    const connected = await new Promise<boolean>((resolve) => {
      // The server's settings show that it speaks HTTP/2: an open port alone does not.
      session.once('remoteSettings', () => resolve(true));
      session.once('error', () => resolve(false));
      session.once('close', () => resolve(false));
      signal.addEventListener('abort', () => resolve(false), { once: true });
    });
    session.on('error', () => undefined); // Once there is a call, its stream says the same.
    if (connected) return session;
    session.destroy();
    if (signal.aborted) return undefined;
    await new Promise((resolve) => setTimeout(resolve, redial));
    if (signal.aborted) return undefined;
  }
}

const redial = 100;

interface Answer {
  code: number;
  message: string;
  status: number;
}

function call(
  session: ClientHttp2Session,
  authority: string,
  service: string,
  userAgent: string,
  signal: AbortSignal,
): Promise<Answer> {
  const stream = session.request(
    {
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      ':authority': authority,
      'content-type': 'application/grpc',
      'user-agent': userAgent,
      te: 'trailers',
    },
    { signal },
  );
  return new Promise((resolve, reject) => {
    let heads: IncomingHttpHeaders = {};
    let body = Buffer.alloc(0);
    // A call that fails at once has its status in the first headers, another in the trailers.
    const see = (headers: IncomingHttpHeaders) => {
      heads = { ...heads, ...headers };
    };
    stream.on('response', see);
    stream.on('trailers', see);
    stream.on('data', (chunk: Buffer) => {
      if (body.length < mostAnswer) body = Buffer.concat([body, chunk]);
    });
    stream.on('error', reject);
    stream.on('close', () => {
      const status = heads['grpc-status'];
      if (status === undefined) return reject(new Error(`unexpected HTTP status code ${heads[':status'] ?? 'none'}`));
      const message = decodeURIComponent(String(heads['grpc-message'] ?? ''));
      resolve({ code: Number(status), message, status: servingStatus(body) });
    });
    stream.end(request(service));
  });
}

/** A HealthCheckRequest { string service = 1 } in gRPC's framing: not compressed, length, message. */
function request(service: string): Buffer {
  const name = Buffer.from(service, 'utf8');
  const message = name.length === 0 ? name : Buffer.concat([Buffer.of(0x0a), varint(name.length), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function varint(value: number): Buffer {
  return value < 0x80 ? Buffer.of(value) : Buffer.concat([Buffer.of((value & 0x7f) | 0x80), varint(value >>> 7)]);
}

/** The ServingStatus (field 1) of a HealthCheckResponse in gRPC's framing; 0 when it is left out. */
function servingStatus(body: Buffer): number {
  return body[5] === 0x08 ? (body[6] ?? 0) : 0;
}
