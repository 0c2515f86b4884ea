import { notFound } from '../../machinery/index.ts';
import { listPage, type Page, tooLargeRevision } from '../cache/list.ts';
import { openWatch } from '../cache/watch.ts';
import type { Core } from '../core.ts';
import type { Registration } from '../registry/registration.ts';
import type { Entry } from '../store/entry.ts';
import { listQuery, parseResourceVersion } from './query.ts';
import type { ApiRequest, Outcome } from './request.ts';

/** A watch without timeoutSeconds ends after this long at least, and twice as long at most (upstream's spread). */
const MIN_WATCH_SECONDS = 1_800;
/** What a timer of Node's can hold. */
const LONGEST_WATCH_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

/** GET of one object. */
export function get(core: Core, registration: Registration, request: ApiRequest): Outcome | Promise<Outcome> {
  const { namespace, name } = objectKeyOf(registration, request);
  const wanted = request.query.get('resourceVersion');
  if (wanted) refuseFuture(core, parseResourceVersion(wanted, false));
  const entry = core.store.cache(registration.storage).entries.get(namespace, name);
  if (!entry) throw notFound(registration.served, name);
  return once(registration, [entry], () => ({
    kind: 'entry',
    code: 200,
    registration,
    entry: registration.view(entry),
  }));
}

/** Goes on when all entries can be viewed: at once, unless a webhook has to convert some. */
export function once<T>(registration: Registration, entries: readonly Entry[], go: () => T): T | Promise<T> {
  const ready = registration.prepare?.(entries);
  return ready ? ready.then(go) : go();
}

/** The key of the object that a path names. */
export function objectKeyOf(registration: Registration, { info }: ApiRequest): { namespace: string; name: string } {
  return { namespace: registration.served.namespaced ? info.namespace : '', name: info.name };
}

function refuseFuture(core: Core, wanted: number): void {
  if (wanted > core.store.revision) throw tooLargeRevision(wanted, core.store.revision);
}

/** LIST, a page of it or all. */
export function list(core: Core, registration: Registration, request: ApiRequest): Outcome | Promise<Outcome> {
  const query = listQuery(request, registration);
  const { resourceVersion, match } = query;
  if (resourceVersion !== undefined) refuseFuture(core, resourceVersion);
  // Upstream: a limited list at a given revision, without a match, means exactly that revision.
  const limitedAt = match === undefined && query.limit > 0 && resourceVersion !== undefined && resourceVersion > 0;
  const exact = match === 'Exact' || limitedAt ? resourceVersion : undefined;
  const cache = core.store.cache(registration.storage);
  const listed = listPage(cache, core.store.revision, query.selection, {
    limit: query.limit,
    ...(query.continue === undefined ? {} : { continue: query.continue }),
    ...(exact === undefined ? {} : { exact }),
  });
  const answer = (page: Page): Outcome | Promise<Outcome> =>
    once(registration, page.entries, () => ({ kind: 'list', registration, page }));
  return listed instanceof Promise ? listed.then(answer) : answer(listed);
}

/** WATCH, from a revision, from now, or beginning with what there is. */
export function watch(core: Core, registration: Registration, request: ApiRequest): Outcome {
  const query = listQuery(request, registration);
  const fromStart = query.resourceVersion === undefined || query.resourceVersion === 0;
  const streaming = query.sendInitialEvents === true;
  const initial = streaming || (fromStart && query.sendInitialEvents === undefined);
  if (streaming && query.resourceVersion !== undefined) refuseFuture(core, query.resourceVersion);
  const opened = openWatch(core.store.cache(registration.storage), () => core.store.revision, {
    selection: query.selection,
    after: initial || fromStart ? undefined : query.resourceVersion,
    initial,
    initialBookmark: streaming && query.allowWatchBookmarks,
  });
  const timeoutSeconds = watchSeconds(query.timeoutSeconds);
  return { kind: 'watch', registration, watch: opened, timeoutSeconds, bookmarks: query.allowWatchBookmarks };
}

/** How long a watch lasts: 0 is as good as nothing, and less ends it at once. */
function watchSeconds(wanted: number | undefined): number {
  if (wanted) return Math.min(Math.max(wanted, 0), LONGEST_WATCH_SECONDS);
  return Math.round(MIN_WATCH_SECONDS * (1 + Math.random()));
}
