import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import type { Fields } from '../../machinery/index.ts';
import { VolumeError } from '../driver.ts';
import type { Call } from './calls.ts';
import { decodeMessage, encodeMessage } from './message.ts';

/** Milliseconds for a call; the sidecars' default is less, but copies of big volumes take their time. */
const deadline = 120_000;
/** A message from a driver may be this big: gRPC's default. */
const largest = 4 * 1024 * 1024;

/** A gRPC connection to a socket, made when it is first needed and again when it was lost. */
export interface Connection {
  /** @throws VolumeError with the code that the other side gave, 'Unavailable' when nobody answers. */
  call(call: Call, request?: Fields): Promise<Fields>;
  close(): void;
}

export function openConnection(socket: string): Connection {
  let session: ClientHttp2Session | undefined;

  function connected(): ClientHttp2Session {
    if (session && !session.closed && !session.destroyed) return session;
    const made = connectHttp2('http://localhost', { createConnection: () => connect(socket) });
    // Each call hears of it by itself.
    made.on('error', () => undefined);
    // It must not keep this process from ending.
    made.unref();
    session = made;
    return made;
  }

  return {
    async call({ path, request, response }, fields = {}) {
      const bytes = await exchange(connected(), path, encodeMessage(request, fields));
      try {
        return decodeMessage(response, bytes);
      } catch (error) {
        throw new VolumeError('Internal', `${path} answered what is no message`, { cause: error });
      }
    },
    close: () => session?.destroy(),
  };
}

/** One unary call: a length-prefixed message each way, the outcome in the trailers. */
function exchange(session: ClientHttp2Session, path: string, message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': `${deadline}m`,
    });
    const fail = (code: string, text: string, cause?: unknown) => {
      stream.close(constants.NGHTTP2_CANCEL);
      reject(new VolumeError(code, text, { cause }));
    };
    const chunks: Buffer[] = [];
    let length = 0;
    let outcome: { code: number; text: string } | undefined;
    const note = (headers: Record<string, unknown>) => {
      if (headers['grpc-status'] === undefined) return;
      outcome = { code: Number(headers['grpc-status']), text: decodeText(String(headers['grpc-message'] ?? '')) };
    };
    stream.setTimeout(deadline, () => fail('DeadlineExceeded', `${path} has not answered in ${deadline / 1000} s`));
    stream.on('error', (error) => fail('Unavailable', `${path}: ${error.message}`, error));
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > largest) fail('ResourceExhausted', `${path} answered more than ${largest} bytes`);
    });
    stream.on('close', () => {
      if (!outcome) return fail('Unavailable', `${path}: the connection was lost`);
      if (outcome.code !== 0) return fail(codes[outcome.code] ?? 'Unknown', outcome.text);
      const body = Buffer.concat(chunks);
      if (body.length < 5 || body[0] !== 0 || body.readUInt32BE(1) !== body.length - 5)
        return fail('Internal', `${path} answered with a message that is cut short`);
      resolve(body.subarray(5));
    });
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([prefix, message]));
  });
}

/** grpc-message is percent-encoded; what is not is taken as it is. */
function decodeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const codes = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
] as const;
