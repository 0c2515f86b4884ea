import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { HttpGet } from '../pod.ts';
import type { HandlerResult } from './handler-result.ts';
import { addressOf, dialError } from './handler-tcp.ts';

/** Where a request goes: an HttpGet whose host and port are known. */
type Target = Omit<HttpGet, 'host' | 'port'> & { host: string; port: number };

const mostRedirects = 10;
const mostBody = 10 * 1024;

/**
 * Sends the GET request of an httpGet handler. Certificates are not verified. Redirects are followed on the same host;
 * one to another host is taken for an answer.
 * @param timeout in milliseconds, of everything together
 */
export async function getHttp(target: Target, userAgent: string, timeout: number): Promise<HandlerResult> {
  const scheme = target.scheme?.toLowerCase() === 'https' ? 'https' : 'http';
  const path = target.path?.startsWith('/') ? target.path : `/${target.path ?? ''}`;
  const first = new URL(`${scheme}://${addressOf(target.host, target.port)}`);
  const headers = headersOf(target, userAgent);
  const signal = AbortSignal.timeout(timeout);
  // The path is sent as it is written: a URL would put it right.
  let next = { url: first, path };
  for (let redirects = 0; ; redirects++) {
    const at = `${next.url.origin}${next.path}`;
    let answer: Answer;
    try {
      answer = await send(next.url, next.path, headers, signal);
    } catch (error) {
      return { outcome: 'failure', output: `Get ${JSON.stringify(at)}: ${complaint(error, next.url, signal)}` };
    }
    const { code, location, body } = answer;
    if (code < 200 || code >= 400) return { outcome: 'failure', output: `HTTP probe failed with statuscode: ${code}` };
    if (code < 300 || location === undefined) return { outcome: 'success', output: body };
    const url = URL.canParse(location, at) ? new URL(location, at) : undefined;
    if (!url || url.hostname !== first.hostname)
      return { outcome: 'warning', output: `Probe terminated redirects, Response body: ${body}` };
    if (redirects === mostRedirects)
      return { outcome: 'failure', output: `Get ${JSON.stringify(at)}: stopped after ${mostRedirects} redirects` };
    next = { url, path: `${url.pathname}${url.search}` };
  }
}

/** Headers as written, several of a name together. An empty Accept takes the default away. */
function headersOf({ host, port, httpHeaders = [] }: Target, userAgent: string): Record<string, string | string[]> {
  const given = new Map<string, string[]>();
  for (const { name, value } of httpHeaders) {
    const key = name.toLowerCase();
    given.set(key, [...(given.get(key) ?? []), value]);
  }
  const headers: Record<string, string | string[]> = {
    'user-agent': userAgent,
    accept: '*/*',
    connection: 'close',
    host: addressOf(host, port),
  };
  for (const [name, values] of given) headers[name] = values.length === 1 ? (values[0] ?? '') : values;
  if (headers['accept'] === '') delete headers['accept'];
  return headers;
}

interface Answer {
  code: number;
  location: string | undefined;
  body: string;
}

function send(
  url: URL,
  path: string,
  headers: Record<string, string | string[]>,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port, protocol } = url;
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    const options = {
      host,
      port,
      path,
      headers,
      method: 'GET',
      rejectUnauthorized: false,
      agent: false,
      signal,
    } as const;
    const request = (protocol === 'https:' ? httpsRequest : httpRequest)(options, (response) => {
      read(response).then((body) => {
        request.destroy();
        resolve({ code: response.statusCode ?? 0, location: response.headers.location, body });
      }, reject);
    });
    request.on('error', reject);
    request.end();
  });
}

/** The start of an answer's body. Only answers that are shown need one: others are not waited for. */
async function read(response: IncomingMessage): Promise<string> {
  const code = response.statusCode ?? 0;
  if (code < 300 || code >= 400) return '';
  let body = '';
  for await (const chunk of response) {
    body += String(chunk);
    if (body.length >= mostBody) break;
  }
  return body.slice(0, mostBody);
}

function complaint(error: unknown, { hostname, port, protocol }: URL, signal: AbortSignal): string {
  if (signal.aborted) return 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EPROTO' && protocol === 'https:')
    return 'http: server gave HTTP response to HTTPS client';
  return dialError(error, hostname.replace(/^\[(.*)\]$/, '$1'), Number(port) || (protocol === 'https:' ? 443 : 80));
}
