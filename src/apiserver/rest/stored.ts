import type { KubeObject } from '../../machinery/index.ts';
import type { Registration } from '../registry/registration.ts';
import type { Entry } from '../store/entry.ts';
import { type Steps, wait } from './steps.ts';

/** The object as it is stored; waits only where a webhook converts it. */
export function* stored(registration: Registration, object: KubeObject): Steps<KubeObject> {
  if (!registration.convertToStorage) return registration.toStorage(object);
  return yield* wait(registration.convertToStorage(object));
}

/** Waits until the version of a request can show an entry; only a webhook takes time for that. */
export function* viewable(registration: Registration, entry: Entry): Steps<void> {
  const ready = registration.prepare?.([entry]);
  if (ready) yield* wait(ready);
}
