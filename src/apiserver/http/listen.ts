import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface TlsOptions {
  certPem: string;
  keyPem: string;
  /** Client certificates signed by these are looked at; others count as none. */
  clientCas: readonly string[];
}

export interface Listener {
  readonly server: Server;
  readonly port: number;
  /** Closes the port and, after their answers or half a second, every connection. */
  close(): Promise<void>;
}

/** Connections from one address at a time: a watch takes one each, and a client with more informers than this is none of ours. */
const MOST_OF_ONE = 4_096;
const LINGER = 500;
const IDLE_CHECK = 10;

/**
 * Opens the port, or any free one when it is taken.
 * @throws the system's error when the address cannot be bound.
 */
export async function listen(tls: TlsOptions, address: string, port: number): Promise<Listener> {
  const server = createServer({
    cert: tls.certPem,
    key: tls.keyPem,
    ca: [...tls.clientCas],
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    keepAliveTimeout: 90_000,
    handshakeTimeout: 10_000,
    // Upstream's; a body has the deadline of its request.
    headersTimeout: 32_000,
    connectionsCheckingInterval: 5_000,
    // Watches and streams outlast any limit on a whole request; a body that never ends is bounded by its size.
    requestTimeout: 300_000,
    noDelay: true,
    // A watcher whose machine is gone says no goodbye.
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
  });
  const sockets = new Set<Duplex>();
  const addresses = new Map<string, number>();
  server.on('connection', (socket) => {
    const { remoteAddress = '' } = socket as Socket;
    const others = addresses.get(remoteAddress) ?? 0;
    if (others >= MOST_OF_ONE) {
      // Those that only wait for another request make room; who has so many at work gets no more.
      server.closeIdleConnections();
      socket.destroy();
      return;
    }
    sockets.add(socket);
    addresses.set(remoteAddress, others + 1);
    socket.on('close', () => {
      sockets.delete(socket);
      const left = (addresses.get(remoteAddress) ?? 0) - 1;
      if (left > 0) addresses.set(remoteAddress, left);
      else addresses.delete(remoteAddress);
    });
  });
  // Handshakes that fail are their clients' business.
  server.on('tlsClientError', (_, socket) => socket.destroy());
  try {
    await bind(server, address, port);
  } catch (error) {
    if (port === 0 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    await bind(server, address, 0);
  }
  const bound = server.address();
  return {
    server,
    port: typeof bound === 'object' && bound ? bound.port : port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      // Connections become idle as their watches end.
      const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK);
      const linger = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, LINGER);
      await closed;
      clearInterval(idle);
      clearTimeout(linger);
    },
  };
}

function bind(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
