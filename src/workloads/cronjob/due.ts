import type { Schedule } from '../../machinery/index.ts';
import type { CronJob } from './types.ts';

export interface Due {
  /** The last time at which a job should have started; absent if none was due. */
  time?: number;
  /** Since when times count. */
  since: number;
  /** Whether more times were missed than one, and whether they are suspiciously many. */
  missed: 'none' | 'few' | 'many';
}

/** More missed starts than this point to a clock that is wrong. */
const MANY = 100;
/** So much later than the time itself a start is looked for, should clocks differ. */
const PADDING = 100;

/**
 * What was due of a CronJob up to now, since its last job or, if there is none, since its creation. Times are milliseconds
 * since the epoch. The number of missed starts is an estimate by the distance between two of them, as upstream has it.
 * @param withDeadline whether times count no more that are past startingDeadlineSeconds.
 * @returns undefined for a schedule that never comes, such as the 31st of February.
 */
export function dueOf(cronJob: CronJob, schedule: Schedule, now: number, withDeadline: boolean): Due | undefined {
  const since = countedSince(cronJob, now, withDeadline);
  const first = schedule.next(since);
  if (first !== undefined && now < first) return { since, missed: 'none' };
  const second = first === undefined ? undefined : schedule.next(first);
  if (first === undefined || second === undefined) return undefined;
  if (now < second) return { time: first, since, missed: 'none' };
  const distance = second - first;
  const count = Math.floor((now - first) / distance) + 1;
  const missed = count > MANY ? 'many' : 'few';
  const time = lastUpTo(schedule, first + (count - 2) * distance, now);
  return time === undefined ? { since, missed } : { time, since, missed };
}

function countedSince({ metadata, spec, status }: CronJob, now: number, withDeadline: boolean): number {
  const since = Date.parse(status?.lastScheduleTime ?? metadata.creationTimestamp ?? '') || 0;
  const deadline = withDeadline ? spec?.startingDeadlineSeconds : undefined;
  return deadline === undefined ? since : Math.max(since, now - deadline * 1000);
}

function lastUpTo(schedule: Schedule, from: number, now: number): number | undefined {
  let last: number | undefined;
  for (let time = schedule.next(from); time !== undefined && time <= now; time = schedule.next(time)) last = time;
  return last;
}

/** In how many milliseconds the next start is due; undefined if none ever is. */
export function nextStartIn(cronJob: CronJob, schedule: Schedule, now: number): number | undefined {
  const due = dueOf(cronJob, schedule, now, false);
  const last = due && (due.time ?? (due.missed === 'none' ? due.since : undefined));
  const next = schedule.next(last ?? now);
  return next === undefined ? undefined : next + PADDING - now;
}
