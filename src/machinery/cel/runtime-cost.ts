import { CelMap, CelObject } from './value.ts';

/** What a character of a text costs to go over, and one of a regular expression. */
export const TEXT_FACTOR = 0.1;
export const REGEX_FACTOR = 0.25;

type Cost = (args: readonly unknown[], result: unknown) => number;

/** How many parts a value has: characters, bytes, items, entries; 1 for a scalar. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value) || value instanceof Uint8Array) return value.length;
  if (value instanceof CelMap) return value.entries.size;
  return value instanceof CelObject ? Object.keys(value.json).length : 1;
}

const text = (value: unknown, factor = TEXT_FACTOR): number => Math.ceil(sizeOf(value) * factor);
const regex: Cost = ([value, pattern]) =>
  Math.ceil((1 + sizeOf(value)) * TEXT_FACTOR) * Math.ceil(sizeOf(pattern) * REGEX_FACTOR);

/** What it costs to go over a value with all that is in it. */
function traversal(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((total: number, item) => total + traversal(item), 0);
  if (typeof value === 'string' || value instanceof Uint8Array) return Math.floor(value.length * TEXT_FACTOR);
  return 1;
}

const first: Cost = ([value]) => text(value);
const second: Cost = ([, value]) => text(value);
const twice: Cost = ([value]) => text(value, 2 * TEXT_FACTOR);
const smaller: Cost = ([a, b]) => Math.max(1, Math.ceil(Math.min(sizeOf(a), sizeOf(b)) * TEXT_FACTOR));
const walk: Cost = ([value]) => traversal(value);
const product: Cost = ([a, b]) => sizeOf(a) * sizeOf(b);
const item: Cost = ([value]) => sizeOf(value);

/**
 * What a call costs beside its arguments, by the name of the function: cel-go's and Kubernetes' tables
 * (interpreter/runtimecost.go, apiserver's cel/library/cost.go). What is not here costs 1.
 */
const costs: Readonly<Record<string, Cost>> = {
  startsWith: second,
  endsWith: second,
  contains: ([a, b]) => text(a) * text(b),
  matches: regex,
  find: regex,
  findAll: regex,
  format: first,
  bytes: first,
  string: first,
  'strings.quote': first,
  url: first,
  lowerAscii: first,
  upperAscii: first,
  substring: first,
  trim: first,
  charAt: first,
  reverse: item,
  replace: ([value], result) => text(value, 2 * TEXT_FACTOR) + text(result),
  split: twice,
  join: (_, result) => text(result, 2 * TEXT_FACTOR),
  isSorted: walk,
  sum: walk,
  min: walk,
  max: walk,
  indexOf: walk,
  lastIndexOf: walk,
  sort: walk,
  distinct: product2,
  flatten: (_, result) => sizeOf(result),
  slice: (_, result) => sizeOf(result),
  '@sortByAssociatedKeys': walk,
  'lists.range': (_, result) => sizeOf(result),
  'sets.contains': product,
  'sets.equivalent': product,
  'sets.intersects': product,
  '@in': ([, list]) => (Array.isArray(list) ? sizeOf(list) : 1),
  '_+_': ([a], result) =>
    typeof a === 'string' || a instanceof Uint8Array ? text(result) : Array.isArray(a) ? 1 + sizeOf(result) : 1,
  '_==_': equality,
  '_!=_': equality,
  '_<_': smaller,
  '_<=_': smaller,
  '_>_': smaller,
  '_>=_': smaller,
  cidr: first,
  ip: first,
  isIP: first,
  isCIDR: first,
  'ip.isCanonical': twice,
  containsIP: ([, other]) => 4 + text(other),
  containsCIDR: ([, other]) => 7 + text(other),
  quantity: first,
  isQuantity: first,
  validate: ([, value]) => Math.ceil((1 + sizeOf(value)) * TEXT_FACTOR) * 32,
  merge: (_, result) => sizeOf(result),
  deepMerge: (_, result) => sizeOf(result),
  'json.marshal': (_, result) => text(result),
  'json.unmarshal': first,
};

function product2([value]: readonly unknown[]): number {
  return sizeOf(value) + (sizeOf(value) * sizeOf(value)) / 16;
}

/** Containers are compared item by item, as deep as they go. */
function equality([a, b]: readonly unknown[]): number {
  if (Array.isArray(a) && Array.isArray(b)) return 1 + Math.min(traversal(a), traversal(b));
  return smaller([a, b], undefined);
}

export function callCost(name: string): Cost | undefined {
  return Object.hasOwn(costs, name) ? costs[name] : undefined;
}
