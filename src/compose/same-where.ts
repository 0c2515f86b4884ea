import { isFields } from '../machinery/index.ts';

/**
 * True if two live objects agree wherever a desired one says something. Comparing the live object with what the server
 * answered to the last apply, instead of with the desired one, ignores what the server itself changed: defaults, order,
 * the notation of quantities.
 */
export function sameWhere(desired: unknown, before: unknown, now: unknown): boolean {
  if (before === now) return true;
  if (isFields(desired) && isFields(before) && isFields(now)) {
    return Object.keys(desired).every((name) => sameWhere(desired[name], before[name], now[name]));
  }
  // Items of a list have no names to compare by, so a list is compared whole.
  return JSON.stringify(before) === JSON.stringify(now);
}
