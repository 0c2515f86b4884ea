/** A buffer that is filled from its end: a message is written before its length, so nothing is measured or moved. */
export interface Output {
  bytes: Buffer;
  /** What is written is bytes[start, end). */
  start: number;
}

/** @param size a guess of how many bytes there will be. */
export function createOutput(size: number): Output {
  return { bytes: Buffer.allocUnsafe(size), start: size };
}

/** What was written: a view, not a copy. */
export function written(out: Output): Buffer {
  return out.bytes.subarray(out.start);
}

/** How many bytes are written: counted from the end, which stays where it is when the buffer grows. */
export function lengthOf(out: Output): number {
  return out.bytes.length - out.start;
}

/** Makes room for so many more bytes and returns where they begin. */
export function prepend(out: Output, length: number): number {
  if (length > out.start) {
    const used = lengthOf(out);
    const bytes = Buffer.allocUnsafe(Math.max(out.bytes.length * 2, used + length));
    out.bytes.copy(bytes, bytes.length - used, out.start);
    out.bytes = bytes;
    out.start = bytes.length - used;
  }
  out.start -= length;
  return out.start;
}

/** An unsigned integer of at most 2^53 - 1. */
export function writeVarint(value: number, out: Output): void {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  let at = prepend(out, length);
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out.bytes[at++] = (rest % 0x80) | 0x80;
  out.bytes[at] = rest;
}

/** A signed 64-bit integer: a negative one takes ten bytes. */
export function writeInteger(value: number | bigint, out: Output): void {
  if (typeof value === 'number' && value >= 0 && Number.isSafeInteger(value)) {
    writeVarint(value, out);
    return;
  }
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  const at = prepend(out, bytes.length);
  out.bytes.set(bytes, at);
}

/** A tag says a field's number and its wire type: 0 varint, 1 eight bytes, 2 length-delimited. */
export function writeTag(number: number, wireType: number, out: Output): void {
  writeVarint(number * 8 + wireType, out);
}

export function writeDouble(value: number, out: Output): void {
  const at = prepend(out, 8);
  out.bytes.writeDoubleLE(value, at);
}

/** A length-delimited field of UTF-8. */
export function writeText(number: number, content: string, out: Output): void {
  const length = Buffer.byteLength(content);
  const at = prepend(out, length);
  out.bytes.write(content, at);
  writeVarint(length, out);
  writeTag(number, 2, out);
}

/** A length-delimited field of bytes. */
export function writeBytes(number: number, content: Uint8Array, out: Output): void {
  const at = prepend(out, content.length);
  out.bytes.set(content, at);
  writeVarint(content.length, out);
  writeTag(number, 2, out);
}

/** A length-delimited field whose content `write` writes. */
export function writeNested(number: number, out: Output, write: () => void): void {
  const before = lengthOf(out);
  write();
  writeVarint(lengthOf(out) - before, out);
  writeTag(number, 2, out);
}
