import { connect, type Socket } from 'node:net';
import type { Target } from './backends.ts';

const connectTimeout = 5_000;

/** Connects to the first target that accepts. @throws the last Error when none does */
export async function connectAny(targets: readonly Target[]): Promise<{ socket: Socket; target: Target }> {
  let last = new Error('there are no ready endpoints');
  for (const target of targets) {
    try {
      return { socket: await connectOne(target), target };
    } catch (error) {
      last = error instanceof Error ? error : new Error(String(error));
    }
  }
  throw last;
}

function connectOne({ address, port }: Target): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
    const timer = setTimeout(
      () => socket.destroy(new Error(`connecting to ${address}:${port} took longer than 5 s`)),
      connectTimeout,
    );
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
    socket.once('close', () => clearTimeout(timer));
  });
}

/**
 * Joins a connection that was accepted with the one onward, until both have ended; each side's end of data goes through
 * on its own.
 */
export function join(one: Socket, other: Socket): void {
  // The client went while the onward connection was made: nothing will tell of it again.
  if (one.destroyed) return void other.destroy();
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroySoon());
  }
}
