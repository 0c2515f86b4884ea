/** Protobuf messages by hand, for tests. */

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
