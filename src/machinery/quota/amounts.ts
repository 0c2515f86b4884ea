import { addQuantity, compareQuantity, formatQuantity, parseQuantity, type Quantity } from '../quantity.ts';

/** Amounts by the name of their resource (a core/v1 ResourceList). */
export type ResourceAmounts = ReadonlyMap<string, Quantity>;

const ZERO: Quantity = { nanos: 0n, format: 'DecimalSI' };

/** A count of things. */
export function countOf(number: number): Quantity {
  return { nanos: BigInt(number) * 1_000_000_000n, format: 'DecimalSI' };
}

/** Reads a ResourceList; an object that is none is empty. Throws ApiError 400 for a malformed quantity. */
export function readAmounts(list: unknown): Map<string, Quantity> {
  const entries = typeof list === 'object' && list !== null ? Object.entries(list) : [];
  return new Map(entries.map(([name, text]) => [name, parseQuantity(String(text))]));
}

/** The ResourceList of amounts, by name. */
export function writeAmounts(amounts: ResourceAmounts): Record<string, string> {
  const names = [...amounts.keys()].sort();
  return Object.fromEntries(names.map((name) => [name, formatQuantity(amounts.get(name) ?? ZERO)]));
}

/** Adds amounts to a total, in place. */
export function addAmounts(total: Map<string, Quantity>, amounts: ResourceAmounts): void {
  for (const [name, amount] of amounts) {
    const before = total.get(name);
    total.set(name, before ? addQuantity(before, amount) : amount);
  }
}

/** Raises a total to amounts that are greater, in place. */
export function raiseAmounts(total: Map<string, Quantity>, amounts: ResourceAmounts): void {
  for (const [name, amount] of amounts) {
    const before = total.get(name);
    if (!before || compareQuantity(amount, before) > 0) total.set(name, amount);
  }
}

/** How much more of each there is than before; what there is less of counts as no change. */
export function growth(amounts: ResourceAmounts, before: ResourceAmounts): Map<string, Quantity> {
  const grown = new Map<string, Quantity>();
  for (const [name, { nanos, format }] of amounts) {
    const more = nanos - (before.get(name)?.nanos ?? 0n);
    if (more > 0n) grown.set(name, { nanos: more, format });
  }
  return grown;
}
