import type { ServerLog } from '../options.ts';
import type { Entry } from './entry.ts';
import type { Store } from './store.ts';

const MINUTE = 60_000;
/** History is kept this long, as kube-apiserver compacts etcd. */
const RETENTION = 5 * MINUTE;
/** … but no more records than this. */
const MAX_RECORDS = 50_000;
/** … and a tenth, so that not every write makes one go. */
const SLACK = 0.1;
/** How often a look is taken whether there is something to do, in milliseconds. */
const INTERVAL = 1_000;
const EVENT_LIFETIME = 60 * MINUTE;
const EVENTS = { group: '', resource: 'events' };

/**
 * Compacts the history by age and count, and of a full database all of it; removes Events after an hour. Writers go on
 * meanwhile.
 * @returns the way to stop, which waits for what is under way.
 */
export function maintain(store: Store, log: ServerLog): () => Promise<void> {
  const samples: { at: number; revision: number }[] = [];
  let lastMinute = Date.now();
  let wasFull = false;
  let running: Promise<void> | undefined;

  function oldestWanted(now: number): number {
    samples.push({ at: now, revision: store.revision });
    let floor = store.revision - MAX_RECORDS;
    while (samples[0] && samples[0].at <= now - RETENTION) floor = Math.max(floor, samples.shift()?.revision ?? 0);
    return floor;
  }

  async function everyMinute(now: number): Promise<void> {
    lastMinute = now;
    const floor = oldestWanted(now);
    if (floor > store.floor) await store.compact(floor);
    await expireEvents(store, now);
  }

  function tellIfFull(): void {
    if (store.full === wasFull) return;
    wasFull = store.full;
    if (wasFull)
      log.error(store.size(), 'the quota of the database is used up: only what needs no more room is written');
    else log.warn(store.size(), 'the database has room again');
  }

  /** What needs doing at once; undefined for nothing, as nearly always. */
  function due(now: number): Promise<void> | undefined {
    tellIfFull();
    if (store.full && store.revision > store.floor) return store.compact(store.revision);
    if (now >= lastMinute + MINUTE) return everyMinute(now);
    const excess = store.revision - store.floor - MAX_RECORDS;
    return excess > MAX_RECORDS * SLACK ? store.compact(store.revision - MAX_RECORDS) : undefined;
  }

  const timer = setInterval(() => {
    running ??= due(Date.now())
      ?.catch((error: unknown) => log.error({ err: error }, 'compacting the store failed'))
      .finally(() => {
        running = undefined;
      });
  }, INTERVAL);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}

/** Removes Events that nobody has touched for an hour. `now` is in milliseconds since the epoch. */
export async function expireEvents(store: Store, now: number): Promise<void> {
  const dead = [...store.cache(EVENTS).entries.from(undefined)].filter(
    (entry) => lastSeen(entry, now) < now - EVENT_LIFETIME,
  );
  await Promise.all(
    dead.map((entry) =>
      store.write(EVENTS, entry, (current) =>
        current && lastSeen(current, now) < now - EVENT_LIFETIME ? { remove: true } : { keep: current ?? entry },
      ),
    ),
  );
}

/** When an Event last happened, in milliseconds since the epoch. A time to come is nothing that was seen, and would keep it for ever. */
function lastSeen({ object }: Entry, now: number): number {
  const series = object['series'] as { lastObservedTime?: string } | undefined;
  const times = [
    object.metadata.creationTimestamp,
    object['lastTimestamp'],
    object['eventTime'],
    series?.lastObservedTime,
  ];
  return Math.max(0, ...times.map((time) => Date.parse(String(time))).filter((time) => time <= now));
}
