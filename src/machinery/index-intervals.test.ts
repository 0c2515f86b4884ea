import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  commonIndex,
  countIndexes,
  formatIndexes,
  hasIndex,
  intersectIndexes,
  intervalsOf,
  lowestAbsent,
  mergeIndexes,
  parseIndexes,
} from './index-intervals.ts';

const indexes = fc.uniqueArray(fc.nat(60), { maxLength: 40 });
const ascending = (set: Iterable<number>): number[] => [...set].sort((a, b) => a - b);
const members = (intervals: ReturnType<typeof intervalsOf>): number[] =>
  intervals.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, offset) => first + offset));

describe('intervals of indexes', () => {
  test.each([
    [[], ''],
    [[4], '4'],
    [[0, 1], '0,1'],
    [[0, 1, 2, 5, 7, 8], '0-2,5,7,8'],
    [[3, 1, 2, 1], '1-3'],
  ])('%j is written %j', (given, written) => {
    expect(formatIndexes(intervalsOf(given))).toBe(written);
  });

  test('are sets: what is written is read, and union, intersection and membership are those of sets', () => {
    fc.assert(
      fc.property(indexes, indexes, (a, b) => {
        const [one, other] = [intervalsOf(a), intervalsOf(b)];
        expect(members(one)).toEqual(ascending(a));
        expect(countIndexes(one)).toBe(a.length);
        const read = parseIndexes(formatIndexes(one), 100);
        expect(typeof read === 'string' ? read : mergeIndexes(read, [])).toEqual(one);
        expect(members(mergeIndexes(one, other))).toEqual(ascending(new Set([...a, ...b])));
        const common = ascending(a.filter((index) => b.includes(index)));
        expect(members(intersectIndexes(one, other))).toEqual(common);
        expect(commonIndex(one, other)).toBe(common[0]);
        for (let index = 0; index <= 61; index++) expect(hasIndex(one, index)).toBe(a.includes(index));
      }),
    );
  });

  test('know the lowest that are not in them', () => {
    fc.assert(
      fc.property(indexes, fc.nat(70), fc.nat(70), (a, count, end) => {
        const absent = Array.from({ length: end }, (_, index) => index).filter((index) => !a.includes(index));
        expect(lowestAbsent(intervalsOf(a), count, end)).toEqual(absent.slice(0, count));
      }),
    );
  });
});
