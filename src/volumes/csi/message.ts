import {
  contentText,
  createOutput,
  cursorOver,
  type Fields,
  nextField,
  type Output,
  readInteger,
  type WireField,
  writeNested,
  writeTag,
  writeText,
  writeVarint,
  written,
} from '../../machinery/index.ts';

/** What a field of a protobuf message holds: 'map' is one of strings by strings, a Shape another message. */
export type FieldType = 'text' | 'flag' | 'number' | 'map' | Shape;

/** A message: its fields by name, each with its number, its type, and whether there may be several. */
export interface Shape {
  readonly [field: string]: readonly [number: number, type: FieldType, repeated?: 'repeated'];
}

/** Encodes a message. Fields that are undefined, and those that Go would leave out for their zero value, are left out. */
export function encodeMessage(shape: Shape, message: Fields): Buffer {
  const out = createOutput(256);
  writeMessage(shape, message, out);
  return written(out);
}

/** Written from the end: the fields in reverse, so that they come out in order. */
function writeMessage(shape: Shape, message: Fields, out: Output): void {
  for (const [name, [number, type, repeated]] of Object.entries(shape).reverse()) {
    const value = message[name];
    if (value === undefined) continue;
    const values = repeated ? [...(value as unknown[])].reverse() : [value];
    for (const each of values) writeField(number, type, each, repeated !== undefined, out);
  }
}

function writeField(number: number, type: FieldType, value: unknown, always: boolean, out: Output): void {
  if (type === 'map') {
    for (const [key, text] of Object.entries(value as Record<string, string>).reverse()) {
      writeNested(number, out, () => {
        writeText(2, text, out);
        writeText(1, key, out);
      });
    }
  } else if (type === 'text') {
    if (value !== '' || always) writeText(number, String(value), out);
  } else if (type === 'flag' || type === 'number') {
    if (!value && !always) return;
    writeVarint(Number(value), out);
    writeTag(number, 0, out);
  } else writeNested(number, out, () => writeMessage(type, value as Fields, out));
}

/**
 * Decodes a message. Fields that are absent get their zero value, other messages stay absent, and unknown fields are
 * skipped. @throws ApiError 400 for bytes that are no message.
 */
export function decodeMessage(shape: Shape, bytes: Uint8Array): Fields {
  return readMessage(shape, cursorOver(bytes));
}

function readMessage(shape: Shape, cursor: WireField['content']): Fields {
  const message: Fields = {};
  for (const [name, [, type, repeated]] of Object.entries(shape)) {
    const zero = repeated ? [] : zeroOf(type);
    if (zero !== undefined) message[name] = zero;
  }
  const byNumber = new Map(
    Object.entries(shape).map(([name, field]) => [field[0], { name, type: field[1], repeated: field[2] }]),
  );
  for (let field = nextField(cursor); field; field = nextField(cursor)) {
    const known = byNumber.get(field.number);
    if (!known) continue;
    const value = readField(known.type, field);
    if (value === undefined) continue;
    if (known.type === 'map') addEntry(message[known.name] as object, value as Fields);
    else if (known.repeated) (message[known.name] as unknown[]).push(value);
    else message[known.name] = value;
  }
  return message;
}

function zeroOf(type: FieldType): unknown {
  if (type === 'text') return '';
  if (type === 'number') return 0;
  if (type === 'flag') return false;
  return type === 'map' ? {} : undefined;
}

/** undefined when the wire has another type than the shape. */
function readField(type: FieldType, { content, type: wire }: WireField): unknown {
  if (type === 'number' || type === 'flag') {
    if (wire !== 0) return undefined;
    const value = readInteger(content);
    return type === 'flag' ? value !== 0 : value;
  }
  if (wire !== 2) return undefined;
  if (type === 'text') return contentText(content);
  if (type !== 'map') return readMessage(type, content);
  const { key, value } = readMessage({ key: [1, 'text'], value: [2, 'text'] }, content);
  return { key, value };
}

/** An entry whatever its name: a plain assignment to '__proto__' would be lost. */
function addEntry(map: object, { key, value }: Fields): void {
  Object.defineProperty(map, String(key), { value, writable: true, enumerable: true, configurable: true });
}
