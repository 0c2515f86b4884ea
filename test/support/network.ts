import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** What comes from the server goes on in pieces of this many bytes. */
const PIECE = 1_024;

/** A network between a client and a server, which can be slow, break, and be gone. */
export interface TestNetwork {
  /** Where the client finds the server: a port of 127.0.0.1. */
  readonly port: number;
  /** How long each piece of what comes from the server takes, in milliseconds; 0 at first. */
  delay: number;
  /** Breaks every connection, in the middle of whatever is on its way. */
  cut(): void;
  /** Breaks every connection and takes no new one, until `back` is called. */
  gone(): void;
  back(): void;
  close(): Promise<void>;
}

/** Puts a network before a port of 127.0.0.1. */
export async function startNetwork(serverPort: number): Promise<TestNetwork> {
  const sockets = new Set<Socket>();
  let reachable = true;
  // A pipeline destroys both ends when either breaks; that is all there is to do about it.
  const whatever = (): void => {};
  const server = createServer((near) => {
    if (!reachable) return void near.destroy();
    const far = connect(serverPort, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    pipeline(near, far, whatever);
    pipeline(far, inPieces, near, whatever);
  });
  async function* inPieces(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      for (let at = 0; at < chunk.length; at += PIECE) {
        if (network.delay > 0) await sleep(network.delay);
        yield chunk.subarray(at, at + PIECE);
      }
    }
  }
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const network: TestNetwork = {
    port: (server.address() as AddressInfo).port,
    delay: 0,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    gone() {
      reachable = false;
      network.cut();
    },
    back() {
      reachable = true;
    },
    async close() {
      network.cut();
      await once(server.close(), 'close');
    },
  };
  return network;
}
