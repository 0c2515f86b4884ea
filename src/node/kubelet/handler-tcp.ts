import { connect } from 'node:net';
import type { HandlerResult } from './handler-result.ts';

/** Whether a port takes connections. @param timeout in milliseconds */
export function dialTcp(host: string, port: number, timeout: number): Promise<HandlerResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (result: HandlerResult) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const fail = (output: string) => settle({ outcome: 'failure', output });
    const timer = setTimeout(() => fail(`dial tcp ${addressOf(host, port)}: i/o timeout`), timeout);
    socket.on('connect', () => settle({ outcome: 'success', output: '' }));
    socket.on('error', (error) => fail(dialError(error, host, port)));
  });
}

/** 'HOST:PORT', with brackets around an IPv6 address. */
export const addressOf = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** Why a connection failed, in Go's words. */
export function dialError(error: Error, host: string, port: number): string {
  const code = 'code' in error ? error.code : undefined;
  const address = addressOf(host, port);
  if (code === 'ECONNREFUSED') return `dial tcp ${address}: connect: connection refused`;
  if (code === 'EHOSTUNREACH') return `dial tcp ${address}: connect: no route to host`;
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${host}: no such host`;
  return code === 'ECONNRESET' ? 'EOF' : error.message;
}
