import type { PodStreams } from '../client/index.ts';
import { badRequest, type KubeObject } from '../machinery/index.ts';
import { containerOf } from './http/pod-streams.ts';
import { parseLogOptions } from './streaming/log.ts';

/** No log that is read in one piece is longer than this, in bytes. */
const largestLog = 8 * 1024 * 1024;

/**
 * The log that a request in process asks for, in one piece.
 * @throws ApiError 400 for what cannot be read in one piece (`follow`) or not at all
 */
export async function readPodLog(
  pod: KubeObject,
  streams: PodStreams,
  query: URLSearchParams,
  signal: AbortSignal,
): Promise<string> {
  const options = parseLogOptions(query, Date.now());
  if (options.follow) throw badRequest('a log cannot be followed in process: leave out "follow"');
  const limit = Math.min(options.limitBytes ?? largestLog, largestLog);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of streams.logs(containerOf(pod, query), { ...options, limitBytes: limit }, signal)) {
    const part = chunk.subarray(0, limit - length);
    chunks.push(part);
    length += part.length;
    if (length >= limit) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}
