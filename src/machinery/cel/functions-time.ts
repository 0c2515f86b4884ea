import { zoneOffset } from '../zone-offset.ts';
import { CelFault } from './fault.ts';
import type { CelFunctions } from './signature.ts';
import { type CelDuration, type CelTimestamp, split } from './value.ts';

type Part = (time: Date, nanos: bigint) => number;

const DAY = 86_400_000;
const parts: Record<string, Part> = {
  getFullYear: (time) => time.getUTCFullYear(),
  getMonth: (time) => time.getUTCMonth(),
  getDate: (time) => time.getUTCDate(),
  getDayOfMonth: (time) => time.getUTCDate() - 1,
  getDayOfWeek: (time) => time.getUTCDay(),
  getDayOfYear: (time) => Math.floor((time.getTime() - Date.UTC(time.getUTCFullYear(), 0, 1)) / DAY),
  getHours: (time) => time.getUTCHours(),
  getMinutes: (time) => time.getUTCMinutes(),
  getSeconds: (time) => time.getUTCSeconds(),
  getMilliseconds: (_, nanos) => Number(nanos / 1_000_000n),
};

function read(part: Part, { nanos }: CelTimestamp, offset: (time: Date) => number): bigint {
  const [seconds, rest] = split(nanos);
  const time = new Date(Number(seconds) * 1000);
  return BigInt(part(new Date(time.getTime() + offset(time)), rest));
}

/** The milliseconds that a zone is ahead of UTC: '+02:00', '-08:30', 'Europe/Berlin'. */
function offsetIn(zone: string): (time: Date) => number {
  const fixed = /^([+-]?)(\d{1,2}):(\d{2})$/.exec(zone);
  if (fixed) {
    const size = (Number(fixed[2]) * 60 + Number(fixed[3])) * 60_000;
    return () => (fixed[1] === '-' ? -size : size);
  }
  const offset = offsetOf(zone);
  return (time) => offset(time.getTime());
}

function offsetOf(timeZone: string): (time: number) => number {
  try {
    return zoneOffset(timeZone);
  } catch (error) {
    if (error instanceof RangeError) throw new CelFault(`unknown time zone ${timeZone}`);
    throw error;
  }
}

const units: Record<string, bigint> = {
  getHours: 3_600_000_000_000n,
  getMinutes: 60_000_000_000n,
  getSeconds: 1_000_000_000n,
  getMilliseconds: 1_000_000n,
};

/** The parts of timestamps (in UTC unless a zone is given) and durations. */
export const time: CelFunctions = Object.fromEntries([
  ...Object.entries(parts).flatMap(([name, part]) => [
    [`(timestamp).${name}(): int`, (at: CelTimestamp) => read(part, at, () => 0)] as const,
    [`(timestamp).${name}(string): int`, (at: CelTimestamp, zone: string) => read(part, at, offsetIn(zone))] as const,
  ]),
  ...Object.entries(units).map(
    ([name, unit]) => [`(duration).${name}(): int`, ({ nanos }: CelDuration) => nanos / unit] as const,
  ),
]);
