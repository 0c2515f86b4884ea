import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import type { Duplex, Readable } from 'node:stream';

/** The oldest version of the Docker Engine API that has all that is used here: Docker 20.10, Podman 4. */
const version = 'v1.41';

/** An answer of the engine that is an error. */
export class EngineError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'EngineError';
    this.status = status;
  }
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface CallOptions {
  query?: Query;
  /** Sent as JSON, or as it is when it is a Buffer (a tar archive). */
  body?: object | Buffer;
  headers?: Readonly<Record<string, string>>;
}

/** A container engine that speaks the Docker Engine API. */
export interface Engine {
  /** Where it is: 'unix:///var/run/docker.sock'. */
  readonly address: string;
  /** Sends a request and gives the JSON that comes back; undefined for an empty answer. @throws EngineError */
  call<T>(method: string, path: string, options?: CallOptions): Promise<T>;
  /** The body of the answer as it comes. @throws EngineError */
  stream(method: string, path: string, options?: CallOptions): Promise<Readable>;
  /** Turns the connection into a stream both ways. @throws EngineError */
  hijack(path: string, options?: CallOptions): Promise<Duplex>;
}

/**
 * Finds the engine: DOCKER_HOST, or the usual socket.
 * @throws Error for a DOCKER_HOST that is neither a Unix socket nor plain TCP.
 */
export function openEngine(host = process.env['DOCKER_HOST'] || 'unix:///var/run/docker.sock'): Engine {
  const place = placeOf(host);
  const send = (method: string, path: string, options: CallOptions, upgrade: boolean) => {
    const { query = {}, body, headers = {} } = options;
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
    const bytes = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    const outgoing = request({
      ...place,
      method,
      path: `/${version}${path}${search.size > 0 ? `?${search}` : ''}`,
      agent: false,
      headers: {
        host: 'docker',
        ...(bytes === undefined
          ? { 'content-length': 0 }
          : {
              'content-length': bytes.length,
              'content-type': Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json',
            }),
        ...(upgrade ? { connection: 'Upgrade', upgrade: 'tcp' } : {}),
        ...headers,
      },
    });
    outgoing.end(bytes);
    return outgoing;
  };
  const answerTo = (method: string, path: string, options: CallOptions) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = send(method, path, options, false);
      outgoing.on('response', (answer) => {
        if ((answer.statusCode ?? 500) < 400) return resolve(answer);
        errorOf(answer).then(reject, reject);
      });
      outgoing.on('error', (error) => reject(new Error(`asking the engine at ${host}: ${error.message}`)));
    });
  return {
    address: host,
    async call<T>(method: string, path: string, options: CallOptions = {}) {
      const text = await textOf(await answerTo(method, path, options));
      return (text === '' ? undefined : JSON.parse(text)) as T;
    },
    stream: (method, path, options = {}) => answerTo(method, path, options),
    hijack: (path, options = {}) =>
      new Promise((resolve, reject) => {
        const outgoing = send('POST', path, options, true);
        outgoing.on('upgrade', (_answer, socket, head) => {
          if (head.length > 0) socket.unshift(head);
          resolve(socket);
        });
        outgoing.on('response', (answer) => {
          if ((answer.statusCode ?? 500) >= 400) return void errorOf(answer).then(reject, reject);
          // Older engines answer 200 and go on all the same.
          reject(new Error(`the engine at ${host} does not hand over its connection`));
        });
        outgoing.on('error', (error) => reject(new Error(`asking the engine at ${host}: ${error.message}`)));
      }),
  };
}

function placeOf(host: string): Pick<RequestOptions, 'socketPath' | 'host' | 'port'> {
  if (host.startsWith('unix://')) return { socketPath: host.slice('unix://'.length) };
  const url = URL.canParse(host) ? new URL(host) : undefined;
  if (url?.protocol === 'tcp:' && url.port !== '') return { host: url.hostname, port: url.port };
  throw new Error(`DOCKER_HOST is ${JSON.stringify(host)}: only unix:///PATH and tcp://HOST:PORT can be used`);
}

async function errorOf(answer: IncomingMessage): Promise<EngineError> {
  const text = await textOf(answer);
  let message = text;
  try {
    message = (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    // Not every error is JSON: then its text says it.
  }
  return new EngineError(answer.statusCode ?? 500, message.trim());
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
