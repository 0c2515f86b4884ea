import type { IncomingMessage } from 'node:http';
import { ApiError } from '../../machinery/index.ts';

/** The largest request body, in bytes (upstream's MaxRequestBodyBytes). */
const MAX_BODY = 3 * 1024 * 1024;
const EMPTY = Promise.resolve(Buffer.alloc(0));

function tooLarge(): ApiError {
  const message = `Request entity too large: limit is ${MAX_BODY}`;
  return new ApiError(413, 'RequestEntityTooLarge', message);
}

/** Reads a body whole. Throws ApiError 413 for one over the limit, without reading on, and an Error for one that ends too early. */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  const { method } = request;
  if (method === 'GET' || method === 'HEAD') return EMPTY;
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= MAX_BODY) return;
      // The connection stays, so that the client can be told what is wrong with the rest.
      request.pause();
      reject(tooLarge());
    });
    request.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)));
    request.on('error', reject);
    // Every request closes: only for one that ends too early is there an error to make.
    request.on('close', () => {
      if (!request.complete) reject(new Error('the client hung up in the middle of its request'));
    });
  });
}

/** A media type without its parameters, lower case. */
export function mediaType(header: string | undefined): string {
  const type = (header ?? '').split(';', 1)[0] ?? '';
  return type.trim().toLowerCase();
}
