import { PerformanceObserver } from 'node:perf_hooks';

/** Nothing was collected for so long: whoever made work has stopped, in milliseconds. */
const QUIET = 2_500;
/** Less than this is not worth stopping for, in bytes. */
const WORTH = 64 * 1024 * 1024;

/**
 * Gives memory back to the system once a load is over: V8 collects when it runs out of room, which an idle process never
 * does, and keeps the pages even then. It stops everything for as long as it takes (0.1 s for 25,000 objects), and so is
 * done in a quiet moment and only after the memory has grown a lot. Needs Node's --expose-gc; without it nothing is done.
 * @returns the way to stop.
 */
export function giveBackMemory(): () => void {
  const { gc } = globalThis;
  if (!gc) return () => {};
  let kept = memoryInUse();
  const quiet = setTimeout(() => {
    if (memoryInUse() - kept < WORTH) return;
    gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    kept = memoryInUse();
  }, QUIET).unref();
  // A process that does something makes garbage: V8's own collections tell that it is busy.
  const observer = new PerformanceObserver(() => quiet.refresh());
  observer.observe({ entryTypes: ['gc'] });
  return () => {
    observer.disconnect();
    clearTimeout(quiet);
  };
}

/** What the heap has taken from the system and what buffers hold, in bytes. */
function memoryInUse(): number {
  const { heapTotal, external } = process.memoryUsage();
  return heapTotal + external;
}
