import type { Key } from '../store/store.ts';
import type { Flight } from './request.ts';

/** What is in use by stored Services (kept current by the watch cache), or asked for by writes on their way. */
export interface Pool<T> {
  /** Whether somebody else than the write `flight` has the value. */
  taken(value: T, flight: Flight): boolean;
  /** Takes a value for the Service of a write that may still fail. */
  reserve(value: T, owner: Key, flight: Flight): void;
  add(value: T): void;
  release(value: T): void;
}

/** @param holds whether a Service, as the last write left it, has a value: the write that asked for it may have failed. */
export function createPool<T>(holds: (owner: Key, value: T) => boolean): Pool<T> {
  const used = new Set<T>();
  const reserved = new Map<T, { owner: Key; flight: Flight }>();
  return {
    taken(value, flight) {
      if (used.has(value)) return true;
      const reservation = reserved.get(value);
      if (!reservation || reservation.flight === flight) return false;
      if (!reservation.flight.over || holds(reservation.owner, value)) return true;
      reserved.delete(value);
      return false;
    },
    reserve: (value, owner, flight) => reserved.set(value, { owner, flight }),
    add(value) {
      used.add(value);
      reserved.delete(value);
    },
    release: (value) => used.delete(value),
  };
}
