/** Lets only so many things happen at once. */
export interface Turns {
  /** Runs an action when it is its turn. @param urgent before all that is waiting and is not */
  take<T>(action: () => Promise<T>, urgent?: boolean): Promise<T>;
}

/** @param most how many at once */
export function createTurns(most: number): Turns {
  const waiting: { urgent: (() => void)[]; other: (() => void)[] } = { urgent: [], other: [] };
  let free = most;
  return {
    async take(action, urgent = false) {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting[urgent ? 'urgent' : 'other'].push(resolve));
      try {
        return await action();
      } finally {
        const next = waiting.urgent.shift() ?? waiting.other.shift();
        if (next) next();
        else free += 1;
      }
    },
  };
}
