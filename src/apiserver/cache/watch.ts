import type { Entry } from '../store/entry.ts';
import type { ResourceCache } from './cache.ts';
import { expired } from './list.ts';
import type { ChangeEvent } from './ring.ts';
import { type Selection, selects } from './selection.ts';

/** What a watcher gets: an object that entered, changed in or left its selection, or a mark of how far it has come. */
export type WatchItem =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; entry: Entry; source: ChangeEvent | undefined }
  | { type: 'BOOKMARK'; revision: number; initialEventsEnd: boolean };

export interface WatchRequest {
  selection: Selection;
  /** Changes after this revision. undefined: begin now. */
  after: number | undefined;
  /** Begin with the objects there are, as ADDED. */
  initial: boolean;
  /** End the initial events with a bookmark that says so. */
  initialBookmark: boolean;
}

/** A cursor into the ring of changes: nothing is queued for a watcher, however slow it is. */
export interface Watch {
  /**
   * The next items, at most `limit` of them; none when nothing of what was looked at is for the watcher.
   * @throws ApiError 410 when the changes it needs next have fallen off the ring.
   */
  pull(limit: number): WatchItem[];
  /** What has to be waited for before the next pull of so many: set where fields are read off objects that a webhook converts. */
  ready(limit: number): Promise<void> | undefined;
  /** True when pull would look at something. */
  readonly behind: boolean;
  /** True when the next pull will throw: what it needs has fallen off the ring. */
  readonly lost: boolean;
  /** A bookmark for where the watcher is now; only meaningful when it is not behind. */
  bookmark(): WatchItem;
  /** Calls back whenever there may be more to pull. */
  onReady(listener: () => void): void;
  close(): void;
}

/** How long one pull may look for the objects that a watch begins with, in ms, and after how many it looks at the clock. */
const TURN = 5;
const LOOKS = 64;

/**
 * Begins a watch.
 * @param revision the store's newest committed revision, now and later.
 * @throws ApiError 410 when the changes after the wanted revision are not retained.
 */
export function openWatch(cache: ResourceCache, revision: () => number, request: WatchRequest): Watch {
  const { ring } = cache;
  const { selection } = request;
  const after = request.after ?? revision();
  if (!request.initial && !cache.reach(after)) throw expired(after, ring.startRevision);
  let position = request.initial ? ring.endPosition : ring.positionAfter(after);
  const began = revision();
  let initial = request.initial ? initialEntries(cache, selection) : undefined;
  /** How many of those have been looked at. */
  let begun = 0;
  /** Where changes end that fields can be read of, if that has to be waited for. */
  let readable = position;
  let unsubscribe: (() => void) | undefined;

  function pullInitial(items: WatchItem[], limit: number): void {
    const ends = performance.now() + TURN;
    for (let looked = 1; initial && items.length < limit; looked++) {
      if (looked % LOOKS === 0 && performance.now() > ends) return;
      const entry = initial[begun++];
      if (entry) {
        if (selects(selection, entry)) items.push({ type: 'ADDED', entry, source: undefined });
        continue;
      }
      initial = undefined;
      if (request.initialBookmark) items.push({ type: 'BOOKMARK', revision: began, initialEventsEnd: true });
    }
  }

  return {
    ready(limit) {
      if (!selection.prepare) return undefined;
      readable = Math.min(position + limit, ring.endPosition);
      const events = Array.from({ length: readable - position }, (_, i) => ring.at(position + i));
      const changed = events.flatMap((event) => (event ? [event.entry, event.previous] : []));
      return selection.prepare([...(initial ?? []), ...changed.filter((entry) => entry !== undefined)]);
    },
    get behind() {
      return initial !== undefined || position < ring.endPosition;
    },
    get lost() {
      return initial === undefined && position < ring.firstPosition;
    },
    pull(limit) {
      const items: WatchItem[] = [];
      pullInitial(items, limit);
      if (initial) return items;
      if (position < ring.firstPosition) throw expired(began, ring.startRevision);
      const end = Math.min(position + limit, selection.prepare ? readable : ring.endPosition);
      for (; position < end; position++) {
        const event = ring.at(position);
        // A client may ask to begin in the future: what lies before that is not for it.
        const item = event && event.revision > after ? transition(event, selection) : undefined;
        if (item) items.push(item);
      }
      return items;
    },
    bookmark: () => ({ type: 'BOOKMARK', revision: Math.max(revision(), after), initialEventsEnd: false }),
    onReady(listener) {
      unsubscribe = cache.onBatch(listener);
    },
    close() {
      unsubscribe?.();
      initial = undefined;
    },
  };
}

/**
 * The objects that a watch may begin with; held by reference, as they may change before a slow client has them all. Which
 * of them it is for is found out as it goes: to parse them all takes too long for one turn.
 */
function initialEntries(cache: ResourceCache, selection: Selection): readonly Entry[] {
  return [...cache.candidates(selection).from(selection.namespace)];
}

/** What a change is to a watcher: an object that enters its selection is ADDED, one that leaves it DELETED. */
function transition(event: ChangeEvent, selection: Selection): WatchItem | undefined {
  const { entry, previous } = event;
  if (event.type === 'DELETED') {
    return previous && selects(selection, previous) ? { type: 'DELETED', entry, source: event } : undefined;
  }
  const now = selects(selection, entry);
  const before = previous !== undefined && selects(selection, previous);
  if (now) return { type: before ? 'MODIFIED' : 'ADDED', entry, source: event };
  return before ? { type: 'DELETED', entry: previous.at(event.revision), source: undefined } : undefined;
}
