import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { pino } from 'pino';
import { parse } from 'yaml';
import { startControlPlane } from '../../src/envtest/index.ts';
import { resourceOf } from '../../src/machinery/index.ts';
import { createRandom } from './random.ts';
import { type FuzzRequest, nextRequest, widgets } from './requests.ts';

/** A request that the server did not deal with as it should, and what it did. */
export interface Finding {
  request: FuzzRequest;
  what: string;
}

export interface FuzzTarget {
  /** Sends one request. Resolves to what is wrong with the answer, or undefined. */
  try(request: FuzzRequest): Promise<string | undefined>;
  /** Sends the requests of a seed one after another, until the time is over or so many were sent. */
  run(seed: number, limit: { seconds?: number; count?: number }): Promise<{ sent: number; findings: Finding[] }>;
  stop(): Promise<void>;
}

const namespaces = resourceOf('v1', 'Namespace');

/** Longer than any answer may take, and more processor time than any single request may cost, in milliseconds. */
const LONGEST = 15_000;
const COSTLIEST = 2_000;

/** Starts a whole control plane, with collection of garbage and namespaces, to send requests to as an administrator. */
export async function startTarget(): Promise<FuzzTarget> {
  // The server tells a client nothing about a fault of its own; its log does.
  let fault = '';
  const write = (line: string): void => {
    fault = line;
  };
  const log = pino({ level: 'error' }, { write });
  const plane = await startControlPlane({ controllers: 'all', manifests: [widgets], log });
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'fuzz' } };
  await plane.apply(namespace);
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ...credentials(plane.kubeconfig) });
  const { hostname, port } = new URL(plane.url);

  async function attempt(request: FuzzRequest): Promise<string | undefined> {
    fault = '';
    const before = process.cpuUsage();
    const { method, path, headers, body } = request;
    const options = { agent, hostname, port, method, path, headers: { ...headers, 'content-length': body.length } };
    const wrong = (await answer(options, body)) ?? (fault === '' ? undefined : 'a fault of the server');
    const { user, system } = process.cpuUsage(before);
    const cost = (user + system) / 1000;
    if (wrong !== undefined) return `${wrong}\n${fault}`;
    return cost > COSTLIEST ? `it cost ${Math.round(cost)} ms of processor time` : undefined;
  }

  return {
    try: attempt,
    async run(seed, { seconds = Number.POSITIVE_INFINITY, count = Number.POSITIVE_INFINITY }) {
      const random = createRandom(seed);
      const findings: Finding[] = [];
      const end = performance.now() + seconds * 1000;
      let sent = 0;
      for (; sent < count && performance.now() < end; sent++) {
        const request = nextRequest(random);
        const what = await attempt(request);
        if (what !== undefined) findings.push({ request, what });
        // Now and then the namespace itself is deleted; it comes back once it is gone.
        if (sent % 100 === 99 && !(await plane.client.find(namespaces, { name: 'fuzz' }))) await plane.apply(namespace);
      }
      return { sent, findings };
    },
    async stop() {
      agent.destroy();
      await plane.stop();
    },
  };
}

function credentials(kubeconfig: string): { ca: Buffer; cert: Buffer; key: Buffer } {
  const { clusters, users } = parse(kubeconfig) as {
    clusters: [{ cluster: { 'certificate-authority-data': string } }];
    users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }];
  };
  const decode = (text: string): Buffer => Buffer.from(text, 'base64');
  const { user } = users[0];
  return {
    ca: decode(clusters[0].cluster['certificate-authority-data']),
    cert: decode(user['client-certificate-data']),
    key: decode(user['client-key-data']),
  };
}

/** Sends a request and reads its answer to the end; resolves to what is wrong with it. */
function answer(options: RequestOptions, body: Buffer): Promise<string | undefined> {
  return new Promise((resolve) => {
    const outgoing = httpsRequest({ ...options, timeout: LONGEST }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => resolve(`the answer broke off: ${error.message}`));
      response.on('end', () =>
        resolve(wrongWith(response.statusCode ?? 0, response.headers['content-type'], Buffer.concat(chunks))),
      );
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${LONGEST} ms`)));
    outgoing.on('error', (error) => resolve(error.message));
    outgoing.end(body);
  });
}

function wrongWith(status: number, type: string | undefined, body: Buffer): string | undefined {
  // Some refusals are 500 upstream, too. What is a fault of ours is logged.
  if (status < 400 || !type?.startsWith('application/json')) return undefined;
  try {
    const { kind, code, message } = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
    if (kind === 'Status' && code === status && typeof message === 'string') return undefined;
    // Malformed HTTP is answered before there is anybody who knows Kubernetes.
    return `a refusal that is no Status: ${status} ${body.toString('utf8', 0, 200)}`;
  } catch (error) {
    return `an answer that is no JSON: ${String(error)}`;
  }
}

/** The bytes that live objects take after a full collection of garbage. */
export function liveBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
}
