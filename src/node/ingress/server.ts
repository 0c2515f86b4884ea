import { Agent, createServer as createHttpServer, type IncomingMessage, STATUS_CODES } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Informers } from '../../client/index.ts';
import { ingressClasses, ingresses } from '../pod.ts';
import type { Backends } from '../proxy/backends.ts';
import { type Certificates, createCertificates, type SecretReader } from './certificates.ts';
import { isOurs } from './classes.ts';
import { mayUpgrade, passOn, passUpgrade, refuse } from './pass-on.ts';
import { resolveRequest } from './resolve.ts';
import { buildRoutes, type RouteTable } from './routes.ts';

export interface IngressServer {
  /** 'http://127.0.0.1:8080' */
  readonly url: string;
  readonly certificates: Certificates;
  stop(): Promise<void>;
}

const mostConnections = 8192;
const headersTimeout = 15_000;
/** The first byte of a TLS connection: a record of a handshake (RFC 8446, 5.1). No HTTP method begins with it. */
const handshakeRecord = 0x16;

/**
 * The one port under which applications answer, over HTTP and over TLS: the first byte of a connection tells which. A
 * request goes by its Host header: to the Ingress rule that fits; without one, NAME.NAMESPACE.localhost is a Service, and
 * NAME.localhost an Ingress of that name or the only Service of that name.
 */
export async function startIngressServer(options: {
  informers: Informers;
  backends: Backends;
  /** For the certificates of Ingresses. */
  readSecret: SecretReader;
  host: string;
  port: number;
}): Promise<IngressServer> {
  const { backends, informers } = options;
  const informer = informers.for(ingresses);
  const classes = informers.for(ingressClasses);
  let table: RouteTable | undefined;
  const forget = () => {
    table = undefined;
  };
  const stops = [informer, classes].map((each) => each.addHandler({ upsert: forget, remove: forget }));
  const routes = () => {
    table ??= buildRoutes(informer.list().filter((ingress) => isOurs(ingress, classes)));
    return table;
  };
  const certificates = createCertificates(informers, options.readSecret, () => routes().secrets);
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 64, timeout: 60_000, scheduling: 'lifo' });
  const behaviour = { headersTimeout, requestTimeout: 0, keepAlive: true, shouldUpgradeCallback: mayUpgrade };
  const plain = createHttpServer(behaviour);
  const encrypted = createHttpsServer({
    ...behaviour,
    handshakeTimeout: headersTimeout,
    ALPNProtocols: ['http/1.1'],
    SNICallback: (name, give) => void certificates.contextFor(name).then((context) => give(null, context), give),
  });
  for (const server of [plain, encrypted]) {
    server.on('request', (request, response) => {
      const found = resolveRequest(request, routes(), backends);
      if ('code' in found) refuse(response, found);
      else passOn(request, response, found, agent);
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const found = resolveRequest(request, routes(), backends);
      if ('code' in found) refuseUpgrade(socket, found.code);
      else passUpgrade(request, socket, head, found);
    });
  }
  const sockets = new Set<Socket>();
  const listener = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    tellApart(socket, (isTls) => (isTls ? encrypted : plain).emit('connection', socket));
  });
  listener.maxConnections = mostConnections;
  await listen(listener, options.host, options.port);
  const { port } = listener.address() as AddressInfo;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    certificates,
    async stop() {
      for (const stop of stops) stop();
      agent.destroy();
      const closed = new Promise<void>((done) => listener.close(() => done()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Looks at the first byte of a connection and leaves it there. */
function tellApart(socket: Socket, known: (isTls: boolean) => void): void {
  const give = () => void socket.destroy();
  socket.setTimeout(headersTimeout, give);
  socket.on('error', give);
  socket.once('data', (first) => {
    socket.pause();
    socket.setTimeout(0);
    socket.off('timeout', give);
    socket.unshift(first);
    const isTls = first[0] === handshakeRecord;
    known(isTls);
    // TLS takes by itself what waits here: flowing it would be lost.
    if (!isTls) socket.resume();
  });
}

function refuseUpgrade(socket: Duplex, code: number): void {
  socket.end(`HTTP/1.1 ${code} ${STATUS_CODES[code]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** Listens; when the port is taken, on a free one. */
function listen(server: Server, host: string, port: number): Promise<void> {
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
