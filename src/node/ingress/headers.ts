import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';

/** Headers that are about one connection, not about the message (RFC 9110, 7.6.1). */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What others may not claim: the proxy says it. */
const forwarded = new Set([
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-real-ip',
  'forwarded',
]);

/** Raw headers, name and value in turn, without those of the connection. */
export function endToEndHeaders(message: IncomingMessage): string[] {
  const named = new Set((message.headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  const kept: string[] = [];
  const raw = message.rawHeaders;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    const lower = name.toLowerCase();
    if (!hopByHop.has(lower) && !named.has(lower)) kept.push(name, raw[at + 1] ?? '');
  }
  return kept;
}

/** A request's headers as a backend gets them. */
export function requestHeaders(request: IncomingMessage): string[] {
  const all = endToEndHeaders(request);
  const kept: string[] = [];
  for (let at = 0; at < all.length; at += 2) {
    if (!forwarded.has((all[at] ?? '').toLowerCase())) kept.push(all[at] ?? '', all[at + 1] ?? '');
  }
  const client = request.socket.remoteAddress ?? '';
  const chain = [request.headers['x-forwarded-for'], client].filter(Boolean).join(', ');
  kept.push(
    'X-Forwarded-For',
    chain,
    'X-Real-IP',
    client,
    'X-Forwarded-Proto',
    request.socket instanceof TLSSocket ? 'https' : 'http',
    'X-Forwarded-Host',
    request.headers.host ?? '',
    'X-Forwarded-Port',
    String(request.socket.localPort ?? ''),
  );
  // Without it Node sends the body of a GET or DELETE bare, and the endpoint would read it as the next request.
  if (request.headers['transfer-encoding'] !== undefined) kept.push('Transfer-Encoding', 'chunked');
  return kept;
}
