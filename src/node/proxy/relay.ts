import { createServer, type Socket } from 'node:net';
import { connectAny, join } from './forward.ts';

/**
 * Lets pods reach a server that listens on this machine's loopback only: the same port of another address of the
 * machine, passed on. Nothing outside this machine can reach that address.
 * @throws Error when the port is taken there.
 */
export async function startRelay(
  address: string,
  server: { host: string; port: number },
): Promise<{ stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const relay = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    connectAny([{ address: server.host, port: server.port }]).then(
      (onward) => join(socket, onward.socket),
      () => socket.resetAndDestroy(),
    );
  });
  relay.maxConnections = 4096;
  await new Promise<void>((resolve, reject) => {
    relay.once('error', reject);
    relay.listen({ host: address, port: server.port }, resolve);
  });
  return {
    async stop() {
      const closed = new Promise<void>((done) => relay.close(() => done()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
