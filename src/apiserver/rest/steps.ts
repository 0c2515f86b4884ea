/**
 * A computation that may have to wait for something outside this process: it yields what it waits for and goes on with
 * what that resolves to. One that never waits is over with the first call of `next`, in the turn of the event loop in
 * which it began: that is how most writes are decided.
 */
export type Steps<T> = Generator<PromiseLike<unknown>, T, unknown>;

/** Waits for a promise in the middle of Steps: `const answer = yield* wait(call())`. */
export function* wait<T>(promise: PromiseLike<T>): Steps<T> {
  return (yield promise) as T;
}

/** Runs Steps to their end. What they return is there at once if they never wait. */
export function settle<T>(steps: Steps<T>): T | Promise<T> {
  const first = steps.next();
  return first.done ? first.value : resume(steps, first.value);
}

async function resume<T>(steps: Steps<T>, awaited: PromiseLike<unknown>): Promise<T> {
  for (let waiting = awaited; ; ) {
    const step = await next(steps, waiting);
    if (step.done) return step.value;
    waiting = step.value;
  }
}

async function next<T>(
  steps: Steps<T>,
  awaited: PromiseLike<unknown>,
): Promise<IteratorResult<PromiseLike<unknown>, T>> {
  let value: unknown;
  try {
    value = await awaited;
  } catch (error) {
    return steps.throw(error);
  }
  return steps.next(value);
}
