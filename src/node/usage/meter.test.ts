import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Usage } from '../runtime.ts';
import { createMeter } from './meter.ts';

const MiB = 1024 ** 2;

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'Date', 'setTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** Something that uses half a CPU and 5 MiB, and how often somebody looked at it. */
function halfBusy(): { read: () => Promise<Usage>; looks: () => number } {
  let looks = 0;
  const read = async (): Promise<Usage> => {
    looks += 1;
    return { cpuNanos: performance.now() * 1e6 * 0.5, memoryBytes: 5 * MiB };
  };
  return { read, looks: () => looks };
}

describe('a meter', () => {
  test('looks for a second at what it has not seen, then at all that was since', async () => {
    const meter = createMeter();
    const { read, looks } = halfBusy();
    const thing = {};
    const first = meter.measure(thing, read);
    // Whoever asks meanwhile waits for the same answer.
    const second = meter.measure(thing, read);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await first).toMatchObject({ window: 1_000, cpu: 5e8, memory: 5 * MiB });
    expect(await second).toBe(await first);
    expect(looks()).toBe(2);
    expect(await meter.measure(thing, read)).toBe(await first);
    expect(looks()).toBe(2);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(await meter.measure(thing, read)).toMatchObject({ window: 15_000, cpu: 5e8 });
    expect(looks()).toBe(3);
    await vi.advanceTimersByTimeAsync(61_000);
    const late = meter.measure(thing, read);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await late).toMatchObject({ window: 1_000 });
  });

  test('says nothing of what has ended', async () => {
    expect(await createMeter().measure({}, async () => undefined)).toBeUndefined();
  });
});
