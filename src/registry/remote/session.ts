import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { ImageReference } from '../reference.ts';
import { parseChallenges } from './challenge.ts';
import type { Credential } from './credential.ts';
import { endpointOf, type Insecure, isLocalName } from './endpoint.ts';
import { errorOf } from './registry-error.ts';
import { type Outgoing, send } from './send.ts';
import { basic, fetchToken, type Token } from './token.ts';

export interface SessionOptions {
  reference: Pick<ImageReference, 'domain' | 'path'>;
  /** What the session is for: decides the scope of its tokens. */
  action: 'pull' | 'push';
  credential: Credential | undefined;
  insecure?: Insecure;
  /** Milliseconds before the first repetition of what failed for the moment; doubles. Default 250. */
  firstPause?: number;
}

export interface Ask {
  method: Outgoing['method'];
  /** Relative to the repository ('manifests/latest'), or an address that the registry gave. */
  path: string | URL;
  headers?: Readonly<Record<string, string>>;
  /** Made anew for each attempt. */
  body?: () => Buffer | Readable;
}

/** Requests to one repository of a registry, let in as it asks for. */
export interface Session {
  /**
   * Sends a request and gives any answer that is not a redirect, a challenge that can be met, or a passing failure (those
   * are followed, met and repeated). The answer's body must be read or destroyed.
   */
  ask(ask: Ask): Promise<IncomingMessage>;
  /** As ask(), and throws RegistryError for an answer of another status. */
  expect(statuses: readonly number[], ask: Ask): Promise<IncomingMessage>;
  readonly base: URL;
}

const attempts = 5;
const mostRedirects = 10;
/** Longest that a registry's Retry-After is waited for, in milliseconds. */
const mostPause = 30_000;
const passing = new Set([408, 429, 500, 502, 503, 504]);

export function openSession(options: SessionOptions): Session {
  const { reference, action, credential } = options;
  const endpoint = endpointOf(reference.domain, options.insecure ?? new Set());
  const base = new URL(`/v2/${reference.path}/`, endpoint);
  const registry = { secure: endpoint.protocol === 'https:', mayBeLocal: isLocalName(endpoint.hostname) };
  // Who lists an address of this machine's network as insecure means it, wherever it leads.
  if (!registry.secure) registry.mayBeLocal = true;
  const scope = `repository:${reference.path}:${action === 'push' ? 'pull,push' : 'pull'}`;
  let authorization: { kind: 'none' } | { kind: 'basic' } | { kind: 'bearer'; token: Token } = { kind: 'none' };

  /** Only for the registry itself: what it redirects to is another's, and has no business with our credential. */
  function authorizationFor(url: URL): Record<string, string> {
    if (url.origin !== endpoint.origin) return {};
    if (authorization.kind === 'basic' && credential) return { authorization: basic(credential) };
    if (authorization.kind === 'bearer' && authorization.token.until > Date.now())
      return { authorization: `Bearer ${authorization.token.value}` };
    return {};
  }

  /** Meets a challenge. False when it cannot be met any better than it was: then the answer stays to be read. */
  async function meet(response: IncomingMessage, sent: boolean): Promise<boolean> {
    const challenges = parseChallenges(response.headers['www-authenticate'] ?? '');
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer) {
      if (sent && authorization.kind === 'bearer') return false;
      response.destroy();
      const token = await fetchToken({ challenge: bearer, scope, credential, registry });
      authorization = { kind: 'bearer', token };
      return true;
    }
    if (sent || !credential || !challenges.some(({ scheme }) => scheme === 'basic')) return false;
    response.destroy();
    authorization = { kind: 'basic' };
    return true;
  }

  async function follow(ask: Ask): Promise<IncomingMessage> {
    let url = new URL(ask.path, base);
    let met = false;
    for (let hops = 0; hops <= mostRedirects; hops++) {
      const own = authorizationFor(url);
      const { method, headers = {} } = ask;
      const body = ask.body?.();
      const request = { method, url, mayBeLocal: registry.mayBeLocal, ...(body ? { body } : {}) };
      const response = await send({ ...request, headers: { ...headers, ...own } });
      const status = response.statusCode ?? 0;
      if (status === 401 && url.origin === endpoint.origin && !met) {
        met = true;
        if (await meet(response, Object.keys(own).length > 0)) continue;
        return response;
      }
      const next = redirection(response, method, url);
      if (!next) return response;
      response.destroy();
      if (registry.secure && next.protocol !== 'https:')
        throw new Error(`${url.origin} redirects to ${next.origin}, which is not over TLS: that is not followed`);
      url = next;
    }
    throw new Error(`${endpoint.origin} redirects more than ${mostRedirects} times`);
  }

  async function ask(wanted: Ask): Promise<IncomingMessage> {
    for (let attempt = 1; ; attempt++) {
      const answer = await follow(wanted).catch((error: Error) => error);
      const last = attempt === attempts;
      if (answer instanceof Error) {
        if (last || !isPassing(answer)) throw explained(answer, endpoint);
      } else if (last || !passing.has(answer.statusCode ?? 0)) return answer;
      const pause = (options.firstPause ?? 250) * 2 ** (attempt - 1);
      const asked = answer instanceof Error ? 0 : retryAfter(answer.headers['retry-after']);
      if (!(answer instanceof Error)) answer.destroy();
      if (asked > mostPause) throw new Error(`${endpoint.host} asks to come back in ${Math.round(asked / 1000)} s`);
      await delay(Math.max(pause, asked));
    }
  }

  return {
    base,
    ask,
    async expect(statuses, wanted) {
      const response = await ask(wanted);
      if (statuses.includes(response.statusCode ?? 0)) return response;
      const url = new URL(wanted.path, base);
      throw await errorOf(response, `${wanted.method} ${url.origin}${url.pathname}`);
    },
  };
}

/** Where an answer sends us, if it does. */
function redirection({ statusCode = 0, headers }: IncomingMessage, method: string, from: URL): URL | undefined {
  const { location } = headers;
  if (![301, 302, 303, 307, 308].includes(statusCode) || location === undefined) return undefined;
  if (method === 'GET' || method === 'HEAD') return new URL(location, from);
  throw new Error(`${from.origin} redirects a ${method}: that is not followed`);
}

const passingCodes = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT']);

/** Whether the network failed in a way that may be over in a moment. */
const isPassing = (error: Error) => 'code' in error && typeof error.code === 'string' && passingCodes.has(error.code);

/** Says what a failure of the network means, in the words that people search for. */
function explained(error: Error, endpoint: URL): Error {
  const code = 'code' in error ? error.code : undefined;
  const meaning = { ENOTFOUND: 'no such host', ECONNREFUSED: 'connection refused', EAI_AGAIN: 'no such host' }[
    String(code)
  ];
  return new Error(`asking ${endpoint.host}: ${meaning ?? error.message}`, { cause: error });
}

/** Milliseconds that a Retry-After asks for: seconds, or a date. */
function retryAfter(header: string | undefined): number {
  if (header === undefined) return 0;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? 0 : Math.max(0, date - Date.now());
}
