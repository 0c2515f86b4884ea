import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { parse } from 'yaml';
import type { TestHomeport } from '../../test/support/homeport.ts';

/** One HTTP request of a load. */
export interface Call {
  method: string;
  path: string;
  body?: string;
  contentType?: string;
}

/** What a load did: how many calls a second, and how long one took at the median and at the 99th percentile, in ms. */
export interface Load {
  rate: number;
  p50: number;
  p99: number;
}

/** Plain HTTPS with the kubeconfig's client certificate and kept connections: the least that a client must do. */
export interface LoadClient {
  /** Sends one call and resolves to the answer's size in bytes. Rejects on any status of 400 or more. */
  send(call: Call): Promise<number>;
  /** Sends `count` calls from `clients` at a time. */
  load(clients: number, count: number, call: (index: number) => Call): Promise<Load>;
  /** Opens a watch and calls back with the number of events in each piece that arrives. Resolves once it is open. */
  watch(path: string, onEvents: (count: number) => void): Promise<() => void>;
  close(): void;
}

interface KubeconfigFile {
  clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
  users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }];
}

export function createLoadClient(homeport: TestHomeport): LoadClient {
  const config = parse(readFileSync(homeport.status.kubeconfig, 'utf8')) as KubeconfigFile;
  const [{ cluster }] = config.clusters;
  const [{ user }] = config.users;
  const decode = (text: string): Buffer => Buffer.from(text, 'base64');
  const agent = new Agent({
    keepAlive: true,
    maxSockets: Number.POSITIVE_INFINITY,
    ca: decode(cluster['certificate-authority-data']),
    cert: decode(user['client-certificate-data']),
    key: decode(user['client-key-data']),
  });
  const { hostname, port } = new URL(cluster.server);

  function open({ method, path, body, contentType = 'application/json' }: Call) {
    const headers =
      body === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(body) };
    const outgoing = request({ agent, hostname, port, method, path, headers });
    outgoing.end(body);
    return outgoing;
  }

  function send(call: Call): Promise<number> {
    return new Promise((resolve, reject) => {
      const outgoing = open(call);
      outgoing.on('error', reject);
      outgoing.on('response', (response) => {
        let size = 0;
        const failed = (response.statusCode ?? 500) >= 400;
        let text = '';
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (failed) text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => (failed ? reject(new Error(`${call.method} ${call.path}: ${text}`)) : resolve(size)));
      });
    });
  }

  async function load(clients: number, count: number, call: (index: number) => Call): Promise<Load> {
    const times: number[] = [];
    let next = 0;
    async function one(): Promise<void> {
      while (next < count) {
        const index = next++;
        const start = performance.now();
        await send(call(index));
        times.push(performance.now() - start);
      }
    }
    const start = performance.now();
    await Promise.all(Array.from({ length: clients }, one));
    const seconds = (performance.now() - start) / 1000;
    times.sort((a, b) => a - b);
    const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
    return { rate: count / seconds, p50: at(0.5), p99: at(0.99) };
  }

  function watch(path: string, onEvents: (count: number) => void): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const outgoing = open({ method: 'GET', path });
      outgoing.on('error', (error) => {
        if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') reject(error);
      });
      outgoing.on('response', (response) => {
        response.on('data', (chunk: Buffer) => onEvents(countLines(chunk)));
        response.on('error', (error) => {
          if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') reject(error);
        });
        resolve(() => outgoing.destroy());
      });
    });
  }

  return { send, load, watch, close: () => agent.destroy() };
}

const newline = 10;

function countLines(chunk: Buffer): number {
  let count = 0;
  for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) count++;
  return count;
}
