import { zoneOffset } from '../zone-offset.ts';

/** A time zone: what its clocks show. Times are milliseconds since the epoch; a local time is the one that UTC would show so. */
export interface Zone {
  toLocal(time: number): number;
  /** The time at which clocks show this; where they do so twice or never, one of the two nearby that Go's time.Date takes. */
  fromLocal(local: number): number;
}

const zones = new Map<string | undefined, Zone>();

/** @param name a name of the IANA database; this process' own zone if left out. */
export function zoneOf(name: string | undefined): Zone {
  let zone = zones.get(name);
  if (!zone) {
    zone = zoneWith(offsetIn(name));
    zones.set(name, zone);
  }
  return zone;
}

function zoneWith(offsetAt: (time: number) => number): Zone {
  return {
    toLocal: (time) => time + offsetAt(time),
    fromLocal(local) {
      const guess = offsetAt(local);
      return guess === 0 ? local : local - offsetAt(local - guess);
    },
  };
}

function offsetIn(name: string | undefined): (time: number) => number {
  if (name === 'UTC') return () => 0;
  return name === undefined ? (time) => -new Date(time).getTimezoneOffset() * 60_000 : zoneOffset(name);
}
