import type { Zone } from './zone.ts';

/** When something recurs. Times are milliseconds since the epoch, whole seconds. */
export interface Schedule {
  /** The first time after this one; undefined if there is none within five years. */
  next(after: number): number | undefined;
}

interface Field {
  values: ReadonlySet<number>;
  /** Written as `*` or `?`. */
  any: boolean;
}

export interface ParsedFields {
  minute: Field;
  hour: Field;
  dayOfMonth: Field;
  month: Field;
  /** 0 is Sunday. */
  dayOfWeek: Field;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const YEARS = 5;

/** `@every`: at a distance of whole seconds, one at least, from the time before. */
export function scheduleEvery(delay: number): Schedule {
  const seconds = Math.max(1, Math.floor(delay / SECOND));
  return { next: (after) => startOf(after, SECOND) + seconds * SECOND };
}

function startOf(time: number, unit: number): number {
  return Math.floor(time / unit) * unit;
}

/**
 * The times whose fields are among the given ones on the clocks of the zone: each hour that is skipped when clocks are put
 * forward never comes, and each that comes again when they are put back comes twice (as robfig/cron has it).
 */
export function scheduleOf(fields: ParsedFields, zone: Zone): Schedule {
  const local = (time: number): Date => new Date(zone.toLocal(time));
  const minutes = [...fields.minute.values].sort((a, b) => a - b);

  /** The start of a day: where clocks skip midnight, the hour that they show instead. */
  function startOfDay(year: number, month: number, day: number): number {
    const start = zone.fromLocal(Date.UTC(year, month, day));
    const hour = local(start).getUTCHours();
    return hour > 12 ? start + (24 - hour) * HOUR : start;
  }

  /** The first minute that fits in what is left of the hour, or else the next hour. */
  function nextMinute(time: number, now: Date): number {
    const start = time - (now.getTime() % HOUR);
    const minute = minutes.find((each) => each * MINUTE >= now.getTime() % HOUR);
    return start + (minute === undefined ? HOUR : minute * MINUTE);
  }

  /** A later time, no later than the next one that fits; the time itself if it does. */
  function advance(time: number, now: Date): number {
    const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
    if (!fields.month.values.has(month + 1)) return startOfDay(year, month + 1, 1);
    if (!isDay(fields, now)) return startOfDay(year, month, day + 1);
    if (!fields.hour.values.has(now.getUTCHours())) return time - (now.getTime() % HOUR) + HOUR;
    return nextMinute(time, now);
  }

  return {
    next(after) {
      let time = startOf(after, SECOND) + SECOND;
      const last = local(time).getUTCFullYear() + YEARS;
      for (let now = local(time); now.getUTCFullYear() <= last; now = local(time)) {
        const later = advance(time, now);
        if (later === time) return time;
        time = later;
      }
      return undefined;
    },
  };
}

/** A day is named by the month or by the week; where both are said, by either. */
function isDay({ dayOfMonth, dayOfWeek }: ParsedFields, day: Date): boolean {
  const [byMonth, byWeek] = [dayOfMonth.values.has(day.getUTCDate()), dayOfWeek.values.has(day.getUTCDay())];
  return dayOfMonth.any || dayOfWeek.any ? byMonth && byWeek : byMonth || byWeek;
}
