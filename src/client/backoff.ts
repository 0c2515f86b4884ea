/** Waits that double from `first` to `longest` milliseconds, each drawn from its upper half so that crowds spread out. */
export interface Backoff {
  next(): number;
  reset(): void;
}

export function createBackoff(first: number, longest: number): Backoff {
  let step = 0;
  return {
    next() {
      const whole = Math.min(first * 2 ** Math.min(step, 40), longest);
      step += 1;
      return whole * (0.5 + Math.random() / 2);
    },
    reset() {
      step = 0;
    },
  };
}

/** Resolves after this many milliseconds, or at once when the signal fires. Never rejects. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, milliseconds);
    signal.addEventListener('abort', finish);
  });
}
