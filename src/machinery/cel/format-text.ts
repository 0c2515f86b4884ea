import { CelFault } from './fault.ts';
import { doubleText } from './functions-standard.ts';
import {
  CelDuration,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  entriesOf,
  formatDuration,
  formatTimestamp,
  numberOf,
  typeNameOf,
} from './value.ts';

/** `"%s has %d".format([name, count])`: the verbs s d f e x X o b, with a precision for f and e (cel-go's ext.Strings). */
export function formatText(text: string, values: readonly unknown[]): string {
  let next = 0;
  const made = text.replace(/%(?:\.(\d+))?(.?)/gs, (_, precision: string | undefined, verb: string) => {
    if (verb === '%') return '%';
    if (verb === '') throw new CelFault('unexpected end of string');
    if (next >= values.length) throw new CelFault(`index ${next} out of range`);
    const format = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
    if (!format) throw new CelFault(`could not parse formatting clause: unrecognized formatting clause "${verb}"`);
    return format(values[next++], Math.min(Number(precision ?? 6), 100));
  });
  return made;
}

const verbs: Record<string, (value: unknown, precision: number) => string> = {
  s: textOf,
  d: (value) => (typeof value === 'number' ? special(value) : undefined) ?? String(whole(value, 'd')),
  f: (value, precision) => special(double(value, 'f')) ?? double(value, 'f').toFixed(precision),
  e: (value, precision) =>
    special(double(value, 'e')) ??
    double(value, 'e')
      .toExponential(precision)
      .replace(/e([+-])(\d)$/, 'e$10$2'),
  x: (value) => hexOf(value, 'x'),
  X: (value) => hexOf(value, 'X').toUpperCase(),
  o: (value) => whole(value, 'o').toString(8),
  b: (value) => (typeof value === 'boolean' ? (value ? '1' : '0') : whole(value, 'b').toString(2)),
};

const wanted: Record<string, string> = {
  d: 'decimal clause can only be used on integers',
  f: 'fixed-point clause can only be used on doubles',
  e: 'scientific clause can only be used on doubles',
  x: 'only integers, byte buffers, and strings can be formatted as hex',
  X: 'only integers, byte buffers, and strings can be formatted as hex',
  o: 'octal clause can only be used on integers',
  b: 'only integers and bools can be formatted as binary',
};

function refuse(value: unknown, verb: string): never {
  throw new CelFault(`error during formatting: ${wanted[verb]}, was given ${typeNameOf(value)}`);
}

function whole(value: unknown, verb: string): bigint {
  if (typeof value === 'bigint') return value;
  return value instanceof CelUint ? value.value : refuse(value, verb);
}

function double(value: unknown, verb: string): number {
  const number = numberOf(value);
  return number === undefined ? refuse(value, verb) : Number(number);
}

const special = (value: number): string | undefined => {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? undefined : value > 0 ? 'Infinity' : '-Infinity';
};

function hexOf(value: unknown, verb: string): string {
  if (typeof value === 'string' || value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return whole(value, verb).toString(16);
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null) return 'null';
  if (typeof value === 'number') return special(value) ?? doubleText(value);
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (Array.isArray(value)) return `[${value.map(textOf).join(', ')}]`;
  return textOfObject(value);
}

function textOfObject(value: unknown): string {
  if (value instanceof CelUint) return String(value.value);
  if (value instanceof CelTimestamp) return formatTimestamp(value);
  if (value instanceof CelDuration) return formatDuration(value);
  if (value instanceof CelTypeValue) return value.name;
  const entries = entriesOf(value);
  if (!entries)
    throw new CelFault(
      `error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given ${typeNameOf(value)}`,
    );
  const shown = [...entries].map(([key, item]) => [textOf(key), textOf(item)] as const);
  return `{${shown
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map((entry) => entry.join(': '))
    .join(', ')}}`;
}
