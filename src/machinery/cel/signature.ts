import type { Overload } from './syntax.ts';
import { type CelType, celType, type Scalar } from './type.ts';

/**
 * Functions by their signatures, with `A`, `B`, `K`, `V` for any type, and a member's receiver in brackets:
 * `'(list<A>).indexOf(A): int'`, `'sets.contains(list<A>, list<A>): bool'`, `'(net.IP).family(): int'`.
 * A type that is none of CEL's own is opaque: its values are instances of a class with `static celType = 'net.IP'`, and an
 * `equals` method where two instances can be equal.
 */
export type CelFunctions = Readonly<Record<string, (...args: never[]) => unknown>>;

const scalars: Record<string, CelType> = {
  dyn: celType.dyn,
  bool: celType.bool,
  int: celType.int,
  uint: celType.uint,
  double: celType.double,
  string: celType.string,
  bytes: celType.bytes,
  timestamp: celType.timestamp,
  duration: celType.duration,
  null: celType.null,
  type: celType.type(celType.dyn),
} satisfies Partial<Record<Scalar | 'type', CelType>>;

/** Reads signatures, in the order in which they are written: the order in which overloads are tried. */
export function overloadsOf(functions: CelFunctions): Overload[] {
  return Object.entries(functions).map(([signature, call]) => overloadOf(signature, call));
}

function overloadOf(signature: string, call: Overload['call']): Overload {
  const parts = /^(?:\((.+?)\)\.)?([^(]+)\((.*)\): (.+)$/.exec(signature);
  if (!parts) throw new Error(`not the signature of a CEL function: ${signature}`);
  const [, receiver, name = '', list = '', result = 'dyn'] = parts;
  const parameters = splitTypes(list).map(typeOf);
  return {
    name,
    member: receiver !== undefined,
    parameters: receiver === undefined ? parameters : [typeOf(receiver), ...parameters],
    result: typeOf(result),
    call,
  };
}

/** Splits at the commas that are not inside of angle brackets. */
function splitTypes(list: string): string[] {
  const types: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= list.length; i++) {
    const character = list[i];
    if (character === '<') depth++;
    if (character === '>') depth--;
    if (depth > 0 || (character !== ',' && character !== undefined)) continue;
    const type = list.slice(start, i).trim();
    if (type !== '') types.push(type);
    start = i + 1;
  }
  return types;
}

function typeOf(text: string): CelType {
  const known = Object.hasOwn(scalars, text) ? scalars[text] : undefined;
  if (known) return known;
  if (/^[A-Z]$/.test(text)) return celType.param(text);
  const [, outer, inner = ''] = /^(list|map|optional|type)<(.+)>$/.exec(text) ?? [];
  const [first = celType.dyn, second = celType.dyn] = splitTypes(inner).map(typeOf);
  switch (outer) {
    case 'list':
      return celType.list(first);
    case 'map':
      return celType.map(first, second);
    case 'optional':
      return celType.optional(first);
    case 'type':
      return celType.type(first);
    default:
      return celType.opaque(text);
  }
}
