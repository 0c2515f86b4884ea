import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCron } from './parse.ts';

const text = (time: number | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString().replace('.000Z', 'Z');

/** The next times of a schedule, in UTC; or what is wrong with it. */
function times(schedule: string, timeZone: string, after: string, count: number): (string | undefined)[] | string {
  const parsed = parseCron(schedule, timeZone);
  if (typeof parsed === 'string') return parsed;
  const found: (string | undefined)[] = [];
  for (let time: number | undefined = Date.parse(after); time !== undefined && found.length < count; ) {
    time = parsed.next(time);
    found.push(text(time));
  }
  return found;
}

describe('a schedule comes when robfig/cron 3 says so', () => {
  test.each([
    ['0 9 * * mon-fri', 'Asia/Kolkata', ['2026-01-01T03:30:00Z', '2026-01-02T03:30:00Z', '2026-01-05T03:30:00Z']],
    ['0 0 1,15 * *', 'Asia/Kathmandu', ['2026-01-14T18:15:00Z', '2026-01-31T18:15:00Z', '2026-02-14T18:15:00Z']],
    // A day of the month or of the week, if neither is '*' …
    ['0 0 13 * fri', 'UTC', ['2026-01-02T00:00:00Z', '2026-01-09T00:00:00Z', '2026-01-13T00:00:00Z']],
    // … and '*/2' is not '*'.
    ['0 0 */2 * fri', 'UTC', ['2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z', '2026-01-05T00:00:00Z']],
    ['0 0 29 2 *', 'UTC', ['2028-02-29T00:00:00Z', '2032-02-29T00:00:00Z', '2036-02-29T00:00:00Z']],
    ['5/15 8-18/4 ? JAN,jul SUN', 'UTC', ['2026-01-04T08:05:00Z', '2026-01-04T08:20:00Z', '2026-01-04T08:35:00Z']],
    ['@hourly', 'UTC', ['2026-01-01T01:00:00Z', '2026-01-01T02:00:00Z', '2026-01-01T03:00:00Z']],
    ['@weekly', 'UTC', ['2026-01-04T00:00:00Z', '2026-01-11T00:00:00Z', '2026-01-18T00:00:00Z']],
    ['@monthly', 'Australia/Sydney', ['2026-01-31T13:00:00Z', '2026-02-28T13:00:00Z', '2026-03-31T13:00:00Z']],
    ['@every 1h30m10s', 'UTC', ['2026-01-01T01:30:10Z', '2026-01-01T03:00:20Z', '2026-01-01T04:30:30Z']],
    ['TZ=Asia/Tokyo 0 0 * * *', 'UTC', ['2026-01-01T15:00:00Z', '2026-01-02T15:00:00Z', '2026-01-03T15:00:00Z']],
    ['59 23 31 2 *', 'UTC', [undefined]],
  ])('%s in %s', (schedule, timeZone, expected) => {
    expect(times(schedule, timeZone, '2026-01-01T00:00:00Z', expected.length)).toEqual(expected);
  });

  test('an hour that clocks skip never comes', () => {
    expect(times('30 2 * * *', 'America/New_York', '2026-03-08T01:00:00Z', 2)).toEqual([
      '2026-03-09T06:30:00Z',
      '2026-03-10T06:30:00Z',
    ]);
    expect(times('*/30 * * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z', 3)).toEqual([
      '2026-03-29T00:30:00Z',
      '2026-03-29T01:00:00Z',
      '2026-03-29T01:30:00Z',
    ]);
    expect(times('0 1 * * *', 'Asia/Beirut', '2023-03-25T12:00:00Z', 2)).toEqual([
      '2023-03-25T22:00:00Z',
      '2023-03-26T22:00:00Z',
    ]);
  });

  test('an hour that clocks show again comes again', () => {
    expect(times('30 1 * * *', 'America/New_York', '2026-11-01T02:00:00Z', 3)).toEqual([
      '2026-11-01T05:30:00Z',
      '2026-11-01T06:30:00Z',
      '2026-11-02T06:30:00Z',
    ]);
  });

  test('always later, at a time that fits, and at none before', () => {
    const part = (low: number, high: number) =>
      fc.oneof(fc.constant('*'), fc.integer({ min: low, max: high }).map(String), fc.constant('*/3'));
    const schedules = fc.tuple(part(0, 59), part(0, 23), part(1, 28), part(1, 12), part(0, 6));
    const starts = fc.integer({ min: Date.UTC(2020, 0, 1) / 1000, max: Date.UTC(2030, 0, 1) / 1000 });
    fc.assert(
      fc.property(schedules, starts, ([minute, hour, day, month, weekday], start) => {
        const schedule = parseCron([minute, hour, day, month, weekday].join(' '), 'UTC');
        if (typeof schedule === 'string') throw new Error(schedule);
        const next = schedule.next(start * 1000) ?? 0;
        expect(next).toBeGreaterThan(start * 1000);
        const at = new Date(next);
        const fits = (field: string, value: number, first: number): boolean =>
          field === '*' || (field === '*/3' ? (value - first) % 3 === 0 : Number(field) === value);
        expect(fits(minute, at.getUTCMinutes(), 0) && fits(hour, at.getUTCHours(), 0)).toBe(true);
        expect(fits(month, at.getUTCMonth() + 1, 1) && at.getUTCSeconds() === 0).toBe(true);
        expect(schedule.next(next - 1000)).toBe(next);
        expect(schedule.next(start * 1000 + Math.floor((next - start * 1000) / 2000) * 1000)).toBe(next);
      }),
    );
  });
});

test.each([
  ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
  ['60 * * * *', 'end of range (60) above maximum (59): 60'],
  ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
  ['* * * foo *', 'failed to parse int from foo: strconv.Atoi: parsing "foo": invalid syntax'],
  ['5-3 * * * *', 'beginning of range (5) beyond end of range (3): 5-3'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['@fortnightly', 'unrecognized descriptor: @fortnightly'],
  ['@every soon', 'failed to parse duration @every soon: time: invalid duration "soon"'],
  ['TZ=Nowhere/Here * * * * *', 'provided bad location Nowhere/Here: unknown time zone Nowhere/Here'],
])('%s is refused', (schedule, message) => {
  expect(parseCron(schedule)).toBe(message);
});
