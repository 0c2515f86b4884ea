import type { Fields } from '../object.ts';
import { type CelType, celType } from './type.ts';

/*
 * CEL's values in JavaScript: int bigint, double number, uint CelUint, string, bool boolean, null, bytes Uint8Array,
 * timestamp CelTimestamp, duration CelDuration, list array, map CelMap, optional CelOptional, an object of a declared type
 * CelObject, a type CelTypeValue, and for opaque types the instances of a class of whoever declares them.
 */

export class CelUint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

/** Nanoseconds since the epoch. */
export class CelTimestamp {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** A length of time in nanoseconds, as Go's time.Duration. */
export class CelDuration {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class CelOptional {
  static readonly none = new CelOptional(undefined);
  /** undefined: there is none. */
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

export class CelTypeValue {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A JSON object under its type (an object's, a map's or dyn): fields are converted when they are read, so that one costs one. */
export class CelObject {
  readonly type: CelType;
  readonly json: Fields;
  constructor(type: CelType, json: Fields) {
    this.type = type;
    this.json = json;
  }
  /** The value of a field by its CEL name, or of a key of a map; undefined when it is not there. */
  get(name: unknown): unknown {
    if (typeof name !== 'string') return undefined;
    const type = fieldType(this.type, name);
    const key = this.type.kind === 'object' ? (this.type.jsonName?.(name) ?? name) : name;
    if (type === undefined || !Object.hasOwn(this.json, key)) return undefined;
    const value = this.json[key];
    // A field that is null is as good as not set; a key of a map is not.
    if (value === undefined || (value === null && this.type.kind === 'object')) return undefined;
    return toCel(value, type);
  }
}

function fieldType(type: CelType, name: string): CelType | undefined {
  if (type.kind === 'object') return type.field(name);
  return type.kind === 'map' ? type.value : celType.dyn;
}

type Key = string | bigint | boolean;

/** A map. Keys that are equal numbers are the same key, whatever their type. */
export class CelMap {
  readonly entries: Map<Key, unknown>;
  constructor(entries: Map<Key, unknown> = new Map()) {
    this.entries = entries;
  }
  get(key: unknown): unknown {
    const known = keyOf(key);
    return known === undefined ? undefined : this.entries.get(known);
  }
}

/** The items of a list whose order (or whose keys) say what is the same: `x-kubernetes-list-type` set and map. */
export class CelList extends Array<unknown> {
  identity: (item: unknown) => string = canonical;
  // Arrays made of this one are plain lists.
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}

/** A map's key out of a value: a string, a bool or a whole number; undefined for anything else. */
export function keyOf(value: unknown): Key | undefined {
  if (typeof value === 'string' || typeof value === 'bigint' || typeof value === 'boolean') return value;
  if (value instanceof CelUint) return value.value;
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : undefined;
}

/** JSON as a value of a declared type. What is a CEL value already, and not JSON, stays as it is. */
export function toCel(value: unknown, type: CelType): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return textAs(value, type);
  if (typeof value === 'number') {
    return type.kind !== 'double' && Number.isSafeInteger(value) ? BigInt(value) : value;
  }
  if (Array.isArray(value)) return listAs(value, type);
  return isPlainObject(value) ? new CelObject(type, value) : value;
}

export function isPlainObject(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function textAs(text: string, type: CelType): unknown {
  switch (type.kind) {
    case 'bytes':
      return new Uint8Array(Buffer.from(text, 'base64'));
    case 'timestamp':
      return parseTimestamp(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text) ?? text;
    case 'duration':
      return parseDuration(text) ?? text;
    default:
      return text;
  }
}

function listAs(list: readonly unknown[], type: CelType): unknown {
  const of = type.kind === 'list' ? type.of : celType.dyn;
  if (type.kind !== 'list' || type.identity === undefined) return list.map((item) => toCel(item, of));
  const items = new CelList();
  for (const item of list) items.push(toCel(item, of));
  const { identity } = type;
  if (identity.by === 'keys') {
    items.identity = (item) =>
      item instanceof CelObject ? JSON.stringify(identity.keys.map((key) => item.json[key] ?? null)) : canonical(item);
  }
  return items;
}

/** A text that is the same for equal values of a set: JSON with sorted names. */
function canonical(value: unknown): string {
  const json = fromCel(value);
  return JSON.stringify(json, (_, item: unknown) =>
    isPlainObject(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  );
}

/** The result of an expression that says that its field, list item or map entry should not be there: kro's `omit()`. */
export const celOmitted: unique symbol = Symbol('omitted');

/** The CEL value that `omit()` gives while an expression is evaluated. */
export class Omit {}

/**
 * A CEL value as JSON: ints and uints are numbers, bytes are base64, timestamps RFC 3339, durations seconds ('90s').
 * Entries and items that are `omit()` or an empty optional are left out; the whole value being one gives celOmitted.
 */
export function fromCel(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(fromCel).filter((item) => item !== celOmitted);
  if (value instanceof CelMap) return entriesFromCel(value.entries);
  if (value instanceof CelObject) return value.json;
  if (value instanceof Omit) return celOmitted;
  if (value instanceof CelOptional) return value.value === undefined ? celOmitted : fromCel(value.value);
  if (value instanceof CelUint) return Number(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof CelTimestamp) return formatTimestamp(value);
  if (value instanceof CelDuration) return formatDuration(value);
  if (value instanceof CelTypeValue) return value.name;
  return isPlainObject(value) ? value : String(value);
}

function entriesFromCel(entries: Iterable<readonly [unknown, unknown]>): Fields {
  const out: Fields = {};
  for (const [name, item] of entries) {
    const json = fromCel(item);
    // A key called __proto__ must become a field, not a prototype.
    if (json !== celOmitted) Object.defineProperty(out, String(name), { value: json, ...PLAIN });
  }
  return out;
}

const PLAIN = { configurable: true, enumerable: true, writable: true } as const;

const SECOND = 1_000_000_000n;
const timestampForm = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})$/;

/** RFC 3339 with nanoseconds; undefined for anything else. */
export function parseTimestamp(text: string): CelTimestamp | undefined {
  const parts = timestampForm.exec(text);
  if (!parts) return undefined;
  const milliseconds = Date.parse(
    `${parts[1]}-${parts[2]}-${parts[3]}T${parts[4]}:${parts[5]}:${parts[6]}${parts[8]?.toUpperCase()}`,
  );
  if (Number.isNaN(milliseconds)) return undefined;
  const nanos = BigInt((parts[7] ?? '').slice(0, 9).padEnd(9, '0'));
  const found = new CelTimestamp((BigInt(milliseconds) * SECOND) / 1000n + nanos);
  return isInYears(found.nanos) ? found : undefined;
}

/** CEL's timestamps are those of the years 1 to 9999. */
export const isInYears = (nanos: bigint): boolean =>
  nanos >= -62_135_596_800n * SECOND && nanos <= 253_402_300_799n * SECOND + 999_999_999n;

export function formatTimestamp({ nanos }: CelTimestamp): string {
  const [seconds, rest] = split(nanos);
  const fraction = rest === 0n ? '' : `.${String(rest).padStart(9, '0').replace(/0+$/, '')}`;
  return new Date(Number(seconds) * 1000).toISOString().replace(/\.000Z$/, `${fraction}Z`);
}

/** Whole seconds, rounded down, and the nanoseconds above them. */
export function split(nanos: bigint): [seconds: bigint, rest: bigint] {
  const rest = ((nanos % SECOND) + SECOND) % SECOND;
  return [(nanos - rest) / SECOND, rest];
}

const units: Record<string, bigint> = {
  h: 3600n * SECOND,
  m: 60n * SECOND,
  s: SECOND,
  ms: 1_000_000n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ns: 1n,
};

/** A duration as Go writes one: '1h30m', '-1.5s', '0'; undefined for anything else. */
export function parseDuration(text: string): CelDuration | undefined {
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text.slice(0, 257)) ?? [];
  if (rest === '0') return new CelDuration(0n);
  const part = /(?:(\d+)(?:\.(\d*))?|\.(\d+))(ns|us|µs|μs|ms|s|m|h)/y;
  let nanos = 0n;
  while (part.lastIndex < rest.length || part.lastIndex === 0) {
    const found = part.exec(rest);
    if (!found) return undefined;
    const unit = units[found[4] ?? ''] ?? 0n;
    const fraction = (found[2] ?? found[3] ?? '').slice(0, 18);
    nanos += BigInt(found[1] ?? 0) * unit + (BigInt(fraction || 0) * unit) / 10n ** BigInt(fraction.length);
  }
  return nanos < 2n ** 63n ? new CelDuration(sign === '-' ? -nanos : nanos) : undefined;
}

/** A duration in seconds: '90s', '1.5s'. */
export function formatDuration({ nanos }: CelDuration): string {
  const size = nanos < 0n ? -nanos : nanos;
  const fraction = String(size % SECOND)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${nanos < 0n ? '-' : ''}${size / SECOND}${fraction === '' ? '' : `.${fraction}`}s`;
}

/** CEL's equality: numbers by what they count, containers by what is in them, lists of type set or map in any order. */
export function celEquals(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return scalarsEqual(a, b);
  if (a instanceof CelList || b instanceof CelList) return Array.isArray(a) && Array.isArray(b) && setsEqual(a, b);
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => celEquals(item, b[i]));
  }
  if (a instanceof CelMap || a instanceof CelObject) return mapsEqual(a, b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof CelOptional) return b instanceof CelOptional && optionalsEqual(a, b);
  if (a instanceof CelTypeValue) return b instanceof CelTypeValue && a.name === b.name;
  if (a instanceof CelTimestamp) return b instanceof CelTimestamp && a.nanos === b.nanos;
  if (a instanceof CelDuration) return b instanceof CelDuration && a.nanos === b.nanos;
  if (hasEquals(a)) return a.constructor === b.constructor && a.equals(b);
  return scalarsEqual(a, b);
}

const hasEquals = (value: object): value is { equals(other: unknown): boolean } =>
  'equals' in value && typeof value.equals === 'function';

const optionalsEqual = (a: CelOptional, b: CelOptional): boolean =>
  a.value === undefined || b.value === undefined ? a.value === b.value : celEquals(a.value, b.value);

function scalarsEqual(a: unknown, b: unknown): boolean {
  const [x, y] = [numberOf(a), numberOf(b)];
  // biome-ignore lint/suspicious/noDoubleEquals: a bigint and a number are compared by what they count
  return x !== undefined && y !== undefined && x == y;
}

/** A number of any type as one that JavaScript compares exactly; undefined for what is no number. */
export function numberOf(value: unknown): bigint | number | undefined {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  return value instanceof CelUint ? value.value : undefined;
}

function setsEqual(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  const identity = a instanceof CelList ? a.identity : b instanceof CelList ? b.identity : canonical;
  const items = new Map(b.map((item) => [identity(item), item]));
  return a.every((item) => {
    const key = identity(item);
    return items.has(key) && celEquals(item, items.get(key));
  });
}

function mapsEqual(a: CelMap | CelObject, b: object): boolean {
  const [left, right] = [entriesOf(a), entriesOf(b)];
  if (left === undefined || right === undefined || left.size !== right.size) return false;
  for (const [key, value] of left) if (!right.has(key) || !celEquals(value, right.get(key))) return false;
  return true;
}

/** The entries of a map, and the set fields of an object by their CEL names; undefined for anything else. */
export function entriesOf(value: unknown): Map<Key, unknown> | undefined {
  if (value instanceof CelMap) return value.entries;
  if (!(value instanceof CelObject)) return undefined;
  const entries = new Map<Key, unknown>();
  for (const [name, item] of Object.entries(value.json)) {
    if (item !== undefined) entries.set(name, toCel(item, fieldType(value.type, name) ?? celType.dyn));
  }
  return entries;
}

/** The order of two values of a type that has one; undefined when they have none. */
export function celCompare(a: unknown, b: unknown): number | undefined {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : x >= y ? 0 : Number.NaN;
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  if (a instanceof CelTimestamp && b instanceof CelTimestamp)
    return Number(a.nanos > b.nanos) - Number(a.nanos < b.nanos);
  if (a instanceof CelDuration && b instanceof CelDuration)
    return Number(a.nanos > b.nanos) - Number(a.nanos < b.nanos);
  return undefined;
}

/** Go orders strings by their bytes, which is the order of code points; JavaScript's `<` differs in surrogates. */
function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const surrogates = /[\ud800-\udfff]/;
  if (surrogates.test(a) || surrogates.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
}

/** A value's type as `type(value)` gives it. */
export function typeNameOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'boolean':
      return 'bool';
    default:
      return value === null || value === undefined ? 'null_type' : nameOfObject(value);
  }
}

function nameOfObject(value: object | unknown): string {
  if (Array.isArray(value)) return 'list';
  if (value instanceof CelMap) return 'map';
  if (value instanceof CelObject) return value.type.kind === 'object' ? value.type.name : 'map';
  if (value instanceof CelUint) return 'uint';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof CelTimestamp) return 'google.protobuf.Timestamp';
  if (value instanceof CelDuration) return 'google.protobuf.Duration';
  if (value instanceof CelOptional) return 'optional_type';
  if (value instanceof CelTypeValue) return 'type';
  return opaqueNameOf(value) ?? 'dyn';
}

/** The name of the opaque type of a value: what its class says in `static celType`. */
export function opaqueNameOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { celType: name } = value.constructor as { celType?: unknown };
  return typeof name === 'string' ? name : undefined;
}
