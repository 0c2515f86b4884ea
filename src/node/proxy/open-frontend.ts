import type { Socket } from 'node:net';
import type { Target } from './backends.ts';
import { connectAny, join } from './forward.ts';
import { openListener } from './listener.ts';
import { createUdpSessions } from './udp-sessions.ts';

/** Answers for a Service in this process, in the place of endpoints. */
export interface ServiceAnswerer {
  datagram(message: Buffer, client: string): Promise<Buffer | undefined>;
  connection(socket: Socket): void;
}

/** What a frontend asks about each client. */
export interface FrontendRules {
  maySpeak(client: string): boolean;
  /** The endpoints that the client may be given, the best one first. */
  targets(client: string): readonly Target[];
  chosen(client: string, target: Target): void;
  answerer: ServiceAnswerer | undefined;
  /** It listens, or cannot for the moment. */
  changed(error: Error | undefined): void;
  /** Every connection, as long as it is open. */
  sockets: Set<Socket>;
}

export interface RunningFrontend {
  /** Ends the UDP conversations with endpoints that are none any more. */
  retain(targets: readonly Target[]): void;
  /** Takes nothing new. TCP connections stay, as they do with kube-proxy: the pod behind them decides. */
  close(): void;
}

/** Listens at an address and passes what comes on to endpoints. */
export function openFrontend(
  at: { ip: string; number: number; protocol: 'TCP' | 'UDP' },
  rules: FrontendRules,
): RunningFrontend {
  const sessions = createUdpSessions();
  const listener = openListener(at, {
    changed: rules.changed,
    connection: (socket) => passConnection(socket, rules),
    datagram(message, { address, port }, reply) {
      if (!rules.maySpeak(address)) return;
      if (rules.answerer) {
        void rules.answerer.datagram(message, address).then((answer) => answer && reply(answer));
        return;
      }
      sessions.pass(message, `${address}:${port}`, reply, () => {
        const [target] = rules.targets(address);
        if (target) rules.chosen(address, target);
        return target;
      });
    },
  });
  return {
    retain: (targets) => sessions.retain(targets),
    close() {
      listener.close();
      sessions.close();
    },
  };
}

function passConnection(socket: Socket, rules: FrontendRules): void {
  rules.sockets.add(socket);
  socket.on('close', () => rules.sockets.delete(socket));
  socket.on('error', () => socket.destroy());
  // Where both families are listened on, an IPv4 client comes in IPv6's clothes.
  const client = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  if (!rules.maySpeak(client)) return void socket.resetAndDestroy();
  if (rules.answerer) return void rules.answerer.connection(socket);
  connectAny(rules.targets(client)).then(
    ({ socket: onward, target }) => {
      rules.chosen(client, target);
      join(socket, onward);
    },
    () => socket.resetAndDestroy(),
  );
}
