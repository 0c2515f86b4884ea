import { type FieldFacts, fieldsOf, type Scalar, type TypeRef, typeOfKind } from './facts.ts';
import {
  createOutput,
  lengthOf,
  type Output,
  prepend,
  writeBytes,
  writeDouble,
  writeInteger,
  writeNested,
  writeTag,
  writeText,
  writeVarint,
  written,
} from './wire-writer.ts';

type JsonObject = Record<string, unknown>;
/** Writes a value without a tag or length. */
type WriteContent = (value: unknown, out: Output) => void;
/** Writes what an object has of one field of its message, with tag and length. */
type WriteField = (object: JsonObject, out: Output) => void;

const MAGIC = Buffer.from('k8s\0');

/** What a built-in kind's objects are on the wire; undefined for a kind that only JSON can say. */
export function protobufTypeOf(apiVersion: string, kind: string): string | undefined {
  if (kind === 'Status' && apiVersion === 'v1') return 'meta.v1.Status';
  return kind === 'PartialObjectMetadata' ? 'meta.v1.PartialObjectMetadata' : typeOfKind(apiVersion, kind);
}

/**
 * An object as kube-apiserver sends it as application/vnd.kubernetes.protobuf: the bytes `k8s\0`, then a
 * runtime.Unknown with its type and message. Fields that the table lacks, and null, are left out.
 * @param type as protobufTypeOf names it.
 */
export function encodeProtobuf(object: object, type: string): Buffer {
  const { apiVersion, kind } = object as { apiVersion: string; kind: string };
  const out = createOutput(1024);
  const write = messageOf(type);
  writeNested(2, out, () => write(object, out));
  writeEnvelope(apiVersion, kind, out);
  return written(out);
}

/**
 * A list in pieces that follow each other: what encodeProtobuf would make of the whole.
 * @param head the list without its items.
 * @param items as encodeProtobufItem makes them.
 */
export function* encodeProtobufList(
  head: { apiVersion: string; kind: string; metadata: object },
  items: readonly Buffer[],
): Iterable<Buffer> {
  const metadata = encodeField(1, head.metadata, 'meta.v1.ListMeta');
  const size = items.reduce((sum, item) => sum + item.length, metadata.length);
  const start = createOutput(128);
  writeVarint(size, start);
  writeTag(2, 2, start);
  writeEnvelope(head.apiVersion, head.kind, start);
  yield written(start);
  yield metadata;
  yield* items;
}

/** One object as an item of a list. */
export function encodeProtobufItem(object: object, type: string): Buffer {
  return encodeField(2, object, type);
}

/**
 * One event of a watch: its length in four bytes, and a meta.v1.WatchEvent whose object is one of its own.
 * @param object as encodeProtobuf makes it.
 */
export function encodeProtobufEvent(type: string, object: Uint8Array): Buffer {
  const out = createOutput(object.length + 64);
  writeNested(2, out, () => writeBytes(1, object, out));
  writeText(1, type, out);
  const length = lengthOf(out);
  const at = prepend(out, 4);
  out.bytes.writeUInt32BE(length, at);
  return written(out);
}

/** A message as a field of another, without an envelope. */
function encodeField(number: number, object: object, type: string): Buffer {
  const out = createOutput(1024);
  const write = messageOf(type);
  writeNested(number, out, () => write(object, out));
  return written(out);
}

function writeEnvelope(apiVersion: string, kind: string, out: Output): void {
  writeNested(1, out, () => {
    writeText(2, kind, out);
    writeText(1, apiVersion, out);
  });
  const at = prepend(out, MAGIC.length);
  out.bytes.set(MAGIC, at);
}

const messages = new Map<string, WriteContent>();

/** How a type's message is written, worked out on first use; a type may hold itself (JSONSchemaProps). */
function messageOf(type: string): WriteContent {
  let write = messages.get(type);
  if (write) return write;
  let fields: readonly WriteField[] | undefined;
  write =
    SPECIAL.get(type) ??
    ((value, out) => {
      fields ??= fieldWriters(fieldsOf(type) ?? [], 0);
      for (const field of fields) field(value as JsonObject, out);
    });
  messages.set(type, write);
  return write;
}

/**
 * The writers of a message's fields, last field first.
 * @param depth how many inlined structs, which are messages on the wire, the fields lie in.
 */
function fieldWriters(fields: readonly FieldFacts[], depth: number): WriteField[] {
  const here = fields.filter(({ path }) => path.length > depth);
  const byNumber = Map.groupBy(here, ({ path }) => path[depth] ?? 0);
  return [...byNumber]
    .sort(([a], [b]) => b - a)
    .map(([number, inside]) => {
      const [first] = inside;
      if (first && first.path.length === depth + 1) return fieldWriter(first, number);
      return inlinedWriter(fieldWriters(inside, depth + 1), number);
    });
}

function inlinedWriter(fields: readonly WriteField[], number: number): WriteField {
  return (object, out) => {
    const before = lengthOf(out);
    for (const field of fields) field(object, out);
    const length = lengthOf(out) - before;
    if (length === 0) return;
    writeVarint(length, out);
    writeTag(number, 2, out);
  };
}

function fieldWriter({ name, type, wrapped }: FieldFacts, number: number): WriteField {
  const write = valueWriter(type, number, wrapped);
  return (object, out) => {
    const value = Object.hasOwn(object, name) ? object[name] : undefined;
    if (value !== undefined && value !== null) write(value, out);
  };
}

/** Writes a value with its tag. A list's elements are fields of their own; a map's entries are messages. */
function valueWriter(type: TypeRef, number: number, wrapped: boolean): WriteContent {
  if (type.of === 'list') {
    const element = valueWriter(type.items, number, false);
    return (value, out) => {
      for (const item of (value as unknown[]).toReversed()) element(item, out);
    };
  }
  if (type.of === 'map') {
    const value = wrapped ? wrappedWriter(type.items) : valueWriter(type.items, 2, false);
    return (map, out) => {
      for (const [key, item] of Object.entries(map as JsonObject).reverse()) {
        writeNested(number, out, () => {
          if (item !== null) value(item, out);
          writeText(1, key, out);
        });
      }
    };
  }
  if (type.of === 'scalar') return scalarWriter(type.scalar, number);
  const content = messageOf(type.name);
  return (value, out) => {
    writeNested(number, out, () => content(value, out));
  };
}

/** A list in a message of its own, as maps of lists have it (ExtraValue). */
function wrappedWriter(type: TypeRef): WriteContent {
  const list = valueWriter(type, 1, false);
  return (value, out) => {
    writeNested(2, out, () => list(value, out));
  };
}

function scalarWriter(scalar: Scalar, number: number): WriteContent {
  switch (scalar) {
    case 'string':
      return (value, out) => writeText(number, value as string, out);
    case 'bytes':
      return (value, out) => writeBytes(number, Buffer.from(value as string, 'base64'), out);
    case 'bool':
      return (value, out) => {
        writeVarint(value === true ? 1 : 0, out);
        writeTag(number, 0, out);
      };
    case 'double':
      return (value, out) => {
        writeDouble(value as number, out);
        writeTag(number, 1, out);
      };
    default:
      return (value, out) => {
        writeInteger(value as number | bigint, out);
        writeTag(number, 0, out);
      };
  }
}

const JSON_SCHEMA = 'apiextensions.v1.JSONSchemaProps';

/** Types whose JSON is not an object of their message's fields. */
const SPECIAL: ReadonlyMap<string, WriteContent> = new Map<string, WriteContent>([
  ['meta.v1.PartialObjectMetadata', writePartial],
  ['meta.v1.Time', writeTime],
  ['meta.v1.MicroTime', writeTime],
  ['api.resource.Quantity', (value, out) => writeText(1, String(value), out)],
  ['util.intstr.IntOrString', writeIntOrString],
  ['meta.v1.FieldsV1', writeJson],
  ['runtime.RawExtension', writeJson],
  ['apiextensions.v1.JSON', writeJson],
  ['apiextensions.v1.JSONSchemaPropsOrArray', writeSchemaOrArray],
  ['apiextensions.v1.JSONSchemaPropsOrBool', writeSchemaOrBool],
  ['apiextensions.v1.JSONSchemaPropsOrStringArray', writeSchemaOrStrings],
]);

/** meta.k8s.io PartialObjectMetadata, which no OpenAPI document has. */
function writePartial(value: unknown, out: Output): void {
  writeNested(1, out, () => messageOf('meta.v1.ObjectMeta')((value as JsonObject)['metadata'], out));
}

/** Seconds and nanoseconds since the epoch. */
function writeTime(value: unknown, out: Output): void {
  const text = String(value);
  const fraction = /\.(\d{1,9})/.exec(text)?.[1] ?? '';
  writeInteger(Number(fraction.padEnd(9, '0')), out);
  writeTag(2, 0, out);
  writeInteger(Math.floor(Date.parse(text) / 1000), out);
  writeTag(1, 0, out);
}

/** type 0 with a number, type 1 with a text; Go's decoder wants all three fields. */
function writeIntOrString(value: unknown, out: Output): void {
  const isText = typeof value === 'string';
  writeText(3, isText ? value : '', out);
  writeInteger(isText ? 0 : (value as number), out);
  writeTag(2, 0, out);
  writeVarint(isText ? 1 : 0, out);
  writeTag(1, 0, out);
}

function writeJson(value: unknown, out: Output): void {
  writeText(1, JSON.stringify(value), out);
}

function writeSchema(number: number, value: unknown, out: Output): void {
  writeNested(number, out, () => messageOf(JSON_SCHEMA)(value, out));
}

function writeSchemaOrArray(value: unknown, out: Output): void {
  if (!Array.isArray(value)) writeSchema(1, value, out);
  else for (const schema of value.toReversed()) writeSchema(2, schema, out);
}

function writeSchemaOrBool(value: unknown, out: Output): void {
  if (typeof value !== 'boolean') writeSchema(2, value, out);
  writeVarint(value === false ? 0 : 1, out);
  writeTag(1, 0, out);
}

function writeSchemaOrStrings(value: unknown, out: Output): void {
  if (!Array.isArray(value)) writeSchema(1, value, out);
  else for (const text of value.toReversed()) writeText(2, String(text), out);
}
