import type { ReconcileResult } from '../../client/index.ts';
import { VolumeError } from '../../volumes/index.ts';

/** Milliseconds: as the sidecars of CSI drivers do. */
const [firstWait, longestWait] = [1000, 300_000];

/**
 * Wraps a reconcile that asks drivers of volumes: what one of them refuses has been said in an Event, and is tried again
 * after a second, then two, up to five minutes. Other errors are the controller's to retry.
 */
export function patiently(
  reconcile: (key: string) => Promise<ReconcileResult | undefined>,
): (key: string) => Promise<ReconcileResult | undefined> {
  const failures = new Map<string, number>();
  return async (key) => {
    try {
      const result = await reconcile(key);
      failures.delete(key);
      return result;
    } catch (error) {
      if (!(error instanceof VolumeError)) throw error;
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      return { requeueAfter: Math.min(firstWait * 2 ** count, longestWait) };
    }
  };
}
