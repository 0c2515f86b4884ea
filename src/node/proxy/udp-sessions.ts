import { createSocket, type Socket } from 'node:dgram';
import type { Target } from './backends.ts';

/** The conversations of one UDP port of a Service: each client has a socket of its own to its endpoint. */
export interface UdpSessions {
  /**
   * Passes a client's datagram on, to the endpoint that it has or to one that `choose` names; without one it is dropped.
   * @param reply takes what the endpoint answers.
   */
  pass(message: Buffer, client: string, reply: (answer: Buffer) => void, choose: () => Target | undefined): void;
  /** Ends the conversations with endpoints that are none any more: a client's next datagram goes to another. */
  retain(targets: readonly Target[]): void;
  close(): void;
}

interface Session {
  socket: Socket;
  target: string;
  lastSeen: number;
  answered: boolean;
  /** Connected: what is sent goes out at once. */
  ready: boolean;
}

/** As long as the kernel's connection tracking keeps a UDP flow: longer once it has been answered. */
const idle = { unanswered: 30_000, answered: 120_000 };
const mostSessions = 4_096;
const nameOf = ({ address, port }: Target) => `${address}:${port}`;

export function createUdpSessions(): UdpSessions {
  const sessions = new Map<string, Session>();
  let sweeper: NodeJS.Timeout | undefined;

  function end(client: string, session: Session): void {
    if (sessions.get(client) === session) sessions.delete(client);
    session.socket.removeAllListeners().on('error', () => undefined);
    session.socket.close();
    if (sessions.size > 0) return;
    clearInterval(sweeper);
    sweeper = undefined;
  }

  function sweep(): void {
    const now = Date.now();
    for (const [client, session] of sessions) {
      if (now - session.lastSeen > (session.answered ? idle.answered : idle.unanswered)) end(client, session);
    }
  }

  function begin(client: string, reply: (answer: Buffer) => void, target: Target): Session {
    const socket = createSocket('udp4');
    const session: Session = { socket, target: nameOf(target), lastSeen: 0, answered: false, ready: false };
    socket.on('message', (message) => {
      session.lastSeen = Date.now();
      session.answered = true;
      reply(message);
    });
    // Nobody listens there, or the endpoint is gone: the next datagram looks anew.
    socket.on('error', () => end(client, session));
    socket.connect(target.port, target.address, () => {
      session.ready = true;
    });
    sessions.set(client, session);
    sweeper ??= setInterval(sweep, 10_000).unref();
    if (sessions.size > mostSessions) {
      for (const [oldest, one] of sessions) {
        end(oldest, one);
        break;
      }
    }
    return session;
  }

  return {
    pass(message, client, reply, choose) {
      let session = sessions.get(client);
      if (!session) {
        const target = choose();
        if (!target) return;
        session = begin(client, reply, target);
      }
      session.lastSeen = Date.now();
      const { socket } = session;
      if (session.ready) socket.send(message);
      else socket.once('connect', () => socket.send(message));
    },
    retain(targets) {
      const names = new Set(targets.map(nameOf));
      for (const [client, session] of sessions) if (!names.has(session.target)) end(client, session);
    },
    close() {
      for (const [client, session] of sessions) end(client, session);
    },
  };
}
