/**
 * The type of a CEL value. `max` is the most elements (bytes, items or entries) that a declared value can have; left out, any
 * number: what the cost of an expression is estimated with. Types are shared and never changed.
 */
export type CelType =
  | { readonly kind: Scalar; readonly max?: number }
  | { readonly kind: 'list'; readonly of: CelType; readonly max?: number; readonly identity?: ListIdentity }
  | { readonly kind: 'map'; readonly key: CelType; readonly value: CelType; readonly max?: number }
  | ObjectType
  | { readonly kind: 'opaque'; readonly name: string; readonly params: readonly CelType[] }
  | { readonly kind: 'type'; readonly of: CelType }
  | { readonly kind: 'param'; readonly name: string };

export type Scalar =
  | 'dyn'
  | 'error'
  | 'null'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'timestamp'
  | 'duration';

/** An object with fields of known names; `field` gives the type of one by its CEL name, or undefined. */
export interface ObjectType {
  readonly kind: 'object';
  readonly name: string;
  readonly field: (name: string) => CelType | undefined;
  /** The name of a field in JSON, where that differs from its CEL name. */
  readonly jsonName?: (name: string) => string;
}

/** What makes two items of a list the same one (`x-kubernetes-list-type`): their whole value, or the values of some keys. */
export type ListIdentity = { readonly by: 'value' } | { readonly by: 'keys'; readonly keys: readonly string[] };

const scalar = <K extends Scalar>(kind: K): { readonly kind: K } => ({ kind });

/** The ways to write a type down: `celType.list(celType.string)`. */
export const celType = {
  dyn: scalar('dyn'),
  error: scalar('error'),
  null: scalar('null'),
  bool: scalar('bool'),
  int: scalar('int'),
  uint: scalar('uint'),
  double: scalar('double'),
  string: scalar('string'),
  bytes: scalar('bytes'),
  timestamp: scalar('timestamp'),
  duration: scalar('duration'),
  list: (of: CelType): CelType => ({ kind: 'list', of }),
  map: (key: CelType, value: CelType): CelType => ({ kind: 'map', key, value }),
  /** An object with exactly these fields. */
  object: (name: string, fields: Readonly<Record<string, CelType>>): ObjectType => ({
    kind: 'object',
    name,
    field: (field) => (Object.hasOwn(fields, field) ? fields[field] : undefined),
  }),
  /** A value of a JavaScript class of the caller's, which only its functions can look into. */
  opaque: (name: string, ...params: CelType[]): CelType => ({ kind: 'opaque', name, params }),
  optional: (of: CelType): CelType => ({ kind: 'opaque', name: 'optional_type', params: [of] }),
  type: (of: CelType): CelType => ({ kind: 'type', of }),
  param: (name: string): CelType => ({ kind: 'param', name }),
} as const;

export const isDyn = (type: CelType): boolean => type.kind === 'dyn' || type.kind === 'error';

/** What an optional holds; undefined for a type that is no optional. */
export const optionalOf = (type: CelType): CelType | undefined =>
  type.kind === 'opaque' && type.name === 'optional_type' ? type.params[0] : undefined;

const formatted: Partial<Record<Scalar, string>> = {
  error: '!error!',
  timestamp: 'google.protobuf.Timestamp',
  duration: 'google.protobuf.Duration',
};

/** A type as cel-go's errors name it: 'map(string, int)'. */
export function formatType(type: CelType): string {
  switch (type.kind) {
    case 'list':
      return `list(${formatType(type.of)})`;
    case 'map':
      return `map(${formatType(type.key)}, ${formatType(type.value)})`;
    case 'object':
    case 'param':
      return type.name;
    case 'opaque':
      return type.params.length === 0 ? type.name : `${type.name}(${type.params.map(formatType).join(', ')})`;
    case 'type':
      return type.of.kind === 'dyn' ? 'type' : `type(${formatType(type.of)})`;
    default:
      return formatted[type.kind] ?? type.kind;
  }
}

/** What the parameters of a signature stand for, while one expression is checked. */
export class Bindings {
  private readonly known = new Map<string, CelType>();

  copy(): Bindings {
    const copy = new Bindings();
    for (const [name, type] of this.known) copy.known.set(name, type);
    return copy;
  }

  /** Takes over what another has found out. */
  adopt(other: Bindings): void {
    for (const [name, type] of other.known) this.known.set(name, type);
  }

  /** The type with every parameter that is known in its place; what is not known is dyn when `final`. */
  resolve(type: CelType, final = false): CelType {
    switch (type.kind) {
      case 'param': {
        const bound = this.known.get(type.name);
        if (bound !== undefined) return this.resolve(bound, final);
        return final ? celType.dyn : type;
      }
      case 'list': {
        const of = this.resolve(type.of, final);
        return of === type.of ? type : { ...type, of };
      }
      case 'map': {
        const [key, value] = [this.resolve(type.key, final), this.resolve(type.value, final)];
        return key === type.key && value === type.value ? type : { ...type, key, value };
      }
      case 'opaque':
        if (type.params.length === 0) return type;
        return { ...type, params: type.params.map((param) => this.resolve(param, final)) };
      default:
        return type;
    }
  }

  /** Whether a value of type `actual` can stand where `wanted` is asked for; binds the parameters that this decides. */
  assign(wanted: CelType, actual: CelType): boolean {
    const [to, from] = [this.resolve(wanted), this.resolve(actual)];
    if (to.kind === 'param' || from.kind === 'param') return this.bind(to, from);
    if (isDyn(to) || isDyn(from)) return true;
    if (from.kind === 'null') return isNullable(to);
    if (to.kind === 'list') return from.kind === 'list' && this.assign(to.of, from.of);
    if (to.kind === 'map') {
      return from.kind === 'map' && this.assign(to.key, from.key) && this.assign(to.value, from.value);
    }
    if (to.kind === 'type') return from.kind === 'type';
    if (to.kind === 'object') return from.kind === 'object' && to.name === from.name;
    if (to.kind !== 'opaque') return to.kind === from.kind;
    if (from.kind !== 'opaque' || to.name !== from.name || to.params.length !== from.params.length) return false;
    return to.params.every((param, i) => this.assign(param, from.params[i] ?? celType.dyn));
  }

  private bind(to: CelType, from: CelType): boolean {
    if (to.kind === 'param') {
      if (from.kind === 'param' && from.name === to.name) return true;
      if (occurs(to.name, from)) return false;
      this.known.set(to.name, from);
      return true;
    }
    if (from.kind !== 'param' || occurs(from.name, to)) return false;
    this.known.set(from.name, to);
    return true;
  }
}

/** Where null may stand: cel-go gives it to messages, abstract types, timestamps and durations. */
const isNullable = ({ kind }: CelType): boolean =>
  kind === 'null' || kind === 'object' || kind === 'opaque' || kind === 'timestamp' || kind === 'duration';

function occurs(name: string, type: CelType): boolean {
  switch (type.kind) {
    case 'param':
      return type.name === name;
    case 'list':
      return occurs(name, type.of);
    case 'map':
      return occurs(name, type.key) || occurs(name, type.value);
    case 'opaque':
      return type.params.some((param) => occurs(name, param));
    default:
      return false;
  }
}
