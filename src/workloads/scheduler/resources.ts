import { parseQuantity } from '../../machinery/index.ts';
import type { Container, Pod } from '../types.ts';

/** Amounts by resource name; cpu in thousandths of a core, all else in units. */
export type Amounts = ReadonlyMap<string, number>;

type QuantityMap = Record<string, string | number>;

const nanosPerUnit = 10n ** 9n;

/** Reads a resource list; fractions are rounded up, as upstream's Quantity.Value and MilliValue do. */
export function amountsOf(quantities: QuantityMap | undefined): Map<string, number> {
  const amounts = new Map<string, number>();
  for (const [name, text] of Object.entries(quantities ?? {})) {
    const { nanos } = parseQuantity(text);
    const unit = name === 'cpu' ? nanosPerUnit / 1000n : nanosPerUnit;
    amounts.set(name, Number((nanos + unit - 1n) / unit));
  }
  return amounts;
}

/**
 * What a pod asks a node for: the sum of its containers and sidecars, or what its init containers need at any one time
 * if that is more, and its overhead; and one pod.
 */
export function requestsOf({ spec }: Pod): Amounts {
  const total = new Map<string, number>();
  for (const container of spec?.containers ?? []) add(total, requests(container));
  const sidecars = new Map<string, number>();
  const peak = new Map<string, number>();
  for (const container of spec?.initContainers ?? []) {
    if (container.restartPolicy === 'Always') {
      add(sidecars, requests(container));
      raise(peak, sidecars);
      continue;
    }
    const needed = new Map(sidecars);
    add(needed, requests(container));
    raise(peak, needed);
  }
  add(total, sidecars);
  raise(total, peak);
  add(total, amountsOf(spec?.overhead));
  total.set('pods', 1);
  return total;
}

function requests(container: Container): Amounts {
  return amountsOf(container.resources?.requests);
}

/** Adds `amounts`, or takes them away with a sign of -1. */
export function add(total: Map<string, number>, amounts: Amounts, sign: 1 | -1 = 1): void {
  for (const [name, amount] of amounts) total.set(name, (total.get(name) ?? 0) + sign * amount);
}

function raise(total: Map<string, number>, amounts: Amounts): void {
  for (const [name, amount] of amounts) total.set(name, Math.max(total.get(name) ?? 0, amount));
}
