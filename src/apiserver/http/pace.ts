/** How long watchers rest, as a multiple of how long their last turn was. */
const REST = 3;
/** … but no longer than this, in ms. */
const LONGEST_REST = 50;

/**
 * Wakes watchers together, and leaves most of the time to others: where there are many watchers, they are told of more
 * changes at a time, which costs little more than telling them of one. A few are told at once.
 * @returns what calls back soon: at once, unless watchers rest.
 */
export function createPace(): (wake: () => void) => void {
  const waiting = new Set<() => void>();
  let resting = false;

  function turn(): void {
    const woken = [...waiting];
    waiting.clear();
    resting = true;
    const began = performance.now();
    for (const wake of woken) wake();
    // What they write goes out before the next turn of the event loop.
    setImmediate(() => {
      const spent = Math.floor(Math.min(REST * (performance.now() - began), LONGEST_REST));
      if (spent === 0) rested();
      else setTimeout(rested, spent);
    });
  }

  function rested(): void {
    resting = false;
    if (waiting.size > 0) turn();
  }

  return (wake) => {
    waiting.add(wake);
    if (!resting) turn();
  };
}
