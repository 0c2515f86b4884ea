import { CelFault } from './fault.ts';
import type { CelFunctions } from './signature.ts';
import { CelDuration, CelOptional, CelUint, celCompare, celEquals, keyOf } from './value.ts';

type Values = readonly unknown[];

function compare(a: unknown, b: unknown): number {
  const order = celCompare(a, b);
  if (order === undefined) throw new CelFault('list elements must have the same, comparable type');
  return order;
}

/** Where an item is in a list, from one of its ends; -1 when it is not in it. */
const indexOf = (list: Values, item: unknown): bigint => BigInt(list.findIndex((other) => celEquals(other, item)));
const lastIndexOf = (list: Values, item: unknown): bigint =>
  BigInt(list.findLastIndex((other) => celEquals(other, item)));

function extreme(name: string, sign: 1 | -1): (list: Values) => unknown {
  return (list) => {
    if (list.length === 0) throw new CelFault(`${name} called on empty list`);
    return list.reduce((best, item) => (compare(item, best) * sign > 0 ? item : best));
  };
}

const sumOf = (list: Values): bigint => {
  const total = (list as bigint[]).reduce((sum, item) => sum + item, 0n);
  if (total >= 2n ** 63n || total < -(2n ** 63n)) throw new CelFault('integer overflow');
  return total;
};

/** The items without those that were there before; scalars are found by what they are, others one by one. */
function distinct(list: Values): unknown[] {
  const seen = new Set<unknown>();
  const others: unknown[] = [];
  return list.filter((item) => {
    const key = keyOf(item);
    if (key !== undefined) return !seen.has(key) && seen.add(key);
    if (others.some((other) => celEquals(other, item))) return false;
    others.push(item);
    return true;
  });
}

function slice(list: Values, from: bigint, to: bigint): unknown[] {
  if (from < 0n || to < 0n) throw new CelFault(`cannot slice(${from}, ${to}), negative indexes not supported`);
  if (from > to)
    throw new CelFault(`cannot slice(${from}, ${to}), start index must be less than or equal to end index`);
  if (to > BigInt(list.length)) throw new CelFault(`cannot slice(${from}, ${to}), list is length ${list.length}`);
  return list.slice(Number(from), Number(to));
}

function flatten(list: Values, depth: bigint): unknown[] {
  if (depth < 0n) throw new CelFault('level must be non-negative');
  return list.flat(Math.min(Number(depth), 64));
}

function sortByKeys(list: Values, keys: Values): unknown[] {
  return list
    .map((item, at) => ({ item, key: keys[at] }))
    .sort((a, b) => compare(a.key, b.key))
    .map(({ item }) => item);
}

const ordered = ['int', 'uint', 'double', 'bool', 'duration', 'timestamp', 'string', 'bytes'];

const perType = (
  types: readonly string[],
  signature: (type: string) => string,
  call: (...args: never[]) => unknown,
): CelFunctions => Object.fromEntries(types.map((type) => [signature(type), call]));

const contains = (a: Values, b: Values): boolean => b.every((item) => a.some((other) => celEquals(item, other)));

/** Kubernetes' list library and cel-go's ext.Sets. */
export const lists: CelFunctions = {
  ...perType(
    ordered,
    (type) => `(list<${type}>).isSorted(): bool`,
    (list: Values) => list.every((item, at) => at === 0 || compare(list[at - 1], item) <= 0),
  ),
  ...perType(ordered, (type) => `(list<${type}>).min(): ${type}`, extreme('min', -1)),
  ...perType(ordered, (type) => `(list<${type}>).max(): ${type}`, extreme('max', 1)),
  '(list<int>).sum(): int': sumOf,
  '(list<uint>).sum(): uint': (list: readonly CelUint[]) => new CelUint(sumOf(list.map(({ value }) => value))),
  '(list<double>).sum(): double': (list: readonly number[]) => list.reduce((sum, item) => sum + item, 0),
  '(list<duration>).sum(): duration': (list: readonly CelDuration[]) =>
    new CelDuration(sumOf(list.map(({ nanos }) => nanos))),
  '(list<A>).indexOf(A): int': indexOf,
  '(list<A>).lastIndexOf(A): int': lastIndexOf,
  '(list<A>).first(): optional<A>': (list: Values) => optionalItem(list[0]),
  '(list<A>).last(): optional<A>': (list: Values) => optionalItem(list.at(-1)),
  'sets.contains(list<A>, list<A>): bool': contains,
  'sets.equivalent(list<A>, list<A>): bool': (a: Values, b: Values) => contains(a, b) && contains(b, a),
  'sets.intersects(list<A>, list<A>): bool': (a: Values, b: Values) =>
    a.some((item) => b.some((other) => celEquals(item, other))),
};

/** cel-go's ext.Lists, which Kubernetes leaves out and kro does not. */
export const listExtensions: CelFunctions = {
  '(list<A>).slice(int, int): list<A>': slice,
  '(list<list<A>>).flatten(): list<A>': (list: Values) => flatten(list, 1n),
  '(list<dyn>).flatten(int): list<dyn>': flatten,
  '(list<A>).distinct(): list<A>': distinct,
  '(list<A>).reverse(): list<A>': (list: Values) => list.toReversed(),
  ...perType(
    ordered,
    (type) => `(list<${type}>).sort(): list<${type}>`,
    (list: Values) => list.toSorted(compare),
  ),
  ...perType(ordered, (type) => `(list<T>).@sortByAssociatedKeys(list<${type}>): list<T>`, sortByKeys),
  'lists.range(int): list<int>': (count: bigint) => {
    if (count > 1_000_000n) throw new CelFault(`lists.range(${count}) is too long`);
    return Array.from({ length: Math.max(0, Number(count)) }, (_, at) => BigInt(at));
  },
};

function optionalItem(item: unknown): CelOptional {
  return item === undefined ? CelOptional.none : new CelOptional(item);
}
