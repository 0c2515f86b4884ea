/**
 * What a controller has asked the API for and has not yet seen come back through its informer. Until it has, the cache
 * is behind and acting on it again would create or delete too much (upstream: ControllerExpectations).
 */
export interface Expectations {
  /** What is expected of a key takes the place of what was before. Deletions are of uids, so that seeing one twice counts once. */
  expectChanges(key: string, creations: number, deletions: readonly string[]): void;
  creationObserved(key: string, count?: number): void;
  deletionObserved(key: string, uid: string): void;
  /** True if nothing is outstanding, or what is has been for so long that it must have been missed. */
  satisfied(key: string): boolean;
  forget(key: string): void;
}

interface Outstanding {
  creations: number;
  deletions: Set<string>;
  /** Milliseconds of the monotonic clock. */
  since: number;
}

/** Milliseconds after which the cache is believed again (upstream: ExpectationsTimeout). */
export const expectationsTimeout = 5 * 60_000;

export function createExpectations(now: () => number = () => performance.now()): Expectations {
  const outstanding = new Map<string, Outstanding>();

  function settle(key: string, entry: Outstanding): void {
    if (entry.creations <= 0 && entry.deletions.size === 0) outstanding.delete(key);
  }

  return {
    expectChanges(key, creations, deletions) {
      outstanding.set(key, { creations, deletions: new Set(deletions), since: now() });
    },
    creationObserved(key, count = 1) {
      const entry = outstanding.get(key);
      if (!entry) return;
      entry.creations -= count;
      settle(key, entry);
    },
    deletionObserved(key, uid) {
      const entry = outstanding.get(key);
      if (entry?.deletions.delete(uid)) settle(key, entry);
    },
    satisfied(key) {
      const entry = outstanding.get(key);
      return !entry || now() - entry.since > expectationsTimeout;
    },
    forget: (key) => void outstanding.delete(key),
  };
}
