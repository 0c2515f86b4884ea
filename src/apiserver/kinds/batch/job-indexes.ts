/** An interval of indexes, both ends included. */
type Interval = readonly [first: number, last: number];

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

/** How many indexes there are in intervals. */
export function countIndexes(intervals: readonly Interval[]): number {
  return intervals.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

/** The first index that two ascending lists of intervals share. */
export function commonIndex(a: readonly Interval[], b: readonly Interval[]): number | undefined {
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [[aFirst, aLast], [bFirst, bLast]] = [a[i], b[j]] as [Interval, Interval];
    if (aFirst <= bLast && bFirst <= aLast) return Math.max(aFirst, bFirst);
    if (aFirst <= bFirst) i++;
    else j++;
  }
  return undefined;
}
