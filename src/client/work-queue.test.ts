import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createWorkQueue } from './work-queue.ts';

describe('a work queue', () => {
  it('hands a key out once however often it was added', async () => {
    const queue = createWorkQueue();
    queue.add('a');
    queue.add('a');
    queue.add('b');
    expect(queue.length).toBe(2);
    expect([await queue.next(), await queue.next()]).toEqual(['a', 'b']);
  });

  it('hands a key out again that was added while in work, and only when it is done', async () => {
    const queue = createWorkQueue();
    queue.add('a');
    await queue.next();
    queue.add('a');
    expect(queue.length).toBe(0);
    queue.done('a');
    expect(await queue.next()).toBe('a');
  });

  it('ends waiting workers when it is shut down and takes nothing after that', async () => {
    const queue = createWorkQueue();
    const waiting = queue.next();
    queue.shutDown();
    queue.add('a');
    expect(await waiting).toBeUndefined();
    expect(await queue.next()).toBeUndefined();
  });

  it('never loses a key, never gives one to two workers, for any sequence of operations', async () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('add'), key }),
      fc.record({ kind: fc.constant('next'), key }),
      fc.record({ kind: fc.constant('done'), key }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
        const queue = createWorkQueue();
        const pending = new Set<string>();
        const working = new Set<string>();
        for (const { kind, key: name } of operations) {
          if (kind === 'add') {
            queue.add(name);
            pending.add(name);
          } else if (kind === 'done' && working.delete(name)) {
            queue.done(name);
          } else if (kind === 'next' && queue.length > 0) {
            const taken = (await queue.next()) ?? '';
            expect(working.has(taken)).toBe(false);
            expect(pending.delete(taken)).toBe(true);
            working.add(taken);
          }
        }
        for (const name of working) queue.done(name);
        const rest = new Set<string>();
        while (queue.length > 0) rest.add((await queue.next()) ?? '');
        expect(rest).toEqual(pending);
      }),
    );
  });
});

describe('delays of a work queue', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('adds after the earliest of several delays, once', () => {
    const queue = createWorkQueue();
    queue.addAfter('a', 100);
    queue.addAfter('a', 50);
    queue.addAfter('a', 200);
    vi.advanceTimersByTime(49);
    expect(queue.length).toBe(0);
    vi.advanceTimersByTime(1);
    expect(queue.length).toBe(1);
    vi.advanceTimersByTime(1000);
    expect(queue.length).toBe(1);
  });

  it('doubles the back-off of a key from 5 ms to 1,000 s until it is forgotten', async () => {
    const queue = createWorkQueue();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 20; attempt += 1) {
      queue.addRateLimited('a');
      let waited = 0;
      while (queue.length === 0) {
        vi.advanceTimersToNextTimer();
        waited += 1;
      }
      waits.push(waited);
      await queue.next();
      queue.done('a');
    }
    expect(waits).toHaveLength(20);
    const started = performance.now();
    queue.addRateLimited('a');
    vi.advanceTimersByTime(999_999);
    expect(queue.length).toBe(0);
    vi.advanceTimersByTime(1);
    expect(queue.length).toBe(1);
    expect(performance.now() - started).toBe(1_000_000);
    await queue.next();
    queue.done('a');
    queue.forget('a');
    queue.addRateLimited('a');
    vi.advanceTimersByTime(5);
    expect(queue.length).toBe(1);
  });

  it('drops delayed keys when it is shut down', () => {
    const queue = createWorkQueue();
    queue.addAfter('a', 10);
    queue.shutDown();
    expect(vi.getTimerCount()).toBe(0);
  });
});
