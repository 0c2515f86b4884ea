import { type Interval, intersectIndexes, mergeIndexes, parseIndexes } from '../../machinery/index.ts';

/**
 * The indexes of a text below a number of completions: an elastic job may have been made smaller since they were written.
 * What cannot be read, which no API server lets pass, is none.
 */
export function clippedIndexes(text: string | undefined, completions: number): Interval[] {
  const parsed = parseIndexes(text ?? '', Number.POSITIVE_INFINITY);
  if (typeof parsed === 'string' || completions <= 0) return [];
  return intersectIndexes(mergeIndexes(parsed, []), [[0, completions - 1]]);
}
