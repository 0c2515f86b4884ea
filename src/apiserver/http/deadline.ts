import { ApiError, badRequest } from '../../machinery/index.ts';
import type { RequestInfo } from '../contracts.ts';

/** How long a request may take, in milliseconds (upstream's --request-timeout). */
const MOST = 60_000;
/** Subresources that last as long as their clients like. */
const LONG = new Set(['attach', 'exec', 'log', 'portforward', 'proxy']);

/** True for requests that have no deadline and, but for watches, no part in the sharing of seats. */
export function isLongRunning({ isResource, verb, subresource }: RequestInfo): boolean {
  return isResource && (verb === 'watch' || LONG.has(subresource));
}

/** 504 in kube-apiserver's words. */
export function timedOut(): ApiError {
  return new ApiError(504, 'Timeout', 'Timeout: request did not complete within the allotted timeout', {});
}

/**
 * How long a request may take, in milliseconds: what its `timeout` parameter says, a minute at most.
 * @throws ApiError 400 for a parameter that is no duration of Go's.
 */
export function allottedTime(query: URLSearchParams): number {
  const text = query.get('timeout');
  if (!text) return MOST;
  const time = parseDuration(text);
  if (time === undefined) {
    throw badRequest(`invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text)}`);
  }
  return time <= 0 ? MOST : Math.min(time, MOST);
}

const UNITS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};
const DURATION = /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

/** Go's durations ('1m30s', '-1.5h'), in milliseconds (package time, ParseDuration). */
function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let time = 0;
  for (const [, amount, unit = ''] of text.matchAll(/([\d.]+)([a-zµμ]+)/g)) time += Number(amount) * (UNITS[unit] ?? 0);
  return text.startsWith('-') ? -time : time;
}
