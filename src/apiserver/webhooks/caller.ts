import { createHash } from 'node:crypto';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { WebhookClientConfig } from './client-config.ts';
import { answerError, networkError } from './failure.ts';

/** A webhook could not be asked: the message is what kube-apiserver's client says of the same failure. */
export class WebhookCallError extends Error {}

/** Where the pods of a Service are reached. Throws an Error that says why they are not. */
export type ServiceResolver = (namespace: string, name: string, port: number) => { host: string; port: number };

export interface WebhookCaller {
  /**
   * Posts a value as JSON and resolves to the answer's JSON, within `timeoutSeconds`.
   * @throws WebhookCallError when the webhook cannot be reached or trusted, answers late, with an error, with more than
   * 3 MiB or twice the size of the question, or with what is no JSON. Redirects are not followed.
   */
  call(config: WebhookClientConfig, body: unknown, timeoutSeconds: number): Promise<unknown>;
  /** Ends all connections. */
  close(): void;
}

/** What an answer may have in bytes, if it is not twice the question: a webhook cannot fill the memory. */
const MAX_ANSWER = 3 * 1024 * 1024;
/** Connections are kept for this many webhooks; those of the one that was called longest ago end. */
const MAX_AGENTS = 32;
const MAX_SOCKETS = 64;

/** Calls webhooks over TLS. Connections to a webhook are kept and used again as long as its configuration is the same. */
export function createWebhookCaller(resolve: ServiceResolver): WebhookCaller {
  const agents = new Map<string, Agent>();

  function agentFor(config: WebhookClientConfig): Agent {
    const id = createHash('sha256').update(JSON.stringify(config)).digest('base64');
    const known = agents.get(id);
    const agent = known ?? newAgent(config);
    agents.delete(id);
    agents.set(id, agent);
    const [oldest] = agents.size > MAX_AGENTS ? agents : [];
    if (oldest) {
      oldest[1].destroy();
      agents.delete(oldest[0]);
    }
    return agent;
  }

  /** Sends once; a kept connection that the webhook has just ended is tried again on a new one. */
  async function post(config: WebhookClientConfig, url: URL, payload: Buffer, signal: AbortSignal) {
    const { service } = config;
    const headers = {
      host: url.host,
      'content-type': 'application/json',
      accept: 'application/json',
      'content-length': payload.length,
    };
    const to = service ? addressOf(resolve(service.namespace, service.name, service.port ?? 443), url) : {};
    const sent = request(url, { method: 'POST', agent: agentFor(config), signal, headers, ...to });
    try {
      return await responseTo(sent, payload);
    } catch (error) {
      const ended = sent.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET';
      if (!ended) throw error;
      const again = request(url, { method: 'POST', agent: false, ...caOf(config), signal, headers, ...to });
      return await responseTo(again, payload);
    }
  }

  return {
    async call(config, body, timeoutSeconds) {
      const url = urlOf(config);
      url.searchParams.set('timeout', `${timeoutSeconds}s`);
      const signal = AbortSignal.timeout(timeoutSeconds * 1000);
      try {
        const payload = Buffer.from(JSON.stringify(body));
        const answer = await post(config, url, payload, signal);
        return parsed(answer, await bodyOf(answer, Math.max(MAX_ANSWER, 2 * payload.length)));
      } catch (error) {
        if (error instanceof WebhookCallError) throw error;
        throw new WebhookCallError(
          `Post ${JSON.stringify(shown(url, config))}: ${networkError(error, url, signal.aborted)}`,
        );
      }
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}

/** A URL as Go writes it: the port of a Service is always there. */
const shown = ({ href, host, port }: URL, { service }: WebhookClientConfig): string =>
  service && port === '' ? href.replace(host, `${host}:443`) : href;

/** Connects to a Service's pod, and holds it to the certificate of the Service. */
const addressOf = ({ host, port }: { host: string; port: number }, { hostname }: URL) => ({
  hostname: host,
  port,
  servername: hostname,
});

const caOf = ({ caBundle }: WebhookClientConfig) => (caBundle ? { ca: Buffer.from(caBundle, 'base64') } : {});

function newAgent(config: WebhookClientConfig): Agent {
  return new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS, maxFreeSockets: MAX_SOCKETS, ...caOf(config) });
}

/** The URL of a webhook; that of a Service is what its certificate is for. */
function urlOf({ url, service }: WebhookClientConfig): URL {
  if (url !== undefined) return new URL(url);
  if (!service) throw new WebhookCallError('webhook configuration must have either service or URL');
  const { namespace, name, path = '', port = 443 } = service;
  return new URL(`https://${name}.${namespace}.svc:${port}${path}`);
}

function responseTo(sent: ClientRequest, payload: Buffer): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  sent.on('response', resolve);
  sent.on('error', reject);
  sent.end(payload);
  return promise;
}

async function bodyOf(answer: IncomingMessage, limit: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > limit) {
      answer.destroy();
      throw new WebhookCallError(`the response is larger than the limit of ${limit} bytes`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces, size);
}

function parsed(answer: IncomingMessage, body: Buffer): unknown {
  const code = answer.statusCode ?? 0;
  const type = answer.headers['content-type'] ?? 'application/json';
  const text = body.toString('utf8');
  if (code < 200 || code > 206) throw new WebhookCallError(answerError(code, type, text));
  if (text === '') {
    throw new WebhookCallError(`0-length response with status code: ${code} and content type: ${type}`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new WebhookCallError(`couldn't get version/kind; json parse error: ${syntaxProblem(text)}`);
  }
}

/** client-go reads YAML too: text that is neither an object nor a list is a string to it. */
function syntaxProblem(text: string): string {
  if (/^\s*[{[]/.test(text)) return 'unexpected end of JSON input';
  const struct =
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
  return `json: cannot unmarshal string into Go value of type ${struct}`;
}
