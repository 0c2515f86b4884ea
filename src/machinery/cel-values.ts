import { Optional } from '@marcbachmann/cel-js';
import { Duration, UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import type { Fields } from './object.ts';

/** The result of an expression that says that its field, list item or map entry should not be there: kro's `omit()`. */
export const celOmitted: unique symbol = Symbol('omitted');

/** The CEL value that `omit()` gives while an expression is evaluated. */
export class Omit {}

/** Which parts of the variables an expression reads; only those are converted. */
export interface ReadSet {
  /** The whole value is read. */
  whole: boolean;
  readonly children: Map<string, ReadSet>;
}

/** Everything is read. */
export const WHOLE: ReadSet = { whole: true, children: new Map() };

/** The read set of references (variable and member paths). */
export function readSetOf(references: Iterable<readonly string[]>): ReadSet {
  const root: ReadSet = { whole: false, children: new Map() };
  for (const path of references) {
    let at = root;
    for (const part of path) {
      const next = at.children.get(part) ?? { whole: false, children: new Map() };
      at.children.set(part, next);
      at = next;
    }
    at.whole = true;
  }
  return root;
}

/**
 * JSON as CEL sees it: a number without a fraction is an int, any other a double. Only what the read set names is
 * copied, so that reading one field of a big object costs one field.
 */
export function toCel(value: unknown, reads: ReadSet): unknown {
  if (reads.whole || !isPlainObject(value)) return convert(value);
  const out: Fields = {};
  for (const [name, child] of reads.children) {
    if (Object.hasOwn(value, name) && value[name] !== undefined) out[name] = toCel(value[name], child);
  }
  return out;
}

function convert(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(convert);
  if (!isPlainObject(value)) return value === undefined ? null : value;
  const out: Fields = Object.create(null);
  for (const [name, item] of Object.entries(value)) if (item !== undefined) out[name] = convert(item);
  return out;
}

function isPlainObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/**
 * A CEL value as JSON: ints and uints are numbers, bytes are base64, timestamps RFC 3339, durations seconds ('90s').
 * Entries and items that are `omit()` or an empty optional are left out; the whole value being one gives celOmitted.
 */
export function fromCel(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value) || value instanceof Set)
    return [...value].map(fromCel).filter((item) => item !== celOmitted);
  if (value instanceof Omit) return celOmitted;
  if (value instanceof Optional) return value.hasValue() ? fromCel(value.value()) : celOmitted;
  if (value instanceof UnsignedInt) return Number(value.valueOf());
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Date) return value.toISOString().replace(/\.000Z$/, 'Z');
  if (value instanceof Duration) return `${Number(value.seconds) + value.nanos / 1e9}s`;
  const entries = value instanceof Map ? value.entries() : Object.entries(value);
  const out: Fields = {};
  for (const [name, item] of entries) {
    const json = fromCel(item);
    if (json !== celOmitted) Object.defineProperty(out, String(name), { value: json, ...PLAIN });
  }
  return out;
}

// A key called __proto__ must become a field, not a prototype.
const PLAIN = { configurable: true, enumerable: true, writable: true } as const;
