import type { ServerResponse } from 'node:http';

/** Resolves when the client has taken what was written, or is gone, or `signal` says that nobody waits any longer. */
export function drained(response: ServerResponse, signal?: AbortSignal): Promise<void> {
  if (response.destroyed || signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
    signal?.addEventListener('abort', done);
  });
}
