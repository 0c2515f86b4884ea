import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { ContainerRef, LogOptions, PodStreams } from '../../client/index.ts';
import { badRequest, forbiddenValue, invalid, invalidValue, type StatusCause } from '../../machinery/index.ts';
import { flag } from '../flag.ts';

/** With `follow`, a client hears within this many milliseconds that its request was accepted, whether there is output or not. */
const ANSWER_WITHIN = 100;

/**
 * Answers GET pods/NAME/log: the container's output as text, for as long as it lasts with `follow`. Writes no faster than the
 * client reads. Throws ApiError before the first byte is sent; afterwards a failure ends the connection.
 */
export async function serveLog(
  query: URLSearchParams,
  response: ServerResponse,
  container: ContainerRef,
  streams: PodStreams,
): Promise<void> {
  const options = parseLogOptions(query, Date.now());
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const chunks = streams.logs(container, options, gone.signal)[Symbol.asyncIterator]();
  // Until the first chunk (or the lack of one) shows that there is a log, an error can still be answered properly.
  const first = chunks.next();
  const early = await Promise.race([first, options.follow ? after(ANSWER_WITHIN) : first]);
  response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-cache, private' });
  if (early === undefined) response.flushHeaders();
  try {
    await send(first, chunks, response, options.limitBytes ?? Number.POSITIVE_INFINITY, gone.signal);
    response.end();
  } catch {
    // The status line is sent: cutting the connection is the only way left to tell that something is missing.
    response.destroy();
  } finally {
    await chunks.return?.();
  }
}

function after(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), milliseconds);
  });
}

async function send(
  first: Promise<IteratorResult<Uint8Array>>,
  chunks: AsyncIterator<Uint8Array>,
  response: ServerResponse,
  limit: number,
  signal: AbortSignal,
): Promise<void> {
  let left = limit;
  for (let next = await first; !next.done; next = await chunks.next()) {
    if (signal.aborted) return;
    const part = next.value.length > left ? next.value.subarray(0, left) : next.value;
    left -= part.length;
    if (!response.write(part) && left > 0) await once(response, 'drain', { signal });
    if (left === 0) return;
  }
}

/** Reads core/v1 PodLogOptions from a query. Throws ApiError 400 for what cannot be read and 422 for what may not be. */
export function parseLogOptions(query: URLSearchParams, now: number): LogOptions {
  const tailLines = integer(query, 'tailLines');
  const limitBytes = integer(query, 'limitBytes');
  const sinceSeconds = integer(query, 'sinceSeconds');
  const sinceTime = query.get('sinceTime') ?? '';

  const causes: StatusCause[] = [];
  if (tailLines !== undefined && tailLines < 0) {
    causes.push(invalidValue('tailLines', tailLines, 'must be greater than or equal to 0'));
  }
  if (limitBytes !== undefined && limitBytes < 1) {
    causes.push(invalidValue('limitBytes', limitBytes, 'must be greater than 0'));
  }
  if (sinceSeconds !== undefined && sinceTime !== '') {
    causes.push(forbiddenValue('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  } else if (sinceSeconds !== undefined && sinceSeconds < 1) {
    causes.push(invalidValue('sinceSeconds', sinceSeconds, 'must be greater than 0'));
  }
  if (causes.length > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, '', causes);

  const since = sinceSeconds === undefined ? instant(sinceTime) : new Date(now - sinceSeconds * 1000);
  return {
    follow: flag(query, 'follow') ?? false,
    previous: flag(query, 'previous') ?? false,
    timestamps: flag(query, 'timestamps') ?? false,
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(since === undefined ? {} : { since }),
  };
}

function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw badRequest(`the query parameter ${name} must be a whole number, not ${JSON.stringify(text.slice(0, 40))}`);
  }
  return value;
}

function instant(text: string): Date | undefined {
  if (text === '') return undefined;
  const date = new Date(text);
  if (!/^\d{4}-\d\d-\d\dT/.test(text) || Number.isNaN(date.getTime())) {
    throw badRequest(
      `the query parameter sinceTime must be a time as in RFC 3339, not ${JSON.stringify(text.slice(0, 40))}`,
    );
  }
  return date;
}
