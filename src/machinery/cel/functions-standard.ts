import { CelFault, MissingFault } from './fault.ts';
import type { CelFunctions } from './signature.ts';
import {
  CelDuration,
  CelList,
  CelMap,
  CelObject,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  celCompare,
  celEquals,
  entriesOf,
  formatDuration,
  formatTimestamp,
  isInYears,
  parseDuration,
  parseTimestamp,
  typeNameOf,
} from './value.ts';

const overflow = (): never => {
  throw new CelFault('integer overflow');
};
const int = (value: bigint): bigint => (value >= -(2n ** 63n) && value < 2n ** 63n ? value : overflow());
const uint = (value: bigint): CelUint => (value >= 0n && value < 2n ** 64n ? new CelUint(value) : overflow());
const duration = (nanos: bigint): CelDuration => new CelDuration(int(nanos));
const timestamp = (nanos: bigint): CelTimestamp => {
  if (!isInYears(nanos)) throw new CelFault('timestamp overflow');
  return new CelTimestamp(nanos);
};
const byZero = (what: string): never => {
  throw new CelFault(`${what} by zero`);
};

/** CEL's arithmetic. `&&`, `||`, `?:` and loops are not functions: they need not evaluate all that they are given. */
export const arithmetic: CelFunctions = {
  '_+_(int, int): int': (a: bigint, b: bigint) => int(a + b),
  '_+_(uint, uint): uint': (a: CelUint, b: CelUint) => uint(a.value + b.value),
  '_+_(double, double): double': (a: number, b: number) => a + b,
  '_+_(string, string): string': (a: string, b: string) => a + b,
  '_+_(bytes, bytes): bytes': (a: Uint8Array, b: Uint8Array) => new Uint8Array(Buffer.concat([a, b])),
  '_+_(list<A>, list<A>): list<A>': addLists,
  '_+_(timestamp, duration): timestamp': (a: CelTimestamp, b: CelDuration) => timestamp(a.nanos + b.nanos),
  '_+_(duration, timestamp): timestamp': (a: CelDuration, b: CelTimestamp) => timestamp(a.nanos + b.nanos),
  '_+_(duration, duration): duration': (a: CelDuration, b: CelDuration) => duration(a.nanos + b.nanos),
  '_-_(int, int): int': (a: bigint, b: bigint) => int(a - b),
  '_-_(uint, uint): uint': (a: CelUint, b: CelUint) => uint(a.value - b.value),
  '_-_(double, double): double': (a: number, b: number) => a - b,
  '_-_(timestamp, timestamp): duration': (a: CelTimestamp, b: CelTimestamp) => duration(a.nanos - b.nanos),
  '_-_(timestamp, duration): timestamp': (a: CelTimestamp, b: CelDuration) => timestamp(a.nanos - b.nanos),
  '_-_(duration, duration): duration': (a: CelDuration, b: CelDuration) => duration(a.nanos - b.nanos),
  '_*_(int, int): int': (a: bigint, b: bigint) => int(a * b),
  '_*_(uint, uint): uint': (a: CelUint, b: CelUint) => uint(a.value * b.value),
  '_*_(double, double): double': (a: number, b: number) => a * b,
  '_/_(int, int): int': (a: bigint, b: bigint) => (b === 0n ? byZero('division') : int(a / b)),
  '_/_(uint, uint): uint': (a: CelUint, b: CelUint) => (b.value === 0n ? byZero('division') : uint(a.value / b.value)),
  '_/_(double, double): double': (a: number, b: number) => a / b,
  '_%_(int, int): int': (a: bigint, b: bigint) => (b === 0n ? byZero('modulus') : int(a % b)),
  '_%_(uint, uint): uint': (a: CelUint, b: CelUint) => (b.value === 0n ? byZero('modulus') : uint(a.value % b.value)),
  '-_(int): int': (a: bigint) => int(-a),
  '-_(double): double': (a: number) => -a,
  '!_(bool): bool': (a: boolean) => !a,
};

/** Lists of type set and map join without doubles: what is in both is the second's. */
function addLists(a: unknown[], b: unknown[]): unknown[] {
  if (!(a instanceof CelList)) return [...a, ...b];
  const joined = new CelList();
  joined.identity = a.identity;
  const later = new Map(b.map((item) => [a.identity(item), item]));
  for (const item of a) {
    const key = a.identity(item);
    joined.push(later.has(key) ? later.get(key) : item);
    later.delete(key);
  }
  joined.push(...later.values());
  return joined;
}

const comparable = ['bool', 'int', 'uint', 'double', 'string', 'bytes', 'timestamp', 'duration'];
const numbers = ['int', 'uint', 'double'];

function comparisons(): CelFunctions {
  const tests: [string, (order: number) => boolean][] = [
    ['_<_', (order) => order < 0],
    ['_<=_', (order) => order <= 0],
    ['_>_', (order) => order > 0],
    ['_>=_', (order) => order >= 0],
  ];
  const pairs = [
    ...comparable.map((type) => [type, type]),
    ...numbers.flatMap((a) => numbers.filter((b) => a !== b).map((b) => [a, b])),
  ];
  return Object.fromEntries(
    tests.flatMap(([name, test]) =>
      pairs.map(([a, b]) => [
        `${name}(${a}, ${b}): bool`,
        (x: unknown, y: unknown) => test(celCompare(x, y) ?? Number.NaN),
      ]),
    ),
  );
}

const missing = (key: unknown): never => {
  throw new MissingFault(`no such key: ${key}`, [String(key)]);
};

function itemAt(list: readonly unknown[], index: unknown): unknown {
  const at = typeof index === 'bigint' ? Number(index) : index instanceof CelUint ? Number(index.value) : index;
  if (typeof at !== 'number' || !Number.isInteger(at))
    throw new CelFault(`unsupported index type '${typeNameOf(index)}' in list`);
  if (at >= 0 && at < list.length) return list[at];
  throw new MissingFault(`index out of bounds: ${at}`, [String(at)]);
}

/** The value of a key of a map or an object; undefined when there is none. */
export const valueAt = (map: unknown, key: unknown): unknown =>
  map instanceof CelMap || map instanceof CelObject ? map.get(key) : undefined;

/** `a[?b]`, and `a[b]` of an optional: nothing where there is nothing. */
function optionalItem(of: unknown, key: unknown): CelOptional {
  const from = of instanceof CelOptional ? of.value : of;
  if (from === undefined) return CelOptional.none;
  if (Array.isArray(from)) {
    const at = Number(typeof key === 'bigint' ? key : -1n);
    return at >= 0 && at < from.length ? new CelOptional(from[at]) : CelOptional.none;
  }
  const value = valueAt(from, key);
  return value === undefined ? CelOptional.none : new CelOptional(value);
}

export const containers: CelFunctions = {
  ...comparisons(),
  '_==_(A, A): bool': celEquals,
  '_!=_(A, A): bool': (a: unknown, b: unknown) => !celEquals(a, b),
  '@in(A, list<A>): bool': (item: unknown, list: unknown[]) => list.some((other) => celEquals(item, other)),
  '@in(A, map<A, B>): bool': (key: unknown, map: unknown) => valueAt(map, key) !== undefined,
  '_[_](list<A>, int): A': itemAt,
  '_[_](map<A, B>, A): B': (map: unknown, key: unknown) => valueAt(map, key) ?? nullOrMissing(map, key),
  '_[_](optional<list<A>>, int): optional<A>': optionalItem,
  '_[_](optional<map<A, B>>, A): optional<B>': optionalItem,
  '_[?_](list<A>, int): optional<A>': optionalItem,
  '_[?_](map<A, B>, A): optional<B>': optionalItem,
  '_[?_](optional<list<A>>, int): optional<A>': optionalItem,
  '_[?_](optional<map<A, B>>, A): optional<B>': optionalItem,
  'size(string): int': (text: string) => BigInt(countPoints(text)),
  'size(bytes): int': (bytes: Uint8Array) => BigInt(bytes.length),
  'size(list<A>): int': (list: unknown[]) => BigInt(list.length),
  'size(map<A, B>): int': (map: unknown) => BigInt(entriesOf(map)?.size ?? 0),
  '(string).size(): int': (text: string) => BigInt(countPoints(text)),
  '(bytes).size(): int': (bytes: Uint8Array) => BigInt(bytes.length),
  '(list<A>).size(): int': (list: unknown[]) => BigInt(list.length),
  '(map<A, B>).size(): int': (map: unknown) => BigInt(entriesOf(map)?.size ?? 0),
  'cel.@mapInsert(map<K, V>, K, V): map<K, V>': (map: CelMap, key: string, value: unknown) => {
    map.entries.set(key, value);
    return map;
  },
  'cel.@mapInsert(map<K, V>, map<K, V>): map<K, V>': (map: CelMap, more: CelMap) => {
    for (const [key, value] of entriesOf(more) ?? []) {
      if (map.entries.has(key)) throw new CelFault(`insert failed: key '${String(key)}' already exists`);
      map.entries.set(key, value);
    }
    return map;
  },
  'optional.none(): optional<A>': () => CelOptional.none,
  'optional.of(A): optional<A>': (value: unknown) => new CelOptional(value),
  'optional.ofNonZeroValue(A): optional<A>': (value: unknown) =>
    isZero(value) ? CelOptional.none : new CelOptional(value),
  'optional.unwrap(list<optional<A>>): list<A>': unwrapped,
  '(list<optional<A>>).unwrapOpt(): list<A>': unwrapped,
  '(optional<A>).hasValue(): bool': ({ value }: CelOptional) => value !== undefined,
  '(optional<A>).value(): A': ({ value }: CelOptional) => {
    if (value === undefined) throw new MissingFault('optional.none() dereference', ['value']);
    return value;
  },
  '(optional<A>).or(optional<A>): optional<A>': (a: CelOptional, b: CelOptional) => (a.value === undefined ? b : a),
  '(optional<A>).orValue(A): A': ({ value }: CelOptional, other: unknown) => (value === undefined ? other : value),
};

function unwrapped(list: CelOptional[]): unknown[] {
  return list.flatMap(({ value }) => (value === undefined ? [] : [value]));
}

/** A map may hold null, which is a value. */
const nullOrMissing = (map: unknown, key: unknown): unknown => (valueAt(map, key) === null ? null : missing(key));

function isZero(value: unknown): boolean {
  if (value === null || value === '' || value === 0n || value === 0 || value === false) return true;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  if (value instanceof CelUint) return value.value === 0n;
  if (value instanceof CelDuration) return value.nanos === 0n;
  return entriesOf(value)?.size === 0;
}

/** Characters as CEL counts them: code points. */
export function countPoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0xd800 && code < 0xdc00) count--;
  }
  return count;
}

const cannot = (value: unknown, type: string): never => {
  throw new CelFault(`type conversion error from '${typeNameOf(value)}' to '${type}'`);
};
const identity = (value: unknown): unknown => value;
const range = (): never => {
  throw new CelFault('integer overflow');
};
const wholeOf = (value: number): bigint => (Number.isFinite(value) ? BigInt(Math.trunc(value)) : range());

function parseInt64(text: string): bigint {
  if (!/^[+-]?\d+$/.test(text)) throw new CelFault(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const value = BigInt(text.replace(/^\+/, ''));
  if (value >= -(2n ** 63n) && value < 2n ** 63n) return value;
  throw new CelFault(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
}

const specialDoubles: Record<string, number> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '+inf': Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  infinity: Number.POSITIVE_INFINITY,
  '+infinity': Number.POSITIVE_INFINITY,
  '-infinity': Number.NEGATIVE_INFINITY,
};

function parseDouble(text: string): number {
  const special = specialDoubles[text.toLowerCase()];
  if (special !== undefined) return special;
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  throw new CelFault(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`);
}

const trueTexts = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const falseTexts = ['0', 'f', 'F', 'false', 'FALSE', 'False'];

function parseBool(text: string): boolean {
  if (trueTexts.includes(text)) return true;
  return falseTexts.includes(text) ? false : cannot(text, 'bool');
}

/** A double as Go's strconv writes it for CEL: the shortest text, with an exponent when it is very big or small. */
export function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e21)) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return String(value);
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CelFault('invalid UTF-8 in bytes, cannot convert to string');
  }
}

export const conversions: CelFunctions = {
  'dyn(A): dyn': identity,
  'type(A): type<A>': (value: unknown) => new CelTypeValue(typeNameOf(value)),
  'bool(bool): bool': identity,
  'bool(string): bool': parseBool,
  'bytes(bytes): bytes': identity,
  'bytes(string): bytes': (text: string) => new Uint8Array(Buffer.from(text)),
  'double(double): double': identity,
  'double(int): double': (value: bigint) => Number(value),
  'double(uint): double': ({ value }: CelUint) => Number(value),
  'double(string): double': parseDouble,
  'int(int): int': identity,
  'int(uint): int': ({ value }: CelUint) => int(value),
  'int(double): int': (value: number) => (Math.abs(value) < 2 ** 63 ? wholeOf(value) : range()),
  'int(string): int': parseInt64,
  'int(timestamp): int': ({ nanos }: CelTimestamp) =>
    (nanos - (((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n)) / 1_000_000_000n,
  'int(duration): int': ({ nanos }: CelDuration) => nanos,
  'uint(uint): uint': identity,
  'uint(int): uint': uint,
  'uint(double): uint': (value: number) => (value < 2 ** 64 ? uint(wholeOf(value)) : range()),
  'uint(string): uint': (text: string) => (/^\d+$/.test(text) ? uint(BigInt(text)) : cannot(text, 'uint')),
  'string(string): string': identity,
  'string(bool): string': String,
  'string(int): string': String,
  'string(uint): string': ({ value }: CelUint) => String(value),
  'string(double): string': doubleText,
  'string(bytes): string': utf8,
  'string(timestamp): string': formatTimestamp,
  'string(duration): string': formatDuration,
  'timestamp(timestamp): timestamp': identity,
  'timestamp(int): timestamp': (seconds: bigint) => timestamp(seconds * 1_000_000_000n),
  'timestamp(string): timestamp': (text: string) => parseTimestamp(text) ?? cannot(text, 'google.protobuf.Timestamp'),
  'duration(duration): duration': identity,
  'duration(int): duration': (nanos: bigint) => new CelDuration(nanos),
  'duration(string): duration': (text: string) => parseDuration(text) ?? cannot(text, 'google.protobuf.Duration'),
};
