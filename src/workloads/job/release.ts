import type { Client } from '../../client/index.ts';
import { ignoringAbsence } from '../refusals.ts';
import { pods } from '../resources.ts';
import type { Pod } from '../types.ts';
import { isTracked, trackingFinalizer } from './pods.ts';

/** Lets a pod go that its job has counted, or never will. One that has gone already is as good. */
export async function releasePod(client: Client, pod: Pod): Promise<void> {
  if (!isTracked(pod)) return;
  const patch = { metadata: { '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] } };
  await ignoringAbsence(client.patch(pods, pod.metadata, 'strategic', patch));
}

/** Pods that were let go, by the key of their job, until the cache shows that they were: they must not be counted twice. */
export interface Released {
  of(key: string): Iterable<string>;
  add(key: string, uids: readonly string[]): void;
  observed(key: string, uid: string): void;
  forget(key: string): void;
}

export function createReleased(): Released {
  const released = new Map<string, Set<string>>();
  return {
    of: (key) => released.get(key) ?? [],
    add(key, uids) {
      const known = released.get(key) ?? new Set();
      for (const uid of uids) known.add(uid);
      released.set(key, known);
    },
    observed(key, uid) {
      const known = released.get(key);
      if (known?.delete(uid) && known.size === 0) released.delete(key);
    },
    forget: (key) => void released.delete(key),
  };
}
