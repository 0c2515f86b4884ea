/** Types of records that are read or written here (IANA, DNS parameters). */
export const types = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
} as const;

export const codes = {
  success: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;
const badVersion = 16;

/** What a client asks (RFC 1035, 4.1). */
export interface Query {
  id: number;
  recursionDesired: boolean;
  /** The name's labels as they were sent, one byte a character; a label may hold any byte. */
  labels: readonly string[];
  type: number;
  class: number;
  /** The question section as it was sent: answers repeat it. */
  question: Buffer;
  /** The most bytes that the client takes in a datagram, when it speaks EDNS (RFC 6891). */
  edns: { size: number } | undefined;
}

export type Data =
  | { type: 'A' | 'AAAA'; address: string }
  | { type: 'CNAME' | 'PTR' | 'NS'; target: string }
  | { type: 'SRV'; priority: number; weight: number; port: number; target: string }
  | { type: 'TXT'; text: string }
  | { type: 'SOA'; server: string; mailbox: string; serial: number; minimum: number };

/** A record to write; names are without the last dot, `ttl` is in seconds. */
export interface ResourceRecord {
  name: string;
  ttl: number;
  data: Data;
}

/** A record that another server wrote, whose names are spelled out: written as it is. */
export interface RawRecord {
  name: string;
  ttl: number;
  raw: { type: number; class: number; data: Buffer };
}

export interface Answer {
  code: number;
  authoritative: boolean;
  answers: readonly (ResourceRecord | RawRecord)[];
  authority?: readonly ResourceRecord[];
  additional?: readonly ResourceRecord[];
}

/** A message that gets an error as its answer; without a `code` it gets none. */
export class MessageError extends Error {
  readonly code: number | undefined;
  constructor(message: string, code: number | 'no answer' = codes.formatError) {
    super(message);
    this.name = 'MessageError';
    this.code = code === 'no answer' ? undefined : code;
  }
}

export const headerSize = 12;
const longestName = 255;

/**
 * Reads a query. The bytes come from anybody: nothing in them is trusted, and a name of a question is never compressed.
 * @throws MessageError
 */
export function readQuery(message: Buffer): Query {
  if (message.length < headerSize) throw new MessageError('a message needs a header of 12 bytes', 'no answer');
  const flags = message.readUInt16BE(2);
  // An answer to an answer would go to and fro for ever.
  if (flags & 0x8000) throw new MessageError('a response is not a question', 'no answer');
  if ((flags >>> 11) & 15) throw new MessageError('only standard queries are answered', codes.notImplemented);
  const [questions, answers, authority, additional] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  if (questions !== 1) throw new MessageError('a query asks one question');
  if (answers || authority) throw new MessageError('a query brings no answers');
  const { labels, end } = readName(message, headerSize, false);
  if (end + 4 > message.length) throw new MessageError('the question is cut off');
  return {
    id: message.readUInt16BE(0),
    recursionDesired: (flags & 0x0100) !== 0,
    labels,
    type: message.readUInt16BE(end),
    class: message.readUInt16BE(end + 2),
    question: message.subarray(headerSize, end + 4),
    edns: readEdns(message, end + 4, additional ?? 0),
  };
}

function readEdns(message: Buffer, start: number, count: number): Query['edns'] {
  let found: Query['edns'];
  let at = start;
  for (let left = count; left > 0; left--) {
    const record = readRecord(message, at);
    at = record.end;
    if (record.type !== types.OPT) continue;
    if (found) throw new MessageError('a query has one OPT record');
    if ((record.ttl >>> 16) & 0xff) throw new MessageError('EDNS is known in version 0', badVersion);
    found = { size: Math.max(512, record.class) };
  }
  return found;
}

interface ReadRecord {
  name: string;
  type: number;
  class: number;
  ttl: number;
  /** Where the data begins; it goes to `end`. */
  data: number;
  end: number;
}

function readRecord(message: Buffer, start: number): ReadRecord {
  const { labels, end } = readName(message, start, true);
  if (end + 10 > message.length) throw new MessageError('a record is cut off');
  const data = end + 10;
  const record = {
    name: labels.join('.'),
    type: message.readUInt16BE(end),
    class: message.readUInt16BE(end + 2),
    ttl: message.readUInt32BE(end + 4),
    data,
    end: data + message.readUInt16BE(end + 8),
  };
  if (record.end > message.length) throw new MessageError("a record's data is cut off");
  return record;
}

/** Reads a name, following pointers (RFC 1035, 4.1.4) only backwards, so that it ends. */
export function readName(message: Buffer, start: number, compressed: boolean): { labels: string[]; end: number } {
  const labels: string[] = [];
  let at = start;
  let end = -1;
  let size = 1;
  for (;;) {
    const length = message[at];
    if (length === undefined) throw new MessageError('a name is cut off');
    if (length === 0) return { labels, end: end < 0 ? at + 1 : end };
    if (length >= 0xc0 && compressed) {
      const target = ((length & 0x3f) << 8) | (message[at + 1] ?? 0);
      if (end < 0) end = at + 2;
      if (target >= at || end > message.length) throw new MessageError('a name points forward');
      at = target;
      continue;
    }
    if (length > 63) throw new MessageError('a label has at most 63 bytes');
    size += length + 1;
    if (size > longestName || at + 1 + length > message.length) throw new MessageError('a name is too long');
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
}

/**
 * The answers of another server's response: with its code, and whether it was cut off.
 * @throws MessageError when it is not a response that can be read.
 */
export function readResponse(message: Buffer): { code: number; truncated: boolean; answers: RawRecord[] } {
  if (message.length < headerSize) throw new MessageError('a response needs a header');
  const flags = message.readUInt16BE(2);
  let at = headerSize;
  for (let left = message.readUInt16BE(4); left > 0; left--) at = readName(message, at, true).end + 4;
  const answers: RawRecord[] = [];
  for (let left = message.readUInt16BE(6); left > 0; left--) {
    const record = readRecord(message, at);
    at = record.end;
    const raw = { type: record.type, class: record.class, data: spelledOut(message, record) };
    answers.push({ name: record.name, ttl: record.ttl, raw });
  }
  return { code: flags & 15, truncated: (flags & 0x0200) !== 0, answers };
}

/** A record's data with its compressed names written out, because it goes into another message. */
function spelledOut(message: Buffer, { type, data, end }: ReadRecord): Buffer {
  const fixed = type === types.SRV ? 6 : type === types.MX ? 2 : 0;
  const named: number[] = [types.CNAME, types.PTR, types.NS, types.SRV, types.MX];
  if (!named.includes(type)) return message.subarray(data, end);
  return Buffer.concat([
    message.subarray(data, data + fixed),
    ...labelBytes(readName(message, data + fixed, true).labels),
  ]);
}

/** A message as a stream carries it, with its length before it (RFC 1035, 4.2.2). */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length, 0);
  return Buffer.concat([length, message]);
}

/** The bytes of a name, its end included: one buffer a label. */
export function* labelBytes(labels: readonly string[]): Generator<Buffer> {
  for (const label of labels) yield Buffer.from(String.fromCharCode(label.length) + label, 'latin1');
  yield Buffer.from([0]);
}
