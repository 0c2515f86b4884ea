import type { CharSet } from './re2-chars.ts';
import { findAll } from './re2-find.ts';
import { parseRe2, type Regex, RegexSyntaxError } from './re2-parse.ts';
import { holds, type Instruction } from './re2-program.ts';

/** A compiled RE2 expression. */
export interface Re2 {
  /** True when the expression matches anywhere in the text. Takes time linear in the text, whatever the expression. */
  test(text: string): boolean;
  /**
   * The parts of a text that match, from left to right, none overlapping another: what Go's FindAllString gives.
   * @param limit the most that are looked for.
   */
  findAll(text: string, limit: number): string[];
}

/** Instructions of one expression at most; counted repeats are unrolled. */
const maxProgram = 10_000;

/**
 * Compiles a regular expression with the syntax and the guarantees of Go's regexp package, which CRD patterns and CEL
 * are written for: JavaScript's own engine differs in syntax and can be made to run for ever by a hostile pattern.
 * Thompson's construction, simulated on all states at once (https://swtch.com/~rsc/regexp/regexp2.html).
 * Throws RegexSyntaxError with Go's message.
 */
export function compileRe2(source: string): Re2 {
  const program: Instruction[] = [];
  const match = push(program, { op: 'match' });
  const start = emit(program, parseRe2(source), match);
  for (const instruction of program) {
    if (instruction.op === 'char') instruction.set = withAsciiTable(instruction.set);
  }
  return { test: (text) => run(program, start, text), findAll: (text, limit) => findAll(program, start, text, limit) };
}

const compiled = new Map<string, Re2>();

/** compileRe2 that remembers the last thousand expressions. */
export function cachedRe2(source: string): Re2 {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  const made = compileRe2(source);
  if (compiled.size >= 1000) compiled.delete(compiled.keys().next().value ?? '');
  compiled.set(source, made);
  return made;
}

function push(program: Instruction[], instruction: Instruction): number {
  if (program.length >= maxProgram) throw new RegexSyntaxError('error parsing regexp: expression too large');
  program.push(instruction);
  return program.length - 1;
}

/** Adds the instructions of a regex that go on at `next`; returns where they begin. Built from the end backwards. */
function emit(program: Instruction[], regex: Regex, next: number): number {
  switch (regex.kind) {
    case 'chars':
      return push(program, { op: 'char', set: regex.set, next });
    case 'assert':
      return push(program, { op: 'assert', what: regex.what, next });
    case 'sequence':
      // An empty sequence costs an instruction too, so that nested counted repeats of nothing meet the limit.
      if (regex.items.length === 0) return push(program, { op: 'split', next, other: next });
      return regex.items.reduceRight((then, item) => emit(program, item, then), next);
    case 'choice': {
      const starts = regex.items.map((item) => emit(program, item, next));
      return starts.reduceRight((other, first) => push(program, { op: 'split', next: first, other }));
    }
    case 'repeat':
      return emitRepeat(program, regex, next);
  }
}

function emitRepeat(program: Instruction[], regex: Regex & { kind: 'repeat' }, next: number): number {
  let at = next;
  if (regex.max === Infinity) {
    const loop = push(program, { op: 'split', next, other: next });
    program[loop] = choose(regex.lazy, emit(program, regex.item, loop), next);
    at = loop;
  } else {
    for (let i = regex.min; i < regex.max; i++) {
      at = push(program, choose(regex.lazy, emit(program, regex.item, at), next));
    }
  }
  for (let i = 0; i < regex.min; i++) at = emit(program, regex.item, at);
  return at;
}

/** Once more, or on: which of the two is tried first. */
const choose = (lazy: boolean, more: number, on: number): Instruction =>
  lazy ? { op: 'split', next: on, other: more } : { op: 'split', next: more, other: on };

function withAsciiTable(set: CharSet): CharSet {
  const ascii = Uint8Array.from({ length: 128 }, (_, point) => (set(point) ? 1 : 0));
  return (point) => (point < 128 ? ascii[point] === 1 : set(point));
}

/** The states of a step, each at most once. */
interface StateSet {
  states: number[];
  seen: Uint32Array;
  step: number;
}

const stateSet = (size: number): StateSet => ({ states: [], seen: new Uint32Array(size), step: 0 });

function run(program: readonly Instruction[], start: number, text: string): boolean {
  let current = stateSet(program.length);
  let following = stateSet(program.length);
  let before = -1;
  for (let at = 0; ; ) {
    const point = text.codePointAt(at) ?? -1;
    // A match may begin anywhere, so the start state joins at every position.
    if (follow(program, start, current, before, point)) return true;
    if (point < 0) return false;
    at += point > 0xffff ? 2 : 1;
    const after = text.codePointAt(at) ?? -1;
    following.states.length = 0;
    following.step++;
    for (const state of current.states) {
      const instruction = program[state];
      if (instruction?.op !== 'char' || !instruction.set(point)) continue;
      if (follow(program, instruction.next, following, point, after)) return true;
    }
    [current, following] = [following, current];
    before = point;
  }
}

/** Adds a state and all that it reaches without reading a character; true when that is a match. */
function follow(
  program: readonly Instruction[],
  start: number,
  into: StateSet,
  before: number,
  after: number,
): boolean {
  const pending = [start];
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    const instruction = program[state];
    if (instruction === undefined || into.seen[state] === into.step + 1) continue;
    into.seen[state] = into.step + 1;
    if (instruction.op === 'match') return true;
    if (instruction.op === 'char') into.states.push(state);
    else if (instruction.op === 'split') pending.push(instruction.other, instruction.next);
    else if (holds(instruction.what, before, after)) pending.push(instruction.next);
  }
  return false;
}
