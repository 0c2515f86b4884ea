import type { ApiServer } from '../apiserver/index.ts';
import type { Controller } from '../client/index.ts';

/**
 * Waits until the informers have every change and the controllers have dealt with them; see ControlPlane.settled.
 * A controller's last act may be a write that wakes another one, so it is over only when two rounds see the same revision.
 */
export async function settled(api: ApiServer, controllers: Iterable<Controller>, timeout: number): Promise<void> {
  const running = [...controllers];
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(unsettledError(running, timeout)), timeout);
  try {
    for (let before = -1; before !== api.revision; ) {
      before = api.revision;
      const idle = Promise.all([api.caughtUp(), ...running.map(({ activity }) => activity?.settled())]);
      await Promise.race([idle, late.promise]);
      // What the last changes set off in this turn of the event loop begins before the next round looks.
      await new Promise(setImmediate);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** The keys shown for one controller: more would bury the first, which is the likely cause. */
const SHOWN = 5;

function unsettledError(controllers: readonly Controller[], timeout: number): Error {
  const busy = controllers.flatMap(({ name, activity }) => {
    const keys = activity?.unsettled() ?? [];
    const shown = keys
      .slice(0, SHOWN)
      .map(({ key, error }) => (error === undefined ? key : `${key} (${String(error)})`));
    const more = keys.length > SHOWN ? ` and ${keys.length - SHOWN} more` : '';
    return keys.length === 0 ? [] : [`${name}: ${shown.join(', ')}${more}`];
  });
  const what = busy.length === 0 ? 'changes go on without end' : `still busy: ${busy.join('; ')}`;
  return new Error(`waiting for the controllers to settle: not within ${timeout} ms; ${what}`);
}
