import { isFields } from './json.ts';
import { badRequest } from './status.ts';

/**
 * Puts a merged list in order: what the patch orders goes as the patch says, the rest stays where the original had
 * it relative to those (design-proposals/cli/preserve-order-in-strategic-merge-patch).
 * @param order a list of scalars, or of objects that carry the merge key.
 */
export function orderList(merged: unknown[], original: unknown[], order: unknown, mergeKey: string): unknown[] {
  if (!Array.isArray(order)) throw badRequest('invalid patch format of setElementOrder list');
  const identify = (item: unknown): unknown => (isFields(item) ? item[mergeKey] : item);
  const wanted = positions(order, identify);
  const before = positions(original, identify);
  const ordered: unknown[] = [];
  const rest: unknown[] = [];
  for (const item of merged) (wanted.has(identify(item)) ? ordered : rest).push(item);
  ordered.sort((a, b) => (wanted.get(identify(a)) ?? 0) - (wanted.get(identify(b)) ?? 0));
  rest.sort((a, b) => (before.get(identify(a)) ?? Infinity) - (before.get(identify(b)) ?? Infinity) || 0);
  return interleave(rest, ordered, (item) => before.get(identify(item)));
}

function positions(list: readonly unknown[], identify: (item: unknown) => unknown): Map<unknown, number> {
  const found = new Map<unknown, number>();
  list.forEach((item, index) => {
    const identity = identify(item);
    if (!found.has(identity)) found.set(identity, index);
  });
  return found;
}

/** Merges the two lists: an item of the rest goes first only where the original had it before the ordered item. */
function interleave(
  rest: readonly unknown[],
  ordered: readonly unknown[],
  before: (item: unknown) => number | undefined,
): unknown[] {
  const list: unknown[] = [];
  let next = 0;
  for (const item of ordered) {
    const place = before(item);
    for (; place !== undefined && next < rest.length; next++) {
      const other = before(rest[next]);
      if (other === undefined || other > place) break;
      list.push(rest[next]);
    }
    list.push(item);
  }
  return [...list, ...rest.slice(next)];
}
