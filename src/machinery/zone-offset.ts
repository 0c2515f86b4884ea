/**
 * By how many milliseconds the clocks of a time zone are ahead of UTC, at a time in milliseconds since the epoch.
 * @param timeZone a name of the IANA database.
 * @throws RangeError for a zone that nobody knows.
 */
export function zoneOffset(timeZone: string): (time: number) => number {
  const number = 'numeric' as const;
  const shape = { year: number, month: number, day: number, hour: number, minute: number, second: number };
  const format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...shape });
  return (time) => {
    const at = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = at;
    return Date.UTC(year, month - 1, day, hour % 24, minute, second) - Math.floor(time / 1000) * 1000;
  };
}
