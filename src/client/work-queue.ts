/**
 * A queue of keys to reconcile, with the guarantees of client-go's util/workqueue: a key is queued once however often
 * it is added, is never handed to two workers at a time, and is handed out again if it was added while in work.
 */
export interface WorkQueue {
  add(key: string): void;
  /** Adds the key after this many milliseconds; of several pending delays the earliest counts. */
  addAfter(key: string, milliseconds: number): void;
  /** Adds the key after its back-off, which doubles with every call until `forget`. Returns it, in milliseconds. */
  addRateLimited(key: string): number;
  /** Ends the key's back-off: it has succeeded. */
  forget(key: string): void;
  /** The next key, or undefined once the queue is shut down. Every key must be given back with `done`. */
  next(): Promise<string | undefined>;
  done(key: string): void;
  /** Drops what is waiting and lets every `next` resolve to undefined. */
  shutDown(): void;
  /** Keys ready to be handed out. */
  readonly length: number;
  /** The keys that are ready, in work, or waiting out a back-off. Those that were added for later (`addAfter`) are not. */
  unsettled(): string[];
  /** Resolves once there are no unsettled keys. */
  settled(): Promise<void>;
}

export interface WorkQueueOptions {
  /** First back-off of a key in milliseconds. Default 5. */
  baseDelay?: number;
  /** Longest back-off in milliseconds. Default 1,000,000. */
  maxDelay?: number;
}

/** Node's timers take at most a signed 32-bit count of milliseconds. */
const longestTimer = 2 ** 31 - 1;

export function createWorkQueue({ baseDelay = 5, maxDelay = 1_000_000 }: WorkQueueOptions = {}): WorkQueue {
  /** Ready, in order. A Set, so that taking the first and testing membership are both cheap. */
  const ready = new Set<string>();
  const processing = new Set<string>();
  /** Added while in work: to be queued again when done. */
  const again = new Set<string>();
  const delayed = new Map<string, { at: number; timer: NodeJS.Timeout }>();
  const failures = new Map<string, number>();
  const waiting: ((key: string | undefined) => void)[] = [];
  const settling: (() => void)[] = [];
  let closed = false;

  const isSettled = (): boolean => ready.size === 0 && processing.size === 0 && failures.size === 0;

  function tellSettled(): void {
    if (settling.length > 0 && isSettled()) for (const resolve of settling.splice(0)) resolve();
  }

  function take(): string | undefined {
    for (const key of ready) {
      ready.delete(key);
      processing.add(key);
      return key;
    }
    return undefined;
  }

  function handOut(): void {
    while (waiting.length > 0 && ready.size > 0) waiting.shift()?.(take());
  }

  function add(key: string): void {
    if (closed) return;
    if (processing.has(key)) {
      again.add(key);
      return;
    }
    ready.add(key);
    handOut();
  }

  function addAfter(key: string, milliseconds: number): void {
    if (closed) return;
    if (milliseconds <= 0) {
      add(key);
      return;
    }
    const delay = Math.min(milliseconds, longestTimer);
    const at = performance.now() + delay;
    const pending = delayed.get(key);
    if (pending) {
      if (pending.at <= at) return;
      clearTimeout(pending.timer);
    }
    const timer = setTimeout(() => {
      delayed.delete(key);
      add(key);
    }, delay);
    delayed.set(key, { at, timer });
  }

  return {
    add,
    addAfter,
    addRateLimited(key) {
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      // 2 ** 40 is far beyond any maximum; the cap keeps the power finite.
      const delay = Math.min(baseDelay * 2 ** Math.min(count, 40), maxDelay);
      addAfter(key, delay);
      return delay;
    },
    forget(key) {
      failures.delete(key);
      tellSettled();
    },
    next() {
      const key = take();
      if (key !== undefined || closed) return Promise.resolve(key);
      return new Promise((resolve) => waiting.push(resolve));
    },
    done(key) {
      processing.delete(key);
      if (again.delete(key)) add(key);
      tellSettled();
    },
    shutDown() {
      closed = true;
      for (const { timer } of delayed.values()) clearTimeout(timer);
      delayed.clear();
      ready.clear();
      again.clear();
      failures.clear();
      for (const resolve of waiting.splice(0)) resolve(undefined);
      tellSettled();
    },
    get length() {
      return ready.size;
    },
    unsettled: () => [...new Set([...ready, ...processing, ...failures.keys()])],
    settled() {
      if (isSettled()) return Promise.resolve();
      return new Promise((resolve) => settling.push(resolve));
    },
  };
}
