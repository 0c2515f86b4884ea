import type { RawWatchEvent, Transport, TransportRequest } from '../client/index.ts';
import { ApiError } from '../machinery/index.ts';
import type { UserInfo } from './contracts.ts';
import type { Core } from './core.ts';
import type { Documents } from './http/documents.ts';
import type { Nodes } from './http/pod-streams.ts';
import { readPodLog } from './pod-log.ts';
import { dispatch, noSuchResource } from './rest/dispatch.ts';
import { bookmarkObject } from './rest/envelope.ts';
import type { ApiRequest, Outcome } from './rest/request.ts';
import { requestInfo } from './rest/request-info.ts';
import { toValue } from './rest/value.ts';
import type { WatchActivity } from './watch-activity.ts';

/** What a request in process passes through: the same authorization and handlers as one over HTTP. */
export interface InProcess {
  core: Core;
  documents: Documents;
  nodes: Nodes;
  permit(user: UserInfo, info: ReturnType<typeof requestInfo>): void;
  activity: WatchActivity;
  /** Ends every watch. */
  stopped: AbortSignal;
}

const BATCH = 256;

/**
 * A Transport that calls the handlers directly. Objects in answers are the cache's own, parsed once for everyone.
 * @param user who makes the requests.
 */
export function createInProcessTransport(server: InProcess, user: UserInfo): Transport {
  function prepare(request: TransportRequest): ApiRequest {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) if (value !== undefined) query.set(name, value);
    const info = requestInfo(request.method, request.path, query);
    server.permit(user, info);
    return {
      info,
      query,
      user,
      userAgent: user.username,
      contentType: request.contentType ?? (request.method === 'PATCH' ? '' : 'application/json'),
      body: { value: request.body },
      warn: () => {},
      annotate: () => {},
    };
  }

  function document(path: string): unknown {
    const found = server.documents.reply(path, 'application/json');
    if (!found) throw noSuchResource();
    return JSON.parse(Buffer.from(found.body).toString('utf8'));
  }

  return {
    async request(request) {
      const prepared = prepare(request);
      const { info, query } = prepared;
      if (!info.isResource) return document(request.path);
      if (info.verb === 'get' && info.group === '' && info.resource === 'pods' && info.subresource === 'log') {
        const { pod, streams } = server.nodes.streamsFor(server.core.store, info);
        const signals = request.signal ? [request.signal, server.stopped] : [server.stopped];
        return readPodLog(pod, streams, query, AbortSignal.any(signals));
      }
      return toValue(await dispatch(server.core, prepared));
    },
    async *watch(request) {
      const prepared = prepare({ ...request, query: { ...request.query, watch: 'true' } });
      const outcome = await dispatch(server.core, prepared);
      if (outcome.kind !== 'watch') throw new ApiError(405, 'MethodNotAllowed', 'this path cannot be watched');
      const signals = request.signal ? [request.signal, server.stopped] : [server.stopped];
      yield* events(outcome, AbortSignal.any(signals), server.activity);
    },
  };
}

async function* events(
  outcome: Outcome & { kind: 'watch' },
  signal: AbortSignal,
  activity: WatchActivity,
): AsyncIterable<RawWatchEvent> {
  const { watch, registration, timeoutSeconds, bookmarks } = outcome;
  const { apiVersion, retired } = registration;
  const { kind } = registration.served;
  let wake = (): void => {};
  const end = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]);
  const onEnd = (): void => wake();
  end.addEventListener('abort', onEnd);
  retired?.addEventListener('abort', onEnd);
  watch.onReady(() => wake());
  const followed = activity.follow(watch);
  try {
    while (!end.aborted) {
      await watch.ready(BATCH);
      const items = watch.pull(BATCH);
      if (registration.prepare) {
        await registration.prepare(items.flatMap((item) => (item.type === 'BOOKMARK' ? [] : [item.entry])));
      }
      for (const item of items) {
        if (item.type !== 'BOOKMARK') {
          yield { type: item.type, object: registration.view(item.entry).object };
        } else if (bookmarks) {
          yield { type: 'BOOKMARK', object: bookmarkObject(apiVersion, kind, item) };
        }
      }
      if (watch.behind || end.aborted) continue;
      if (retired?.aborted) break;
      followed.waits(true);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      followed.waits(false);
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    yield { type: 'ERROR', object: error.toStatus() as unknown as RawWatchEvent['object'] };
  } finally {
    end.removeEventListener('abort', onEnd);
    retired?.removeEventListener('abort', onEnd);
    followed.end();
    watch.close();
  }
}
