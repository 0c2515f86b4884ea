import type { ServerLog } from '../options.ts';
import type { Entry } from './entry.ts';
import type { Store } from './store.ts';

const MINUTE = 60_000;
/** History is kept this long, as kube-apiserver compacts etcd. */
const RETENTION = 5 * MINUTE;
/** … but no more records than this. */
const MAX_RECORDS = 50_000;
const EVENT_LIFETIME = 60 * MINUTE;
const EVENTS = { group: '', resource: 'events' };

/** Compacts the history by age and count and removes Events after an hour. Returns the way to stop, which waits for what is under way. */
export function maintain(store: Store, log: ServerLog): () => Promise<void> {
  const samples: { at: number; revision: number }[] = [];
  let running: Promise<void> | undefined;

  async function tick(now: number): Promise<void> {
    samples.push({ at: now, revision: store.revision });
    let floor = Math.max(0, store.revision - MAX_RECORDS);
    while (samples[0] && samples[0].at <= now - RETENTION) floor = Math.max(floor, samples.shift()?.revision ?? 0);
    if (floor > 0) await store.compact(floor);
    await expireEvents(store, now);
  }

  const timer = setInterval(() => {
    running ??= tick(Date.now())
      .catch((error: unknown) => log.error({ err: error }, 'compacting the store failed'))
      .finally(() => {
        running = undefined;
      });
  }, MINUTE);
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
