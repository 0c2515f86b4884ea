import { type CharSet, wordChar } from './re2-chars.ts';
import type { Assertion } from './re2-parse.ts';

/** A step of a compiled expression; `next` and `other` are the numbers of the steps that follow, the preferred one first. */
export type Instruction =
  | { op: 'char'; set: CharSet; next: number }
  | { op: 'split'; next: number; other: number }
  | { op: 'assert'; what: Assertion; next: number }
  | { op: 'match' };

/** Whether an assertion holds between two characters; -1 stands for no character. */
export function holds(what: Assertion, before: number, after: number): boolean {
  switch (what) {
    case 'textStart':
      return before < 0;
    case 'textEnd':
      return after < 0;
    case 'lineStart':
      return before < 0 || before === 10;
    case 'lineEnd':
      return after < 0 || after === 10;
    case 'wordBoundary':
      return wordChar(before) !== wordChar(after);
    case 'noWordBoundary':
      return wordChar(before) === wordChar(after);
  }
}
