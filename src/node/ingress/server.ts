import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Informers } from '../../client/index.ts';
import { ingresses } from '../pod.ts';
import type { Backends, Target } from '../proxy/backends.ts';
import { endToEndHeaders, requestHeaders } from './headers.ts';
import { buildRoutes, type Route, type RouteTable } from './routes.ts';

export interface IngressServer {
  /** 'http://127.0.0.1:8080' */
  readonly url: string;
  stop(): Promise<void>;
}

/** Why a request cannot be passed on, as it is told to the client. */
interface Refusal {
  code: number;
  text: string;
}

const mostConnections = 8192;
const headersTimeout = 15_000;

/**
 * The one HTTP port under which applications answer. A request goes by its Host header: to the Ingress rule that fits;
 * without one, NAME.NAMESPACE.localhost is a Service, and NAME.localhost an Ingress of that name or the only Service of
 * that name.
 */
export async function startIngressServer(options: {
  informers: Informers;
  backends: Backends;
  host: string;
  port: number;
}): Promise<IngressServer> {
  const { backends } = options;
  const informer = options.informers.for(ingresses);
  let table: RouteTable | undefined;
  const forget = () => {
    table = undefined;
  };
  const stopWatching = informer.addHandler({ upsert: forget, remove: forget });
  const routes = () => {
    table ??= buildRoutes(informer.list());
    return table;
  };
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 64, timeout: 60_000, scheduling: 'lifo' });
  const server = createServer({
    headersTimeout,
    requestTimeout: 0,
    keepAlive: true,
    shouldUpgradeCallback: mayUpgrade,
  });
  server.maxConnections = mostConnections;
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('request', (request, response) => {
    const found = resolve(request, routes(), backends);
    if ('code' in found) return refuse(response, found);
    forward(request, response, found, agent);
  });
  server.on('upgrade', (request, socket, head) => {
    const found = resolve(request, routes(), backends);
    if ('code' in found)
      return socket.end(
        `HTTP/1.1 ${found.code} ${found.code === 404 ? 'Not Found' : 'Service Unavailable'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
      );
    upgrade(request, socket, head, found);
  });
  await listen(server, options.host, options.port);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    async stop() {
      stopWatching();
      agent.destroy();
      const closed = new Promise<void>((done) => server.close(() => done()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;

/** An upgrade is an offer that may be left aside (RFC 9110, 7.8): of a request with a body, and to HTTP/2, it is. */
function mayUpgrade(request: IncomingMessage): boolean {
  return !hasBody(request) && request.headers.upgrade?.toLowerCase() !== 'h2c';
}

/** Listens; when the port is taken, on a free one. */
function listen(server: ReturnType<typeof createServer>, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      if (!('code' in error) || error.code !== 'EADDRINUSE' || port === 0) return reject(error);
      server.once('error', reject);
      server.listen({ host, port: 0 });
    });
    server.once('listening', resolve);
    server.listen({ host, port });
  });
}

function resolve(request: IncomingMessage, table: RouteTable, backends: Backends): Target[] | Refusal {
  const host = hostOf(request);
  const path = pathOf(request.url ?? '/');
  if (path === undefined) return { code: 400, text: 'the request names no path' };
  const route = byLocalName(host, path, table, backends) ?? table.find(host, path);
  if (!route) return { code: 404, text: unknownHost(host, path, table) };
  const name = `${route.namespace}/${route.service}`;
  const service = backends.service(route.namespace, route.service);
  if (!service) return { code: 503, text: `${host}${path} belongs to Service ${name}, which does not exist` };
  const port = backends.portOf(service, route.port);
  if (!port)
    return {
      code: 503,
      text: `${host}${path} belongs to port ${route.port?.name ?? route.port?.number} of Service ${name}, which has no such TCP port`,
    };
  const targets = backends.targets(service, port);
  if (targets.length > 0) return targets;
  return {
    code: 503,
    text: `Service ${name} has no ready endpoints: "kubectl get pods -n ${route.namespace}" shows its pods, "homeport why service/${route.service} -n ${route.namespace}" the cause`,
  };
}

/** NAME.NAMESPACE.localhost and NAME.localhost, unless an Ingress has rules for exactly that host. */
function byLocalName(host: string, path: string, table: RouteTable, backends: Backends): Route | undefined {
  if (!host.endsWith('.localhost') || table.hosts.includes(host)) return undefined;
  const [name = '', namespace, more] = host.slice(0, -'.localhost'.length).split('.');
  if (more !== undefined) return undefined;
  if (namespace !== undefined)
    return backends.service(namespace, name) && { namespace, service: name, port: undefined };
  const ofIngress = table.findIn(name, path);
  if (ofIngress) return ofIngress;
  const [only, second] = backends.named(name);
  return only && !second ? { namespace: only.metadata.namespace ?? '', service: name, port: undefined } : undefined;
}

function hostOf(request: IncomingMessage): string {
  const host = (request.headers.host ?? '').toLowerCase();
  const name = host.startsWith('[') ? host.slice(0, host.indexOf(']') + 1) : host.replace(/:\d*$/, '');
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

/** The path of a request target; a proxy's absolute form names it after the host. */
function pathOf(target: string): string | undefined {
  const local = target.startsWith('/') ? target : URL.parse(target)?.pathname;
  return local?.split('?', 1)[0];
}

function unknownHost(host: string, path: string, table: RouteTable): string {
  const known =
    table.hosts.length === 0
      ? 'no Ingress is there yet'
      : `Ingresses are there for: ${table.hosts.slice(0, 100).join(', ')}`;
  return `nothing answers at ${JSON.stringify(host + path)}; ${known}; a Service answers at NAME.NAMESPACE.localhost`;
}

function refuse(response: ServerResponse, { code, text }: Refusal): void {
  const body = `${text}\n`;
  response.writeHead(code, {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'content-length': Buffer.byteLength(body),
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

function forward(request: IncomingMessage, response: ServerResponse, targets: readonly Target[], agent: Agent): void {
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
      return forward(request, response, others.length > 0 ? others : targets, agent);
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

function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, targets: readonly Target[]): void {
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
