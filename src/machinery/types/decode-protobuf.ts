import { parseJson } from '../exact-json.ts';
import type { KubeObject } from '../object.ts';
import { ApiError, badRequest } from '../status.ts';
import { type FieldFacts, fieldsOf, type Scalar, type TypeRef, typeOfKind } from './facts.ts';
import {
  broken,
  type Cursor,
  contentBase64,
  contentText,
  cursorOver,
  nextField,
  readDouble,
  readInteger,
  readVarint,
  type WireField,
} from './wire.ts';

type JsonObject = Record<string, unknown>;

/** Where a wire field goes: into a field of the JSON object, or further into an inlined struct's message. */
type Target = FieldFacts | ReadonlyMap<number, Target>;

/** Deeper nesting than any real object has; JSONSchemaProps is the one type that nests at all. */
const MAX_DEPTH = 200;
const MAGIC = [0x6b, 0x38, 0x73, 0x00];

/**
 * Decodes a protobuf request body: the bytes `k8s\0`, then a runtime.Unknown whose raw bytes are a message of the kind
 * that its typeMeta names. Returns what the object's JSON would be: zero values that Go's `omitempty` drops are
 * dropped, unknown fields are skipped.
 * @throws ApiError 400 for anything that is not such a message, and for kinds that are not built in.
 */
export function decodeProtobuf(bytes: Uint8Array): KubeObject {
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) {
    throw badRequest('unable to decode the protobuf body: it does not start with "k8s\\0"');
  }
  const envelope = readEnvelope(cursorOver(bytes.subarray(MAGIC.length)));
  const { apiVersion, kind } = envelope;
  const type = kind === 'DeleteOptions' ? 'meta.v1.DeleteOptions' : typeOfKind(apiVersion, kind);
  if (type === undefined) {
    throw badRequest(`no kind "${kind}" is registered for version "${apiVersion}" that can be sent as protobuf`);
  }
  try {
    return { apiVersion, kind, ...readMessage(envelope.raw, type, 0) } as KubeObject;
  } catch (error) {
    if (error instanceof ApiError) throw badRequest(`${kind}: ${error.message}`);
    throw error;
  }
}

function readEnvelope(cursor: Cursor): { apiVersion: string; kind: string; raw: Cursor } {
  let raw = cursorOver(new Uint8Array());
  let [apiVersion, kind] = ['', ''];
  for (let field = nextField(cursor); field; field = nextField(cursor)) {
    if (field.type !== 2) continue;
    if (field.number === 2) raw = field.content;
    if (field.number === 3 && field.content.end > field.content.at) throw broken('its content is encoded');
    if (field.number !== 1) continue;
    const texts = readTexts(field.content);
    apiVersion = texts.get(1) ?? '';
    kind = texts.get(2) ?? '';
  }
  return { apiVersion, kind, raw };
}

/** The string fields of a message by number. */
function readTexts(cursor: Cursor): Map<number, string> {
  const texts = new Map<number, string>();
  for (let field = nextField(cursor); field; field = nextField(cursor)) {
    if (field.type === 2) texts.set(field.number, contentText(field.content));
  }
  return texts;
}

const targets = new Map<string, ReadonlyMap<number, Target>>();

/** The fields of a type by protobuf number; inlined structs are maps in the map. */
function targetsOf(type: string): ReadonlyMap<number, Target> {
  const known = targets.get(type);
  if (known) return known;
  const root = new Map<number, Target>();
  for (const field of fieldsOf(type) ?? []) {
    let level = root;
    for (const number of field.path.slice(0, -1)) {
      const inner = (level.get(number) ?? new Map()) as Map<number, Target>;
      level.set(number, inner);
      level = inner;
    }
    const last = field.path.at(-1);
    if (last !== undefined) level.set(last, field);
  }
  targets.set(type, root);
  return root;
}

function readMessage(cursor: Cursor, type: string, depth: number): JsonObject {
  if (depth > MAX_DEPTH) throw broken(`nested more than ${MAX_DEPTH} deep`);
  const object: JsonObject = {};
  readInto(object, cursor, targetsOf(type), depth);
  return object;
}

function readInto(object: JsonObject, cursor: Cursor, level: ReadonlyMap<number, Target>, depth: number): void {
  for (let field = nextField(cursor); field; field = nextField(cursor)) {
    const target = level.get(field.number);
    if (target === undefined) continue;
    if (!('name' in target)) {
      if (field.type !== 2) throw broken(`field ${field.number} has wire type ${field.type}`);
      readInto(object, field.content, target, depth);
    } else {
      readField(object, field, target, depth);
    }
  }
}

function readField(object: JsonObject, field: WireField, facts: FieldFacts, depth: number): void {
  const { name, type } = facts;
  if (type.of === 'list') {
    const list = (object[name] ?? []) as unknown[];
    object[name] = list;
    readElements(list, field, type.items, depth);
    return;
  }
  if (type.of === 'map') {
    // No prototype: the keys are the client's, and '__proto__' is one that it may choose.
    const map = (object[name] ?? Object.create(null)) as JsonObject;
    object[name] = map;
    readEntry(map, expectContent(field, name), type.items, facts.wrapped, depth);
    return;
  }
  const value = readValue(field, type, name, depth);
  if (isDropped(value, facts)) delete object[name];
  else object[name] = value;
}

/**
 * What Go's encoding/json leaves out: a zero value with omitempty, and a zero time. A zero IntOrString is left out too,
 * though Go writes it: it stands for none, and defaulting fills it in.
 */
function isDropped(value: unknown, facts: FieldFacts): boolean {
  if (value === null || value === undefined) return true;
  if (facts.pointer || !facts.omitempty) return false;
  return value === '' || value === 0 || value === false;
}

function readElements(list: unknown[], field: WireField, items: TypeRef, depth: number): void {
  const scalar = items.of === 'scalar' ? items.scalar : undefined;
  const packed = field.type === 2 && scalar && scalar !== 'string' && scalar !== 'bytes';
  if (!packed) {
    list.push(readValue(field, items, 'element', depth));
    return;
  }
  const { content } = field;
  while (content.at < content.end) list.push(readNumber(content, scalar));
}

function readEntry(map: JsonObject, entry: Cursor, items: TypeRef, wrapped: boolean, depth: number): void {
  let key = '';
  let value: unknown;
  for (let field = nextField(entry); field; field = nextField(entry)) {
    if (field.number === 1) key = contentText(expectContent(field, 'key'));
    if (field.number === 2) value = wrapped ? readWrapped(field, items) : readValue(field, items, 'value', depth);
  }
  map[key] = value ?? zeroOf(items);
}

/** A message with one repeated string, which JSON shows as a plain list (ExtraValue). */
function readWrapped(field: WireField, items: TypeRef): string[] {
  const content = expectContent(field, 'value');
  const list: string[] = [];
  if (items.of !== 'list') return list;
  for (let inner = nextField(content); inner; inner = nextField(content)) {
    if (inner.number === 1) list.push(contentText(expectContent(inner, 'item')));
  }
  return list;
}

/** The value of a map entry whose value field is absent. */
function zeroOf(type: TypeRef): unknown {
  if (type.of === 'list') return [];
  if (type.of === 'map') return {};
  if (type.of === 'type') return type.name === 'api.resource.Quantity' ? '0' : {};
  if (type.scalar === 'string' || type.scalar === 'bytes') return '';
  return type.scalar === 'bool' ? false : 0;
}

function readValue(field: WireField, type: TypeRef, name: string, depth: number): unknown {
  if (type.of === 'scalar') return readScalar(field, type.scalar, name);
  if (type.of !== 'type') throw broken(`${name}: a list inside a list`);
  const content = expectContent(field, name);
  const special = SPECIAL.get(type.name);
  return special ? special(content, depth + 1) : readMessage(content, type.name, depth + 1);
}

function readScalar(field: WireField, scalar: Scalar, name: string): unknown {
  if (scalar === 'string') return contentText(expectContent(field, name));
  if (scalar === 'bytes') return contentBase64(expectContent(field, name));
  const expected = scalar === 'double' ? 1 : 0;
  if (field.type !== expected) throw broken(`${name} has wire type ${field.type}, not ${expected}`);
  return readNumber(field.content, scalar);
}

function readNumber(cursor: Cursor, scalar: Scalar): number | boolean {
  if (scalar === 'double') return readDouble(cursor);
  if (scalar === 'bool') return readVarint(cursor) !== 0n;
  return readInteger(cursor);
}

function expectContent(field: WireField, name: string): Cursor {
  if (field.type !== 2) throw broken(`${name} has wire type ${field.type}, not 2`);
  return field.content;
}

/** The numbers of a message whose fields are varints and texts. */
function readFlat(cursor: Cursor): { numbers: Map<number, number>; texts: Map<number, string> } {
  const numbers = new Map<number, number>();
  const texts = new Map<number, string>();
  for (let field = nextField(cursor); field; field = nextField(cursor)) {
    if (field.type === 0) numbers.set(field.number, readInteger(field.content));
    if (field.type === 2) texts.set(field.number, contentText(field.content));
  }
  return { numbers, texts };
}

/** Messages whose JSON is not an object of their fields. */
const SPECIAL: ReadonlyMap<string, (content: Cursor, depth: number) => unknown> = new Map([
  ['meta.v1.Time', (content: Cursor) => readTime(content, false)],
  ['meta.v1.MicroTime', (content: Cursor) => readTime(content, true)],
  ['api.resource.Quantity', (content: Cursor) => readTexts(content).get(1) || '0'],
  ['util.intstr.IntOrString', readIntOrString],
  ['meta.v1.FieldsV1', readJson],
  ['runtime.RawExtension', readJson],
  ['apiextensions.v1.JSON', readJson],
  ['apiextensions.v1.JSONSchemaPropsOrArray', readSchemaOrArray],
  ['apiextensions.v1.JSONSchemaPropsOrBool', readSchemaOrBool],
  ['apiextensions.v1.JSONSchemaPropsOrStringArray', readSchemaOrStrings],
]);

function readIntOrString(content: Cursor): number | string {
  const { numbers, texts } = readFlat(content);
  return numbers.get(1) === 1 ? (texts.get(3) ?? '') : (numbers.get(2) ?? 0);
}

/** Seconds and nanoseconds since the epoch; an empty message is Go's zero time, which is null in JSON. */
function readTime(content: Cursor, micro: boolean): string | null {
  if (content.at === content.end) return null;
  const { numbers } = readFlat(content);
  const seconds = numbers.get(1) ?? 0;
  const nanos = numbers.get(2) ?? 0;
  // Years 0001 to 9999, which RFC 3339 can write.
  if (seconds < -62_135_596_800 || seconds > 253_402_300_799 || nanos < 0 || nanos > 999_999_999) {
    throw broken(`a time of ${seconds} seconds and ${nanos} nanoseconds`);
  }
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  return micro ? `${whole}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z` : `${whole}Z`;
}

/** Raw JSON in a message's first field. */
function readJson(content: Cursor): unknown {
  const text = readTexts(content).get(1);
  if (!text) return null;
  try {
    return parseJson(text);
  } catch (error) {
    throw broken(`embedded JSON: ${(error as Error).message}`);
  }
}

function readSchemaOrArray(content: Cursor, depth: number): unknown {
  const schemas: JsonObject[] = [];
  for (let field = nextField(content); field; field = nextField(content)) {
    const schema = readMessage(expectContent(field, 'items'), 'apiextensions.v1.JSONSchemaProps', depth);
    if (field.number === 1) return schema;
    schemas.push(schema);
  }
  return schemas;
}

function readSchemaOrBool(content: Cursor, depth: number): unknown {
  let allows: unknown = false;
  for (let field = nextField(content); field; field = nextField(content)) {
    if (field.number === 2) {
      return readMessage(expectContent(field, 'schema'), 'apiextensions.v1.JSONSchemaProps', depth);
    }
    if (field.number === 1 && field.type === 0) allows = readVarint(field.content) !== 0n;
  }
  return allows;
}

function readSchemaOrStrings(content: Cursor, depth: number): unknown {
  const strings: string[] = [];
  for (let field = nextField(content); field; field = nextField(content)) {
    const inner = expectContent(field, 'dependencies');
    if (field.number === 1) return readMessage(inner, 'apiextensions.v1.JSONSchemaProps', depth);
    if (field.number === 2) strings.push(contentText(inner));
  }
  return strings;
}
