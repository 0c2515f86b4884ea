import { conflict } from '../../machinery/index.ts';
import type { Entry } from '../store/entry.ts';
import type { Decision, Key } from '../store/store.ts';
import { type Steps, settle } from './steps.ts';
import type { Write } from './write.ts';

/** How often a write that waited starts again because its object was changed in the meantime. */
const MAX_ATTEMPTS = 10;

/** Why a write is refused that was made for another state of its object. */
export const STALE = 'the object has been modified; please apply your changes to the latest version and try again';

/**
 * Decides a write and stores what it decided. A decision that never waits is made and queued in one turn of the event
 * loop, so that nothing comes between. One that waited (for a webhook, say) counts only if the object still is what it
 * was decided on; otherwise it is made again on the object as it is now (upstream's GuaranteedUpdate).
 * @throws what `decide` throws; ApiError 409 for an object that changes faster than its admission answers.
 */
export async function commit(
  { core, registration, dryRun, flight }: Write,
  key: Key,
  decide: (current: Entry | undefined) => Steps<Decision>,
): Promise<Entry> {
  const { store } = core;
  const { storage, served } = registration;
  try {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const current = store.latest(storage, key);
      const deciding = settle(decide(current));
      const decision = deciding instanceof Promise ? await deciding : deciding;
      if (dryRun) return store.preview(storage, key, () => decision);
      if (store.latest(storage, key) !== current) continue;
      const stored = store.write(storage, key, () => decision);
      if (!('keep' in decision)) flight.beside?.();
      return await stored;
    }
    throw conflict(served, key.name, STALE);
  } finally {
    flight.over = true;
  }
}
