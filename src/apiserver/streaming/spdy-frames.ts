/** Frames of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00, section 2.2, and the 3.1 changes to flow control). */
export const FrameType = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

export const FLAG_FIN = 1;

export interface ControlFrame {
  type: number;
  flags: number;
  payload: Buffer;
}

export interface FrameHandler {
  control(frame: ControlFrame): void;
  /** A part of a data frame, as it arrived: frames of many megabytes are never held. `last` with the frame's last part. */
  data(stream: number, part: Buffer, flags: number, last: boolean): void;
}

const VERSION = 3;
const HEADER = 8;
/** Control frames carry headers and numbers: nothing honest is longer. */
const MAX_CONTROL = 64 * 1024;
const STREAM_ID = 0x7fffffff;

/**
 * Cuts a byte stream into frames, however it is sliced. The returned function throws an Error for bytes that cannot be
 * SPDY/3; nothing may be fed to it after that.
 */
export function createFrameParser(handler: FrameHandler): (chunk: Buffer) => void {
  let pending: Buffer = Buffer.alloc(0);
  let dataLeft = 0;
  let dataStream = 0;
  let dataFlags = 0;

  /** How many bytes of `bytes` from `at` on were used; 0 if more are needed. */
  function step(bytes: Buffer, at: number): number {
    const available = bytes.length - at;
    if (dataLeft > 0) {
      const length = Math.min(dataLeft, available);
      if (length === 0) return 0;
      dataLeft -= length;
      handler.data(dataStream, bytes.subarray(at, at + length), dataFlags, dataLeft === 0);
      return length;
    }
    if (available < HEADER) return 0;
    const word = bytes.readUInt32BE(at);
    const flags = bytes.readUInt8(at + 4);
    const length = bytes.readUIntBE(at + 5, 3);
    if (word <= STREAM_ID) {
      dataStream = word;
      dataFlags = flags;
      dataLeft = length;
      if (length === 0) handler.data(dataStream, Buffer.alloc(0), flags, true);
      return HEADER;
    }
    if (((word >>> 16) & 0x7fff) !== VERSION) throw new Error('a frame is of another version than SPDY/3');
    if (length > MAX_CONTROL) throw new Error(`a control frame of ${length} bytes is too long`);
    if (available < HEADER + length) return 0;
    handler.control({ type: word & 0xffff, flags, payload: bytes.subarray(at + HEADER, at + HEADER + length) });
    return HEADER + length;
  }

  return (chunk) => {
    const bytes = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    let at = 0;
    for (let used = step(bytes, at); used > 0; used = step(bytes, at)) at += used;
    // At most one control frame is held back, copied so that it does not keep a large chunk alive.
    pending = Buffer.from(bytes.subarray(at));
  };
}

export function controlFrame(type: number, flags: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt32BE((0x80000000 | (VERSION << 16) | type) >>> 0, 0);
  header.writeUInt8(flags, 4);
  header.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([header, payload]);
}

/** The eight bytes before the payload of a data frame. */
export function dataHeader(stream: number, flags: number, length: number): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt32BE(stream, 0);
  header.writeUInt8(flags, 4);
  header.writeUIntBE(length, 5, 3);
  return header;
}

/** A payload of 32-bit numbers, which is what most control frames hold. */
export function words(...numbers: number[]): Buffer {
  const payload = Buffer.alloc(numbers.length * 4);
  for (const [index, number] of numbers.entries()) payload.writeUInt32BE(number >>> 0, index * 4);
  return payload;
}
