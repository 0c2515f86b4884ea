import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { ApiError } from '../machinery/index.ts';
import { sleep } from './backoff.ts';
import { parseJsonLines } from './json-lines.ts';
import type { RawWatchEvent, Transport, TransportRequest } from './transport.ts';

/** Where an API server is and how to prove who is asking. PEM texts, not paths. */
export interface HttpTransportConfig {
  /** 'https://HOST:PORT', perhaps with a path under which the API lies. */
  server: string;
  caPem?: string;
  certPem?: string;
  keyPem?: string;
  token?: string;
  /** A file with a token that is renewed from outside; read again once a minute. */
  tokenFile?: string;
  /** The name to expect in the server's certificate, if not the host's. */
  serverName?: string;
  /** Trusts any certificate. Only for kubeconfigs that say insecure-skip-tls-verify. */
  insecure?: boolean;
  /** Milliseconds without a byte after which a request (not a watch) is given up. Default 60,000. */
  timeout?: number;
}

export interface HttpTransport extends Transport {
  /** Closes idle connections and those of running watches. */
  close(): void;
}

/** An answer that is larger than this many bytes is refused. */
const largestBody = 512 * 1024 * 1024;
/** The same for text (a log, say), of which a client asks for less than this. */
const largestText = 8 * 1024 * 1024 + 1024;
/** How often a request that the server turns away as too busy is sent again, and the longest wait in milliseconds. */
const busyRetries = 10;
const longestBusyWait = 30_000;
/** A watch lasts this many seconds at least, and up to as long again, so that reconnects spread out (client-go). */
const watchSeconds = 300;
const tokenLifetime = 60_000;

/** What lists and watches of metadata accept. Servers that know nothing of it send whole objects. */
const metadataTypes = ['PartialObjectMetadataList', 'PartialObjectMetadata']
  .map((kind) => `application/json;as=${kind};g=meta.k8s.io;v=v1`)
  .concat('application/json')
  .join(',');

/** A Transport over HTTPS with kept-alive connections. Watches have connections of their own, so that they never block requests. */
export function createHttpTransport(config: HttpTransportConfig): HttpTransport {
  const base = new URL(config.server);
  if (base.protocol !== 'https:') {
    throw new Error(`server ${config.server}: only https is supported; correct "server" in the kubeconfig`);
  }
  const tls = {
    ca: config.caPem,
    cert: config.certPem,
    key: config.keyPem,
    servername: config.serverName,
    rejectUnauthorized: !config.insecure,
  };
  const agent = new Agent({ ...tls, keepAlive: true, maxSockets: 64 });
  const watchAgent = new Agent({ ...tls, keepAlive: false });
  const bearer = createTokenSource(config);
  const prefix = base.pathname.replace(/\/$/, '');

  async function send(request: TransportRequest, via: Agent, timeout: number): Promise<IncomingMessage> {
    const token = await bearer();
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const accept = request.metadataOnly ? metadataTypes : 'application/json';
    const headers: Record<string, string | number> = { accept, 'user-agent': 'homeport' };
    if (token) headers['authorization'] = `Bearer ${token}`;
    if (body) {
      headers['content-type'] = request.contentType ?? 'application/json';
      headers['content-length'] = body.length;
    }
    return new Promise((resolve, reject) => {
      const { hostname, port } = base;
      const host = hostname.replace(/^\[|\]$/g, '');
      const path = prefix + request.path + queryString(request.query);
      const { method, signal } = request;
      const outgoing = httpsRequest({ host, port: port || 443, path, method, headers, agent: via, signal }, resolve);
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        reject(outgoing.reusedSocket && error.code === 'ECONNRESET' ? new StaleConnection(error) : error);
      });
      if (timeout > 0) {
        outgoing.setTimeout(timeout, () => {
          const what = `${method} ${request.path}`;
          outgoing.destroy(new ApiError(504, 'Timeout', `${what}: no answer from ${base.host} in ${timeout} ms`));
        });
      }
      outgoing.end(body);
    });
  }

  /** Sends a request that changes nothing when repeated once more if its kept-alive connection had just been closed. */
  async function sendFresh(request: TransportRequest): Promise<IncomingMessage> {
    const timeout = config.timeout ?? 60_000;
    try {
      return await send(request, agent, timeout);
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error;
      if (!isIdempotent(request)) throw error.cause;
      return await send(request, agent, timeout);
    }
  }

  async function request(wanted: TransportRequest): Promise<unknown> {
    for (let attempt = 0; ; attempt += 1) {
      const response = await sendFresh(wanted);
      const isText = /^text\/plain\b/i.test(response.headers['content-type'] ?? '');
      const text = await readAll(response, isText ? largestText : largestBody);
      const status = response.statusCode ?? 500;
      if (status < 400) return isText ? text : parseAnswer(text, wanted);
      const wait = Math.min(Number(response.headers['retry-after'] ?? Number.NaN) * 1000, longestBusyWait);
      const again = status === 429 && wait >= 0 && attempt < busyRetries && isIdempotent(wanted);
      if (!again || wanted.signal?.aborted) throw errorFrom(text, status);
      await sleep(wait, wanted.signal ?? new AbortController().signal);
    }
  }

  async function* watch(wanted: TransportRequest): AsyncGenerator<RawWatchEvent> {
    const seconds = Number(wanted.query?.['timeoutSeconds'] ?? Math.round(watchSeconds * (1 + Math.random())));
    // The server ends the watch by then; if it does not, the connection is dead.
    const deadline = AbortSignal.timeout((seconds + 30) * 1000);
    const signal = wanted.signal ? AbortSignal.any([wanted.signal, deadline]) : deadline;
    const query = { ...wanted.query, timeoutSeconds: String(seconds) };
    try {
      const response = await send({ ...wanted, query, signal }, watchAgent, 0);
      const status = response.statusCode ?? 500;
      if (status >= 400) throw errorFrom(await readAll(response, largestText), status);
      for await (const event of parseJsonLines(response)) yield event as RawWatchEvent;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  return {
    request,
    watch,
    close() {
      agent.destroy();
      watchAgent.destroy();
    },
  };
}

/** The server closed a kept-alive connection while a request was being sent on it. */
class StaleConnection extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
    this.name = 'StaleConnection';
  }
}

/** Whether sending the request twice does the same as once. */
function isIdempotent({ method }: TransportRequest): boolean {
  return method === 'GET' || method === 'PUT' || method === 'DELETE';
}

function queryString(query: TransportRequest['query']): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) parameters.set(name, value);
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

async function readAll(response: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) throw new ApiError(500, 'InternalError', 'reading an answer: it is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseAnswer(text: string, { method, path }: TransportRequest): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(500, 'InternalError', `${method} ${path}: the answer is not JSON: ${text.slice(0, 200)}`);
  }
}

function errorFrom(text: string, status: number): ApiError {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null) return ApiError.fromStatus(body, status);
  } catch {
    // Not an API server's answer (a proxy's page, say): its text is the message.
  }
  return new ApiError(status, 'Unknown', text.trim().slice(0, 1000) || `the server answered ${status}`);
}

function createTokenSource({ token, tokenFile }: HttpTransportConfig): () => Promise<string | undefined> {
  if (!tokenFile) return () => Promise.resolve(token);
  let cached = '';
  let readAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (performance.now() - readAt > tokenLifetime) {
      cached = (await readFile(tokenFile, 'utf8')).trim();
      readAt = performance.now();
    }
    return cached;
  };
}
