/** A server for tests that look at what goes over the wire: codes, heads and bodies, as somebody with a token. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fields } from '../machinery/index.ts';
import { type ApiServer, type ApiServerOptions, startApiServer } from './index.ts';

export interface Answer {
  code: number;
  headers: Record<string, string | string[] | undefined>;
  /** Parsed where it is JSON. */
  body: Fields & { message?: string };
  text: string;
  bytes: Buffer;
  /** The texts of the Warning headers. */
  warnings: string[];
}

export interface Sent {
  /** A bearer token; 'admin-token' unless given, none for ''. */
  token?: string;
  body?: unknown;
  headers?: Record<string, string | string[]>;
}

export interface TestServer {
  api: ApiServer;
  /** A folder for files of the test, removed by stop. */
  folder: string;
  send(method: string, path: string, sent?: Sent): Promise<Answer>;
  stop(): Promise<void>;
}

/** 'admin-token' is system:masters, 'jane-token' is jane in devs. */
const TOKENS = 'admin-token,admin,admin-uid,"system:masters"\njane-token,jane,jane-uid,"devs"\n';

/** Starts a server; `options` may write files into the folder that they name. */
export async function startTestServer(
  options: ApiServerOptions | ((folder: string) => ApiServerOptions) = {},
): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'homeport-api-'));
  const tokenAuthFile = join(folder, 'tokens.csv');
  writeFileSync(tokenAuthFile, TOKENS);
  const given = typeof options === 'function' ? options(folder) : options;
  const api = await startApiServer({ tokenAuthFile, ...given });
  const agent = new Agent({ keepAlive: true, ca: api.caPem });
  return {
    api,
    folder,
    send: (method, path, sent = {}) => send(`${api.url}${path}`, method, agent, sent),
    async stop() {
      agent.destroy();
      await api.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function send(
  url: string,
  method: string,
  agent: Agent,
  { token = 'admin-token', body, headers }: Sent,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const bytes = body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body) ?? '');
  const payload = body === undefined ? undefined : Buffer.from(bytes);
  const request = httpsRequest(
    url,
    {
      method,
      agent,
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        // Node does not say by itself that a DELETE has a body.
        ...(payload ? { 'content-type': 'application/json', 'content-length': String(payload.length) } : {}),
        ...headers,
      },
    },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const text = bytes.toString('utf8');
        const isJson = response.headers['content-type']?.includes('json') && !response.headers['content-encoding'];
        const warnings = [...(response.headers['warning'] ?? '').matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map((match) =>
          (match[1] ?? '').replace(/\\(.)/g, '$1'),
        );
        resolve({
          code: response.statusCode ?? 0,
          headers: response.headers,
          body: isJson ? JSON.parse(text) : {},
          text,
          bytes,
          warnings,
        });
      });
    },
  );
  request.on('error', reject);
  request.end(payload);
  return promise;
}
