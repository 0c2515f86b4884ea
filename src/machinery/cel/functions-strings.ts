import { cachedRe2 } from '../re2.ts';
import { CelFault } from './fault.ts';
import { formatText } from './format-text.ts';
import { countPoints } from './functions-standard.ts';
import type { CelFunctions } from './signature.ts';

/** How many characters a made string may have: what no budget can pay for anyway. */
const MAX_MADE = 4_000_000;

const outOfRange = (at: bigint): never => {
  throw new CelFault(`index out of range: ${at}`);
};

/** Where a character begins, in UTF-16 units, by its number among the code points of a text. */
function unitAt(text: string, at: bigint): number {
  const points = countPoints(text);
  if (at < 0n || at > BigInt(points)) return outOfRange(at);
  if (points === text.length) return Number(at);
  let unit = 0;
  for (let left = Number(at); left > 0; left--) unit += (text.codePointAt(unit) ?? 0) > 0xffff ? 2 : 1;
  return unit;
}

const pointOf = (text: string, unit: number): bigint => (unit < 0 ? -1n : BigInt(countPoints(text.slice(0, unit))));

function replace(text: string, from: string, to: string, times: bigint): string {
  const parts = from === '' ? ['', ...text, ''] : text.split(from);
  const count = times < 0n ? parts.length - 1 : Math.min(Number(times), parts.length - 1);
  if (text.length + count * to.length > MAX_MADE) throw new CelFault('the text is too long');
  return [parts.slice(0, count + 1).join(to), ...parts.slice(count + 1)].join(from);
}

function split(text: string, by: string, limit: bigint): string[] {
  const parts = by === '' ? [...text] : text.split(by);
  if (limit < 0n || BigInt(parts.length) <= limit) return parts;
  if (limit === 0n) return [];
  const head = Number(limit) - 1;
  return [...parts.slice(0, head), parts.slice(head).join(by)];
}

function join(list: readonly string[], by = ''): string {
  if (list.reduce((total, item) => total + item.length + by.length, 0) > MAX_MADE)
    throw new CelFault('the text is too long');
  return list.join(by);
}

const trimmed = /^[\s\u0085]+|[\s\u0085]+$/g;

/** A text in double quotes, as cel-go's strings.quote. */
function quote(text: string): string {
  const named: Record<string, string> = {
    '\u0007': '\\a',
    '\b': '\\b',
    '\f': '\\f',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '\v': '\\v',
    '\\': '\\\\',
    '"': '\\"',
  };
  return `"${[...text.toWellFormed()].map((character) => named[character] ?? character).join('')}"`;
}

/** What cel-go's ext.Strings and Kubernetes' regex library add to CEL's own functions of strings. */
export const strings: CelFunctions = {
  '(string).startsWith(string): bool': (text: string, part: string) => text.startsWith(part),
  '(string).endsWith(string): bool': (text: string, part: string) => text.endsWith(part),
  '(string).contains(string): bool': (text: string, part: string) => text.includes(part),
  '(string).matches(string): bool': matches,
  'matches(string, string): bool': matches,
  '(string).find(string): string': (text: string, pattern: string) => find(text, pattern, 1n)[0] ?? '',
  '(string).findAll(string): list<string>': (text: string, pattern: string) => find(text, pattern, -1n),
  '(string).findAll(string, int): list<string>': find,
  '(string).charAt(int): string': (text: string, at: bigint) => {
    const unit = unitAt(text, at);
    return unit === text.length ? '' : String.fromCodePoint(text.codePointAt(unit) ?? 0);
  },
  '(string).indexOf(string): int': (text: string, part: string) => pointOf(text, text.indexOf(part)),
  '(string).indexOf(string, int): int': (text: string, part: string, from: bigint) =>
    pointOf(text, text.indexOf(part, unitAt(text, from))),
  '(string).lastIndexOf(string): int': (text: string, part: string) => pointOf(text, text.lastIndexOf(part)),
  '(string).lastIndexOf(string, int): int': (text: string, part: string, from: bigint) =>
    pointOf(text, text.lastIndexOf(part, unitAt(text, from))),
  '(string).lowerAscii(): string': (text: string) => text.replace(/[A-Z]+/g, (part) => part.toLowerCase()),
  '(string).upperAscii(): string': (text: string) => text.replace(/[a-z]+/g, (part) => part.toUpperCase()),
  '(string).trim(): string': (text: string) => text.replace(trimmed, ''),
  '(string).replace(string, string): string': (text: string, from: string, to: string) => replace(text, from, to, -1n),
  '(string).replace(string, string, int): string': replace,
  '(string).split(string): list<string>': (text: string, by: string) => split(text, by, -1n),
  '(string).split(string, int): list<string>': split,
  '(string).substring(int): string': (text: string, from: bigint) => text.slice(unitAt(text, from)),
  '(string).substring(int, int): string': (text: string, from: bigint, to: bigint) => {
    if (from > to) throw new CelFault(`invalid substring range. start: ${from}, end: ${to}`);
    return text.slice(unitAt(text, from), unitAt(text, to));
  },
  '(list<string>).join(): string': (list: string[]) => join(list),
  '(list<string>).join(string): string': join,
  '(string).format(list<dyn>): string': formatText,
  'strings.quote(string): string': quote,
};

function matches(text: string, pattern: string): boolean {
  return cachedRe2(pattern).test(text);
}

function find(text: string, pattern: string, limit: bigint): string[] {
  return cachedRe2(pattern).findAll(text, limit < 0n ? Number.MAX_SAFE_INTEGER : Number(limit));
}

/** Later functions of cel-go's ext.Strings, which Kubernetes leaves out and kro does not. */
export const stringExtensions: CelFunctions = {
  '(string).reverse(): string': (text: string) => [...text].reverse().join(''),
};
