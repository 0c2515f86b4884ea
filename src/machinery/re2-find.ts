import { holds, type Instruction } from './re2-program.ts';

/** A state that is being followed, and where its match began. Threads stand in the order of preference. */
interface Thread {
  state: number;
  from: number;
}

/** The matches that Go's regexp prefers: the leftmost, and of those the one whose first choices are taken. */
export function findAll(program: readonly Instruction[], start: number, text: string, limit: number): string[] {
  const found: string[] = [];
  let last = -1;
  for (let at = 0; at <= text.length && found.length < limit; ) {
    const match = findFrom(program, start, text, at);
    if (!match) break;
    const [from, to] = match;
    // An empty match right behind another is none.
    if (to > from || from !== last) found.push(text.slice(from, to));
    last = to;
    at = to > at ? to : at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
    if (to > from) at = to;
  }
  return found;
}

function findFrom(
  program: readonly Instruction[],
  start: number,
  text: string,
  begin: number,
): [from: number, to: number] | undefined {
  let best: [number, number] | undefined;
  let threads: Thread[] = [];
  const before = (at: number): number => (at === 0 ? -1 : (text.codePointAt(at - (isPair(text, at) ? 2 : 1)) ?? -1));
  for (let at = begin; ; ) {
    const point = text.codePointAt(at) ?? -1;
    // Once there is a match, no later one is of interest.
    if (!best) threads.push({ state: start, from: at });
    const live: Thread[] = [];
    const seen = new Uint8Array(program.length);
    for (const thread of threads) {
      const matched = closure(program, thread, { live, seen, before: before(at), after: point });
      if (!matched) continue;
      best = [thread.from, at];
      break;
    }
    if (point < 0 || (live.length === 0 && best)) return best;
    threads = [];
    for (const { state, from } of live) {
      const instruction = program[state];
      if (instruction?.op === 'char' && instruction.set(point)) threads.push({ state: instruction.next, from });
    }
    at += point > 0xffff ? 2 : 1;
  }
}

const isPair = (text: string, at: number): boolean => at > 1 && (text.codePointAt(at - 2) ?? 0) > 0xffff;

interface Step {
  live: Thread[];
  seen: Uint8Array;
  before: number;
  after: number;
}

/** Adds what a thread reaches without reading, the preferred first; true when that is a match, which ends the step. */
function closure(program: readonly Instruction[], { state: start, from }: Thread, step: Step): boolean {
  const pending = [start];
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    const instruction = program[state];
    if (instruction === undefined || step.seen[state]) continue;
    step.seen[state] = 1;
    if (instruction.op === 'match') return true;
    if (instruction.op === 'char') step.live.push({ state, from });
    else if (instruction.op === 'split') pending.push(instruction.other, instruction.next);
    else if (holds(instruction.what, step.before, step.after)) pending.push(instruction.next);
  }
  return false;
}
