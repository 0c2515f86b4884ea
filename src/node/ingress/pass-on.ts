import { type Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Target } from '../proxy/backends.ts';
import { endToEndHeaders, requestHeaders } from './headers.ts';
import type { Refusal } from './resolve.ts';

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;

/** An upgrade is an offer that may be left aside (RFC 9110, 7.8): of a request with a body, and to HTTP/2, it is. */
export function mayUpgrade(request: IncomingMessage): boolean {
  return !hasBody(request) && request.headers.upgrade?.toLowerCase() !== 'h2c';
}

/** Answers a request itself, with a sentence. */
export function refuse(response: ServerResponse, { code, text }: Refusal): void {
  const body = `${text}\n`;
  response.writeHead(code, {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'content-length': Buffer.byteLength(body),
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** Passes a request on to the first endpoint that takes it, and its answer back, both as they come. */
export function passOn(
  request: IncomingMessage,
  response: ServerResponse,
  targets: readonly Target[],
  agent: Agent,
): void {
  const [target, ...others] = targets;
  if (!target) {
    refuse(response, { code: 502, text: 'no endpoint accepted the connection' });
    return;
  }
  const withBody = hasBody(request);
  const onward = httpRequest({
    host: target.address,
    port: target.port,
    method: request.method,
    path: request.url,
    headers: requestHeaders(request),
    agent,
    setHost: false,
  });
  let answered = false;
  onward.on('response', (answer) => {
    answered = true;
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEndHeaders(answer));
    answer.pipe(response);
    answer.on('error', () => response.destroy());
    // An answer that breaks off must not look complete.
    answer.on('aborted', () => response.destroy());
  });
  onward.on('error', (error) => {
    if (answered || response.headersSent) return void response.destroy();
    const refused =
      'code' in error &&
      (error.code === 'ECONNREFUSED' ||
        error.code === 'EHOSTUNREACH' ||
        (onward.reusedSocket && error.code === 'ECONNRESET'));
    // Nothing of the request has reached anybody: another endpoint may have it.
    if (refused && !withBody && (others.length > 0 || onward.reusedSocket))
      return passOn(request, response, others.length > 0 ? others : targets, agent);
    refuse(response, {
      code: 502,
      text: `the endpoint ${target.address}:${target.port} did not answer: ${error.message}`,
    });
  });
  response.on('close', () => {
    if (!response.writableFinished) onward.destroy();
  });
  if (withBody) request.pipe(onward);
  else onward.end();
}

/** Passes a request on that wants to speak another protocol: from its acceptance on, bytes go to and fro as they are. */
export function passUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, targets: readonly Target[]): void {
  const [target] = targets;
  if (!target) return void socket.destroy();
  const headers = [...requestHeaders(request), 'Connection', 'Upgrade', 'Upgrade', request.headers.upgrade ?? ''];
  const onward = httpRequest({
    host: target.address,
    port: target.port,
    method: request.method,
    path: request.url,
    headers,
    agent: false,
    setHost: false,
  });
  // Nobody reads from the client until the endpoint has answered: only looking shows that it went.
  const look = () => void socket.read(0);
  const gone = () => void socket.destroy();
  socket.on('readable', look).on('end', gone);
  socket.on('close', () => onward.destroy()).on('error', gone);
  onward.on('error', gone);
  onward.on('upgrade', (answer, backend, first) => {
    const lines = pairs([...endToEndHeaders(answer), 'Connection', 'Upgrade', 'Upgrade', answer.headers.upgrade ?? '']);
    socket.off('readable', look).off('end', gone);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`);
    socket.write(first);
    backend.write(head);
    backend.pipe(socket);
    socket.pipe(backend);
    backend.on('error', () => socket.destroy());
    backend.on('close', () => socket.destroy());
    socket.on('close', () => backend.destroy());
  });
  onward.on('response', (answer) => {
    socket.write(
      `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\n${pairs([...endToEndHeaders(answer), 'Connection', 'close'])}\r\n`,
    );
    answer.pipe(socket);
  });
  onward.end();
}

/** Header lines. The values came through Node's parser, which lets no line break pass. */
function pairs(raw: readonly string[]): string {
  let text = '';
  for (let at = 0; at + 1 < raw.length; at += 2) text += `${raw[at]}: ${raw[at + 1]}\r\n`;
  return text;
}
