import { createSocket } from 'node:dgram';
import { createServer, type Socket } from 'node:net';

export interface Peer {
  address: string;
  port: number;
}

/** What becomes of what arrives at a listener. */
export interface ListenerHandlers {
  connection(socket: Socket): void;
  datagram(message: Buffer, from: Peer, reply: (message: Buffer) => void): void;
  /** It listens, or it cannot, for the moment: it tries again by itself. */
  changed(error: Error | undefined): void;
}

export interface Listener {
  /** Takes nothing new from now on. Connections that are open stay. */
  close(): void;
}

const mostConnections = 4_096;
const retry = { first: 1_000, most: 60_000 };

/** Listens at an address of this machine, as soon as the port is free there. */
export function openListener(
  at: { ip: string; number: number; protocol: 'TCP' | 'UDP' },
  handlers: ListenerHandlers,
): Listener {
  let closed = false;
  let delay = retry.first;
  let timer: NodeJS.Timeout | undefined;
  let current: { close(): void } | undefined;
  function open(): void {
    const failed = (error: Error) => {
      if (closed) return;
      handlers.changed(error);
      timer = setTimeout(open, delay).unref();
      delay = Math.min(delay * 2, retry.most);
    };
    const opened = () => handlers.changed(undefined);
    current = at.protocol === 'TCP' ? openTcp(at, handlers, opened, failed) : openUdp(at, handlers, opened, failed);
  }
  open();
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      current?.close();
    },
  };
}

interface Address {
  ip: string;
  number: number;
}

function openTcp(at: Address, handlers: ListenerHandlers, opened: () => void, failed: (error: Error) => void) {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => handlers.connection(socket));
  server.maxConnections = mostConnections;
  server.on('error', failed);
  server.listen({ host: at.ip, port: at.number }, opened);
  return { close: () => void server.close() };
}

function openUdp(at: Address, handlers: ListenerHandlers, opened: () => void, failed: (error: Error) => void) {
  const socket = createSocket('udp4');
  let isOpen = true;
  socket.on('error', (error) => {
    // An answer may meet a client that is gone; only a port that cannot be had ends the listener.
    if (!('syscall' in error) || error.syscall !== 'bind') return;
    isOpen = false;
    socket.close();
    failed(error);
  });
  socket.on('message', (message, { address, port }) => {
    handlers.datagram(message, { address, port }, (answer) => {
      // Without a callback an error would be the socket's, and there is nobody to tell.
      if (isOpen) socket.send(answer, port, address, () => undefined);
    });
  });
  socket.bind({ address: at.ip, port: at.number, exclusive: true }, opened);
  return {
    close() {
      if (isOpen) socket.close();
      isOpen = false;
    },
  };
}
