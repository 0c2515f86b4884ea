// Sets of the indexes of a Job's completions, as ascending intervals: the format of Job.status.completedIndexes.

/** An interval of indexes, both ends included. */
export type Interval = readonly [first: number, last: number];

/** The intervals of indexes in a text like '0,3-5,7'; a text says what is wrong (the format of Job.status.completedIndexes). */
export function parseIndexes(text: string, completions: number): Interval[] | string {
  if (text === '') return [];
  const intervals: Interval[] = [];
  for (const part of text.split(',')) {
    const interval = parseInterval(part, completions);
    if (typeof interval === 'string') return interval;
    const last = intervals.at(-1)?.[1];
    if (last !== undefined && last >= interval[0]) {
      return `non-increasing order, previous: ${last}, current: ${interval[0]}`;
    }
    intervals.push(interval);
  }
  return intervals;
}

function parseInterval(text: string, completions: number): Interval | string {
  const parts = text.split('-');
  if (parts.length > 2) {
    return `the fragment ${JSON.stringify(text)} violates the requirement that an index interval can have at most two parts separated by '-'`;
  }
  const limits: number[] = [];
  for (const part of parts) {
    if (!/^\+?\d{1,18}$/.test(part)) return `cannot convert string to integer for index: ${JSON.stringify(part)}`;
    if (Number(part) >= completions) return `too large index: ${JSON.stringify(part)}`;
    limits.push(Number(part));
  }
  const [first = 0, last] = limits;
  if (last === undefined) return [first, first];
  return first >= last ? `non-increasing order, previous: ${first}, current: ${last}` : [first, last];
}

/** The text that parseIndexes reads. Two indexes side by side are a list, three are an interval. */
export function formatIndexes(intervals: readonly Interval[]): string {
  return intervals
    .map(([first, last]) => (first === last ? `${first}` : `${first}${last === first + 1 ? ',' : '-'}${last}`))
    .join(',');
}

/** How many indexes there are in intervals. */
export function countIndexes(intervals: readonly Interval[]): number {
  return intervals.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

/** The first index that two ascending lists of intervals share. */
export function commonIndex(a: readonly Interval[], b: readonly Interval[]): number | undefined {
  return intersectIndexes(a, b)[0]?.[0];
}

/** The indexes that are in both lists. */
export function intersectIndexes(a: readonly Interval[], b: readonly Interval[]): Interval[] {
  const common: Interval[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [[aFirst, aLast], [bFirst, bLast]] = [a[i], b[j]] as [Interval, Interval];
    const [first, last] = [Math.max(aFirst, bFirst), Math.min(aLast, bLast)];
    if (first <= last) common.push([first, last]);
    if (aLast <= bLast) i++;
    else j++;
  }
  return common;
}

/** The indexes that are in either list; intervals that touch become one. */
export function mergeIndexes(a: readonly Interval[], b: readonly Interval[]): Interval[] {
  const merged: Interval[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const [one, other] = [a[i], b[j]];
    const next = (one && (!other || one[0] < other[0]) ? one : other) as Interval;
    if (next === one) i++;
    else j++;
    const last = merged.at(-1);
    if (!last || next[0] > last[1] + 1) merged.push(next);
    else if (next[1] > last[1]) merged[merged.length - 1] = [last[0], next[1]];
  }
  return merged;
}

/** Single indexes, in any order and perhaps repeated, as intervals. */
export function intervalsOf(indexes: Iterable<number>): Interval[] {
  const single = [...new Set(indexes)].sort((a, b) => a - b).map((index): Interval => [index, index]);
  return mergeIndexes(single, []);
}

/** Whether an index is in the intervals, found by halving. */
export function hasIndex(intervals: readonly Interval[], index: number): boolean {
  let [low, high] = [0, intervals.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((intervals[middle]?.[1] ?? 0) >= index) high = middle;
    else low = middle + 1;
  }
  const found = intervals[low];
  return found !== undefined && found[0] <= index;
}

/** The lowest indexes below `end` that are not in the intervals, at most so many: bounded by these two, not by `end`. */
export function lowestAbsent(intervals: readonly Interval[], count: number, end: number): number[] {
  const absent: number[] = [];
  let candidate = 0;
  for (const [first, last] of [...intervals, [end, end] as const]) {
    for (; candidate < Math.min(first, end) && absent.length < count; candidate++) absent.push(candidate);
    candidate = Math.max(candidate, last + 1);
  }
  return absent;
}
