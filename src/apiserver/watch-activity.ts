import type { Watch } from './cache/watch.ts';

/** Knows whether the in-process watches have handed on all there is: what a test waits for before it looks. */
export interface WatchActivity {
  /** Follows a watch until the returned function is called. */
  follow(watch: Watch): FollowedWatch;
  /** Resolves when every watch has handed on every change that is committed by then, and been asked for more. */
  caughtUp(): Promise<void>;
}

export interface FollowedWatch {
  /** Says whether the watch's reader waits for more, having dealt with all that it was given. */
  waits(waiting: boolean): void;
  end(): void;
}

export function createWatchActivity(): WatchActivity {
  const followed = new Map<Watch, boolean>();
  let resolvers: (() => void)[] = [];

  // A watch may fall behind between two turns of its reader: that is asked of the watch itself.
  const isCaughtUp = (): boolean => followed.entries().every(([watch, waiting]) => waiting && !watch.behind);

  function tell(): void {
    if (resolvers.length === 0 || !isCaughtUp()) return;
    const waiting = resolvers;
    resolvers = [];
    for (const resolve of waiting) resolve();
  }

  return {
    follow(watch) {
      followed.set(watch, false);
      return {
        waits(waiting) {
          followed.set(watch, waiting);
          if (waiting) tell();
        },
        end() {
          followed.delete(watch);
          tell();
        },
      };
    },
    caughtUp() {
      if (isCaughtUp()) return Promise.resolve();
      return new Promise((resolve) => resolvers.push(resolve));
    },
  };
}
