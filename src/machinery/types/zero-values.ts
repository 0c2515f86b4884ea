import type { Fields } from '../object.ts';
import { type FieldFacts, fieldsOf, type TypeRef } from './facts.ts';

/** What Go makes of the fields of a type that nobody sets, when it writes an object of the type as JSON. */
export interface ZeroValues {
  /** Left out when they are empty: ''  0  false  []  {} (omitempty). */
  readonly omitted: ReadonlySet<string>;
  /** Written all the same, each with what makes its zero value: structs, above all. */
  readonly written: readonly (readonly [field: string, zero: () => unknown])[];
}

/** Types that are no structs in JSON, and their zero values. */
const SPECIAL: Readonly<Record<string, unknown>> = {
  'api.resource.Quantity': '0',
  'meta.v1.MicroTime': null,
  'meta.v1.Time': null,
  'runtime.RawExtension': null,
  'util.intstr.IntOrString': 0,
};

const SCALARS = { string: '', bytes: '', bool: false, int32: 0, int64: 0, double: 0 } as const;

const NOTHING: ZeroValues = { omitted: new Set(), written: [] };
const known = new Map<string, ZeroValues>();

/** The zero values of a type by its name in the table ('core.v1.Container'); none for a type that it lacks. */
export function zeroValuesOf(type: string | undefined): ZeroValues {
  if (type === undefined) return NOTHING;
  let values = known.get(type);
  if (!values) {
    values = workOut(fieldsOf(type) ?? [], type === 'meta.v1.ObjectMeta');
    known.set(type, values);
  }
  return values;
}

function workOut(fields: readonly FieldFacts[], isMetadata: boolean): ZeroValues {
  const omitted = new Set<string>();
  const written: [string, () => unknown][] = [];
  for (const { name, type, path, pointer, omitempty } of fields) {
    // The kind and version of an object, and its name, are not for this to say.
    if (pointer || path.length === 0 || isMetadata) {
      if (omitempty && type.of !== 'type') omitted.add(name);
      continue;
    }
    if (type.of === 'type') {
      const zero = zeroOfStruct(type.name);
      if (zero) written.push([name, zero]);
    } else if (omitempty) omitted.add(name);
    else written.push([name, zeroOf(type)]);
  }
  return { omitted, written };
}

function zeroOf(type: TypeRef): () => unknown {
  const zero = type.of === 'scalar' ? SCALARS[type.scalar] : null;
  return () => zero;
}

function zeroOfStruct(name: string): (() => unknown) | undefined {
  if (Object.hasOwn(SPECIAL, name)) return () => SPECIAL[name];
  return fieldsOf(name) ? () => zeroObject(name) : undefined;
}

/** A new object of a type with nothing but what Go writes of it in any case: {} for most. */
export function zeroObject(type: string): Fields {
  return Object.fromEntries(zeroValuesOf(type).written.map(([field, zero]) => [field, zero()]));
}

/** True for what omitempty leaves out. */
export function isZero(value: unknown): boolean {
  if (value === '' || value === 0 || value === false) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) ? value.length === 0 : isEmptyMap(value);
}

function isEmptyMap(value: object): boolean {
  for (const _ in value) return false;
  return true;
}
