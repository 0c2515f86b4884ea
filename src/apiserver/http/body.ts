import type { IncomingMessage } from 'node:http';
import { ApiError } from '../../machinery/index.ts';

/** The largest request body, in bytes (upstream's MaxRequestBodyBytes). */
const MAX_BODY = 3 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);

function tooLarge(): ApiError {
  const message = `Request entity too large: limit is ${MAX_BODY}`;
  return new ApiError(413, 'RequestEntityTooLarge', message, {});
}

/** Reads a body whole. Throws ApiError 413 for one over the limit, without reading on. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const { method } = request;
  if (method === 'GET' || method === 'HEAD') return NOTHING;
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  // The connection stays, so that the client can be told what is wrong with the rest.
  const parts: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
  for await (const chunk of parts) {
    size += chunk.length;
    if (size > MAX_BODY) throw tooLarge();
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
}

/** A media type without its parameters, lower case. */
export function mediaType(header: string | undefined): string {
  const type = (header ?? '').split(';', 1)[0] ?? '';
  return type.trim().toLowerCase();
}
