import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { checkLiteral, resolver } from './endpoint.ts';

export interface Outgoing {
  method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  url: URL;
  headers: Readonly<Record<string, string>>;
  /** Whether the address may lead to this machine. */
  mayBeLocal: boolean;
  body?: Buffer | Readable;
}

/** How long a registry may say nothing, in milliseconds: longer while it takes in what it was sent. */
const patienceFor = (method: Outgoing['method']) => (method === 'GET' || method === 'HEAD' ? 30_000 : 300_000);

/** Sends one request, without following anything. The answer's body must be read or destroyed. */
export async function send({ method, url, headers, mayBeLocal, body }: Outgoing): Promise<IncomingMessage> {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error(`${url.protocol} is not spoken here`);
  checkLiteral(url.hostname, mayBeLocal);
  const start = url.protocol === 'https:' ? requestTls : requestPlain;
  const outgoing = start(url, {
    method,
    headers: { 'user-agent': 'homeport', ...headers },
    lookup: resolver(mayBeLocal),
  });
  const patience = patienceFor(method);
  outgoing.setTimeout(patience, () =>
    outgoing.destroy(new Error(`${url.host} has said nothing for ${patience / 1000} s (i/o timeout)`)),
  );
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve);
    outgoing.on('error', reject);
  });
  if (body === undefined || Buffer.isBuffer(body)) outgoing.end(body);
  // A server may answer before it has read everything; then the answer tells more than the broken pipe.
  else pipeline(body, outgoing).catch((error: Error) => outgoing.destroy(error));
  return answered;
}

/** Reads a body of at most `most` bytes. @throws Error for a longer one. */
export async function readBody(response: IncomingMessage, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > most) throw new Error(`the answer is longer than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
