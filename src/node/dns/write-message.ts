import { isIPv4 } from 'node:net';
import {
  type Answer,
  type Data,
  headerSize,
  labelBytes,
  type MessageError,
  type Query,
  type RawRecord,
  type ResourceRecord,
  readName,
  types,
} from './message.ts';

/**
 * Writes the answer to a query, in at most `size` bytes: what does not fit is left out, and the message says so (TC).
 */
export function writeAnswer(query: Query, answer: Answer, size: number): Buffer {
  const { authority = [], additional = [] } = answer;
  const sections = [answer.answers, authority, additional];
  const room = size - (query.edns ? 11 : 0);
  const writer = createWriter(query.question);
  const counts = [0, 0, 0];
  let truncated = false;
  sections.forEach((records, section) => {
    for (const record of records) {
      truncated ||= !writer.record(record, room);
      if (truncated) return;
      counts[section] = (counts[section] ?? 0) + 1;
    }
  });
  const [an = 0, ns = 0, ar = 0] = counts;
  const bits = [0x8000, answer.authoritative && 0x0400, truncated && 0x0200, query.recursionDesired && 0x0100, 0x0080];
  const flags = bits.reduce<number>((all, bit) => all | Number(bit), answer.code & 15);
  const header = words(query.id, flags, 1, an, ns, ar + (query.edns ? 1 : 0));
  return Buffer.concat([header, writer.bytes(), query.edns ? optRecord(answer.code) : Buffer.alloc(0)]);
}

/** Answers a message that could not be read with the code of its error, as far as it can be told apart; or not at all. */
export function writeError(message: Buffer, error: MessageError): Buffer | undefined {
  if (error.code === undefined) return undefined;
  const header = Buffer.alloc(headerSize);
  message.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8000 | (message.readUInt16BE(2) & 0x7900) | (error.code & 15), 2);
  if (error.code < 16) return header;
  header.writeUInt16BE(1, 10);
  return Buffer.concat([header, optRecord(error.code)]);
}

function optRecord(code: number): Buffer {
  const record = Buffer.alloc(11);
  record.writeUInt16BE(types.OPT, 1);
  record.writeUInt16BE(4096, 3);
  record.writeUInt8(code >>> 4, 5);
  return record;
}

/** Writes records behind a header and a question, with names compressed. */
function createWriter(question: Buffer) {
  const parts: Buffer[] = [question];
  let length = headerSize + question.length;
  /** Where names begin that were written, to be pointed to. */
  const offsets = new Map<string, number>();
  note(readName(question, 0, false).labels, headerSize);

  function note(labels: readonly string[], at: number): void {
    let offset = at;
    for (const [first, label] of labels.entries()) {
      const name = keyOf(labels.slice(first));
      if (offset < 0x4000 && !offsets.has(name)) offsets.set(name, offset);
      offset += 1 + label.length;
    }
  }

  function nameBytes(labels: readonly string[]): Buffer {
    for (const first of labels.keys()) {
      const offset = offsets.get(keyOf(labels.slice(first)));
      if (offset === undefined) continue;
      const before = [...labelBytes(labels.slice(0, first))].slice(0, -1);
      return Buffer.concat([...before, words(0xc000 | offset)]);
    }
    return Buffer.concat([...labelBytes(labels)]);
  }

  return {
    bytes: () => Buffer.concat(parts),
    /** Whether the record still fitted in so many bytes of message; if not, nothing of it was written. */
    record(record: ResourceRecord | RawRecord, room: number): boolean {
      const labels = splitName(record.name);
      const name = nameBytes(labels);
      const raw =
        'raw' in record ? record.raw : { type: types[record.data.type], class: 1, data: dataBytes(record.data) };
      const fixed = words(raw.type, raw.class, record.ttl >>> 16, record.ttl & 0xffff, raw.data.length);
      const end = length + name.length + fixed.length + raw.data.length;
      if (end > room) return false;
      note(labels, length);
      parts.push(name, fixed, raw.data);
      length = end;
      return true;
    },
  };
}

const splitName = (name: string) => (name === '' ? [] : name.split('.'));
const keyOf = (labels: readonly string[]) => labels.join('.').toLowerCase();

/** Names in data are written out: those of SRV must be (RFC 2782), and of others there is one a record. */
function dataBytes(data: Data): Buffer {
  switch (data.type) {
    case 'A':
    case 'AAAA':
      return addressBytes(data.address);
    case 'TXT':
      return Buffer.concat([Buffer.from([data.text.length]), Buffer.from(data.text, 'latin1')]);
    case 'SRV': {
      const fixed = words(data.priority, data.weight, data.port);
      return Buffer.concat([fixed, ...labelBytes(data.target.split('.'))]);
    }
    case 'SOA': {
      const numbers = [data.serial, 7200, 1800, 86_400, data.minimum].flatMap((number) => [
        number >>> 16,
        number & 0xffff,
      ]);
      return Buffer.concat([
        ...labelBytes(data.server.split('.')),
        ...labelBytes(data.mailbox.split('.')),
        words(...numbers),
      ]);
    }
    default:
      return Buffer.concat([...labelBytes(splitName(data.target))]);
  }
}

/** The bytes of an address: four, or sixteen with '::' filled in. */
export function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const last = /\d+\.\d+\.\d+\.\d+$/.exec(address)?.[0];
  const hex = last
    ? address.replace(
        last,
        addressBytes(last)
          .toString('hex')
          .replace(/(.{4})/, '$1:'),
      )
    : address;
  const [head = '', tail] = hex.split('::');
  const words = (text: string) => text.split(':').filter(Boolean);
  const zeros = tail === undefined ? [] : Array(8 - words(head).length - words(tail).length).fill('0');
  const all = [...words(head), ...zeros, ...words(tail ?? '')].map((word: string) => word.padStart(4, '0'));
  return Buffer.from(all.join(''), 'hex');
}

/** Numbers of 16 bits each. */
function words(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * numbers.length);
  for (const [at, number] of numbers.entries()) bytes.writeUInt16BE(number, 2 * at);
  return bytes;
}
