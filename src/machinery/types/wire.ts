import { badRequest } from '../status.ts';

/** Where a reader stands in a protobuf message: bytes[at, end). */
export interface Cursor {
  readonly bytes: Buffer;
  at: number;
  readonly end: number;
}

/** A field of a message as the wire has it. */
export interface WireField {
  number: number;
  /** 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
  type: number;
  /** For length-delimited fields, the content; for others, a cursor at the value. */
  content: Cursor;
}

export function cursorOver(bytes: Uint8Array): Cursor {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { bytes: buffer, at: 0, end: buffer.length };
}

/** The next field, or undefined at the end. The cursor moves behind it. Throws ApiError 400 for a broken message. */
export function nextField(cursor: Cursor): WireField | undefined {
  if (cursor.at >= cursor.end) return undefined;
  const tag = readLength(cursor);
  const number = Math.floor(tag / 8);
  const type = tag % 8;
  if (number < 1 || number > 0x1fffffff) throw broken(`field number ${number}`);
  const length = type === 2 ? readLength(cursor) : undefined;
  const start = cursor.at;
  if (length !== undefined) skip(cursor, length);
  else skipValue(cursor, type);
  return { number, type, content: { bytes: cursor.bytes, at: start, end: cursor.at } };
}

/** An unsigned varint that must be a plain number: a tag or a length. */
function readLength(cursor: Cursor): number {
  const first = readByte(cursor);
  if (first < 0x80) return first;
  cursor.at--;
  return Number(readVarint(cursor));
}

/** An unsigned 64-bit varint. */
export function readVarint(cursor: Cursor): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = readByte(cursor);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw broken('a varint of more than ten bytes');
}

/** A signed integer. Throws ApiError 400 beyond ±(2^53 - 1), which JSON numbers here cannot hold. */
export function readInteger(cursor: Cursor): number {
  const first = readByte(cursor);
  if (first < 0x80) return first;
  cursor.at--;
  const value = Number(BigInt.asIntN(64, readVarint(cursor)));
  if (!Number.isSafeInteger(value)) throw badRequest(`unable to decode: the integer ${value} is beyond ±(2^53 - 1)`);
  return value;
}

export function readDouble(cursor: Cursor): number {
  if (cursor.end - cursor.at < 8) throw broken('a double of less than eight bytes');
  const value = cursor.bytes.readDoubleLE(cursor.at);
  cursor.at += 8;
  if (!Number.isFinite(value)) throw badRequest(`unable to decode: ${value} is not a JSON number`);
  return value;
}

/** The content of a length-delimited field, in base64. */
export function contentBase64(content: Cursor): string {
  return content.bytes.toString('base64', content.at, content.end);
}

/** The content of a length-delimited field as UTF-8; invalid bytes become U+FFFD. */
export function contentText(content: Cursor): string {
  return content.at === content.end ? '' : content.bytes.toString('utf8', content.at, content.end);
}

/** A 400 for bytes that are not the message they should be. */
export function broken(what: string) {
  return badRequest(`unable to decode the protobuf body: ${what}`);
}

function readByte(cursor: Cursor): number {
  const byte = cursor.at < cursor.end ? cursor.bytes[cursor.at] : undefined;
  if (byte === undefined) throw broken('unexpected EOF');
  cursor.at++;
  return byte;
}

function skip(cursor: Cursor, length: number): void {
  if (length > cursor.end - cursor.at) throw broken('unexpected EOF');
  cursor.at += length;
}

function skipValue(cursor: Cursor, type: number): void {
  if (type === 0) readVarint(cursor);
  else if (type === 1) skip(cursor, 8);
  else if (type === 5) skip(cursor, 4);
  else throw broken(`wire type ${type}`);
}
