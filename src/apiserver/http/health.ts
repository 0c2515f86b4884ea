import type { ServerResponse } from 'node:http';

/** A named check: resolves to undefined when all is well, or to what is wrong. */
export type HealthCheck = { name: string; run: () => string | undefined };

const PATH = /^\/(healthz|livez|readyz)(?:\/(.+))?$/;

/**
 * Answers /healthz, /livez and /readyz, the checks under them by name, `?verbose` and `?exclude=NAME`.
 * False when the path is another.
 */
export function serveHealth(
  path: string,
  query: URLSearchParams,
  response: ServerResponse,
  checks: readonly HealthCheck[],
): boolean {
  const [, endpoint, single] = PATH.exec(path) ?? [];
  if (endpoint === undefined) return false;
  const excluded = new Set(query.getAll('exclude'));
  const chosen = checks.filter(({ name }) => (single === undefined || name === single) && !excluded.has(name));
  if (single !== undefined && chosen.length === 0) {
    sendPlain(response, 404, '404 page not found\n');
    return true;
  }
  const results = chosen.map(({ name, run }) => ({ name, problem: run() }));
  const failed = results.filter(({ problem }) => problem !== undefined);
  const lines = results.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`,
  );
  if (failed.length > 0) {
    sendPlain(response, 500, `${lines.join('\n')}\n${endpoint} check failed\n`);
  } else if (query.has('verbose')) {
    sendPlain(response, 200, `${lines.join('\n')}\n${endpoint} check passed\n`);
  } else sendPlain(response, 200, 'ok');
  return true;
}

export function sendPlain(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-cache, private',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
