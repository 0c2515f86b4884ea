import type { MeasuredUsage } from '../../client/index.ts';
import type { Usage } from '../runtime.ts';

/** A shorter window says little: the CPU time of a process may be counted in hundredths of a second. */
const SHORTEST = 1_000;
/** A longer one says what was, not what is. */
const LONGEST = 60_000;

/** Tells what things use from what they have used: nothing is looked at unless somebody asks. */
export interface Meter {
  /**
   * What a thing uses, on average since it was last asked for, or over a second if that is too long ago. Who asks again
   * within a second gets the same answer.
   * @param thing what stands for it; once it is gone, nothing is kept of it.
   * @param read what it has used so far; undefined for what has ended or cannot be measured.
   */
  measure(thing: object, read: () => Promise<Usage | undefined>): Promise<MeasuredUsage | undefined>;
}

interface Sample extends Usage {
  at: number;
}

interface Known {
  sample: Sample;
  answer: MeasuredUsage | undefined;
}

export function createMeter(): Meter {
  const known = new WeakMap<object, Known>();
  const underway = new WeakMap<object, Promise<MeasuredUsage | undefined>>();

  async function take(thing: object, read: () => Promise<Usage | undefined>): Promise<MeasuredUsage | undefined> {
    const last = known.get(thing);
    const age = last ? performance.now() - last.sample.at : Number.POSITIVE_INFINITY;
    if (last?.answer && age < SHORTEST) return last.answer;
    let before = age > LONGEST ? undefined : last?.sample;
    if (!before) {
      before = await sampled(read);
      if (!before) return undefined;
    }
    const wait = before.at + SHORTEST - performance.now();
    // Nobody has to wait for an answer in order to stop.
    if (wait > 0) await new Promise((resolve) => void setTimeout(resolve, wait).unref());
    const sample = await sampled(read);
    if (!sample) return undefined;
    const window = sample.at - before.at;
    // Billionths of seconds in thousandths of a second.
    const cpu = Math.max(0, Math.round(((sample.cpuNanos - before.cpuNanos) * 1000) / window));
    const answer = { at: Date.now(), window, cpu, memory: sample.memoryBytes };
    known.set(thing, { sample, answer });
    return answer;
  }

  return {
    measure(thing, read) {
      let answer = underway.get(thing);
      if (!answer) {
        answer = take(thing, read).finally(() => underway.delete(thing));
        underway.set(thing, answer);
      }
      return answer;
    },
  };
}

async function sampled(read: () => Promise<Usage | undefined>): Promise<Sample | undefined> {
  const usage = await read();
  return usage && { ...usage, at: performance.now() };
}
