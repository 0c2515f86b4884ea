import type { Logger } from 'pino';
import { runTool } from '../linux/shell.ts';

/** Addresses of this machine that Services have. */
export interface AddressBook {
  take(ip: string): void;
  release(ip: string): void;
  /** Resolves when everything asked for so far is done. */
  settled(): Promise<void>;
}

/** Adds and removes addresses of a device as they are needed, many with one call of ip(8). */
export function createAddressBook(device: string, log: Logger): AddressBook {
  const users = new Map<string, number>();
  let commands: string[] = [];
  let running: Promise<void> = Promise.resolve();

  function queue(command: string): void {
    commands.push(command);
    if (commands.length > 1) return;
    running = running.then(async () => {
      const batch = commands;
      commands = [];
      await runTool('ip', ['-force', '-batch', '-'], `${batch.join('\n')}\n`);
    });
    running = running.catch((error: Error) => log.warn({ error: error.message }, 'setting the addresses of Services'));
  }

  return {
    take(ip) {
      const count = users.get(ip) ?? 0;
      users.set(ip, count + 1);
      if (count === 0) queue(`addr add ${ip}/32 dev ${device}`);
    },
    release(ip) {
      const count = (users.get(ip) ?? 1) - 1;
      if (count > 0) return void users.set(ip, count);
      users.delete(ip);
      queue(`addr del ${ip}/32 dev ${device}`);
    },
    settled: () => running,
  };
}
