/** The way back from JSON to protobuf, for tests only: the platform itself answers in JSON. */
import { type FieldFacts, fieldsOf, type TypeRef } from './facts.ts';

type Bytes = number[];

/** The request body that holds a message of a kind. */
export function envelope(apiVersion: string, kind: string, raw: Bytes): Uint8Array {
  const typeMeta = [...text(1, apiVersion), ...text(2, kind)];
  return Uint8Array.from([0x6b, 0x38, 0x73, 0, ...field(1, 2, typeMeta), ...field(2, 2, raw)]);
}

/** One field of a message; `content` is the bytes of its value, without a length. */
export function field(number: number, wireType: number, content: readonly number[]): Bytes {
  const length = wireType === 2 ? varint(BigInt(content.length)) : [];
  return [...varint(BigInt(number * 8 + wireType)), ...length, ...content];
}

/** The message of a type of the built-in table. */
export function encodeForTest(type: string, object: Record<string, unknown>): Bytes {
  return (fieldsOf(type) ?? []).flatMap((facts) => {
    const value = object[facts.name];
    if (value === undefined || facts.path.length === 0) return [];
    const number = facts.path.at(-1) ?? 0;
    const bytes = encodeField(number, facts, value);
    // An inlined struct is a message around the field.
    return facts.path.slice(0, -1).reduceRight((inner, outer) => field(outer, 2, inner), bytes);
  });
}

function encodeField(number: number, { type, wrapped }: FieldFacts, value: unknown): Bytes {
  if (type.of === 'list') return (value as unknown[]).flatMap((item) => encodeValue(number, type.items, item));
  if (type.of !== 'map') return encodeValue(number, type, value);
  return Object.entries(value as object).flatMap(([key, item]) => {
    const inner = wrapped
      ? field(
          2,
          2,
          (item as string[]).flatMap((one) => text(1, one)),
        )
      : encodeValue(2, type.items, item);
    return field(number, 2, [...text(1, key), ...inner]);
  });
}

function encodeValue(number: number, type: TypeRef, value: unknown): Bytes {
  if (type.of === 'type') {
    const special = SPECIAL[type.name];
    return field(number, 2, special ? special(value) : encodeForTest(type.name, value as Record<string, unknown>));
  }
  if (type.of !== 'scalar') throw new Error('a list inside a list');
  if (type.scalar === 'string') return text(number, String(value));
  if (type.scalar === 'bytes') return field(number, 2, [...Buffer.from(String(value), 'base64')]);
  if (type.scalar !== 'double') return field(number, 0, varint(BigInt(Number(value))));
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(Number(value));
  return field(number, 1, [...bytes]);
}

const SPECIAL: Record<string, (value: unknown) => Bytes> = {
  'meta.v1.Time': time,
  'meta.v1.MicroTime': time,
  'api.resource.Quantity': (value) => text(1, String(value)),
  'util.intstr.IntOrString': (value) =>
    typeof value === 'number'
      ? [...field(1, 0, [0]), ...field(2, 0, varint(BigInt(value))), ...text(3, '')]
      : [...field(1, 0, [1]), ...field(2, 0, [0]), ...text(3, String(value))],
  'meta.v1.FieldsV1': json,
  'runtime.RawExtension': json,
  'apiextensions.v1.JSON': json,
  'apiextensions.v1.JSONSchemaPropsOrArray': (value) =>
    Array.isArray(value) ? value.flatMap((item) => schema(2, item)) : schema(1, value),
  'apiextensions.v1.JSONSchemaPropsOrBool': (value) =>
    typeof value === 'boolean' ? field(1, 0, [Number(value)]) : [...field(1, 0, [1]), ...schema(2, value)],
  'apiextensions.v1.JSONSchemaPropsOrStringArray': (value) =>
    Array.isArray(value) ? value.flatMap((item) => text(2, item)) : schema(1, value),
};

function schema(number: number, value: unknown): Bytes {
  return field(number, 2, encodeForTest('apiextensions.v1.JSONSchemaProps', value as Record<string, unknown>));
}

function json(value: unknown): Bytes {
  return text(1, JSON.stringify(value));
}

function time(value: unknown): Bytes {
  const [whole = '', fraction = '0'] = String(value).replace('Z', '').split('.');
  const seconds = Date.parse(`${whole}Z`) / 1000;
  const nanos = Number(fraction.padEnd(9, '0'));
  return [...field(1, 0, varint(BigInt(seconds))), ...field(2, 0, varint(BigInt(nanos)))];
}

function text(number: number, value: string): Bytes {
  return field(number, 2, [...Buffer.from(value)]);
}

function varint(value: bigint): Bytes {
  const bytes: Bytes = [];
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}
