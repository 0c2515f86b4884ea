/** An entry as an archive states it: nothing in it is to be trusted. */
export interface TarMember {
  name: string;
  /** The type flag: '0' file, '1' hard link, '2' symlink, '5' directory, '3' '4' '6' devices and pipes. */
  type: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** When it was last changed, in seconds since the epoch. */
  mtime: number;
  linkName: string;
  /** The bytes of a file. Must be read, or left wholly unread: the rest is skipped. */
  content: AsyncIterable<Buffer>;
}

const blockSize = 512;
const longestExtension = 1 << 20;

/**
 * Reads a tar archive (ustar, pax and GNU long names) as its bytes come.
 * @throws Error for anything that is not a complete archive.
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarMember> {
  const reader = byteReader(source);
  let extension: Record<string, string> = {};
  for (;;) {
    const header = await reader.take(blockSize);
    if (header === undefined) throw new Error('the archive ends without its end mark');
    if (header.every((byte) => byte === 0)) return reader.drain();
    const member = parseHeader(header);
    if (member.type === 'x' || member.type === 'g' || member.type === 'L' || member.type === 'K') {
      const body = await takeExtension(reader, member.size);
      if (member.type !== 'g') extension = { ...extension, ...parseExtension(member.type, body) };
      continue;
    }
    const size = extension['size'] === undefined ? member.size : Number(extension['size']);
    if (!Number.isSafeInteger(size) || size < 0) throw new Error(`the archive states the size ${size}`);
    const content = reader.section(size);
    yield {
      ...member,
      ...numbersOf(extension),
      size,
      name: extension['path'] ?? member.name,
      linkName: extension['linkpath'] ?? member.linkName,
      content: content.bytes,
    };
    extension = {};
    await content.skip();
    await reader.skip((blockSize - (size % blockSize)) % blockSize);
  }
}

/** What a pax header says in place of the numbers of an ordinary one. */
function numbersOf(extension: Record<string, string>): Partial<Pick<TarMember, 'uid' | 'gid' | 'mtime'>> {
  const numbers: Partial<Pick<TarMember, 'uid' | 'gid' | 'mtime'>> = {};
  for (const key of ['uid', 'gid', 'mtime'] as const) {
    const text = extension[key];
    if (text === undefined) continue;
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value))
      throw new Error(`the archive states the ${key} ${JSON.stringify(text)}`);
    numbers[key] = value;
  }
  return numbers;
}

type ByteReader = ReturnType<typeof byteReader>;

/** Takes exact numbers of bytes from a stream of chunks. */
function byteReader(source: AsyncIterable<Uint8Array>) {
  const chunks = source[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  /** The next bytes, at least one and at most `most`; undefined at the end. */
  async function some(most: number): Promise<Buffer | undefined> {
    while (rest.length === 0) {
      const next = await chunks.next();
      if (next.done) return undefined;
      rest = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    const part = rest.subarray(0, most);
    rest = rest.subarray(part.length);
    return part;
  }
  async function take(count: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    for (let left = count; left > 0; ) {
      const part = await some(left);
      if (part === undefined) {
        if (parts.length === 0) return undefined;
        throw new Error('the archive is cut off');
      }
      parts.push(part);
      left -= part.length;
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }
  function section(size: number) {
    let left = size;
    async function* bytes(): AsyncGenerator<Buffer> {
      while (left > 0) {
        const part = await some(left);
        if (part === undefined) throw new Error('the archive is cut off');
        left -= part.length;
        yield part;
      }
    }
    return {
      bytes: bytes(),
      async skip() {
        while (left > 0) {
          const part = await some(left);
          if (part === undefined) throw new Error('the archive is cut off');
          left -= part.length;
        }
      },
    };
  }
  return {
    take,
    section,
    skip: (count: number) => section(count).skip(),
    /** Reads to the end, so that whoever hashes the stream sees all of it. */
    async drain(): Promise<void> {
      while ((await some(1 << 20)) !== undefined);
    },
  };
}

async function takeExtension(reader: ByteReader, size: number): Promise<Buffer> {
  if (size > longestExtension) throw new Error(`an extended header of ${size} bytes is not accepted`);
  const body = size === 0 ? Buffer.alloc(0) : await reader.take(size);
  if (body === undefined) throw new Error('the archive is cut off');
  await reader.skip((blockSize - (size % blockSize)) % blockSize);
  return body;
}

const paxKeys: ReadonlySet<string> = new Set(['path', 'linkpath', 'size', 'uid', 'gid', 'mtime']);

function parseExtension(type: string, body: Buffer): Record<string, string> {
  if (type === 'L') return { path: untilNul(body) };
  if (type === 'K') return { linkpath: untilNul(body) };
  const records: Record<string, string> = {};
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(body.toString('latin1', at, space));
    if (!Number.isSafeInteger(length) || length <= space - at + 1 || at + length > body.length) {
      throw new Error('a pax header is malformed');
    }
    const record = body.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    const key = record.slice(0, equals);
    if (key.startsWith('GNU.sparse.')) throw new Error('sparse files are not accepted');
    if (paxKeys.has(key)) records[key] = record.slice(equals + 1);
    at += length;
  }
  return records;
}

function parseHeader(header: Buffer): Omit<TarMember, 'content'> {
  const expected = octal(header, 148, 8);
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  if (sum !== expected) throw new Error('a header has a wrong checksum');
  const isUstar = header.toString('latin1', 257, 262) === 'ustar';
  // GNU tar keeps other things where POSIX has the prefix; it is marked 'ustar  '.
  const prefix = isUstar && header[262] === 0 ? untilNul(header.subarray(345, 500)) : '';
  const name = untilNul(header.subarray(0, 100));
  const type = String.fromCharCode(header[156] ?? 0);
  return {
    name: prefix ? `${prefix}/${name}` : name,
    type: type === '\0' ? '0' : type,
    mode: octal(header, 100, 8),
    uid: octal(header, 108, 8),
    gid: octal(header, 116, 8),
    size: octal(header, 124, 12),
    mtime: octal(header, 136, 12),
    linkName: untilNul(header.subarray(157, 257)),
  };
}

function octal(header: Buffer, offset: number, length: number): number {
  const first = header[offset] ?? 0;
  if (first & 0x80) {
    // GNU's base 256, for numbers that octal digits cannot hold.
    let value = first & 0x7f;
    for (let at = offset + 1; at < offset + length; at++) value = value * 256 + (header[at] ?? 0);
    if (!Number.isSafeInteger(value)) throw new Error('a number in a header is out of range');
    return value;
  }
  const text = untilNul(header.subarray(offset, offset + length)).trim();
  if (text === '') return 0;
  if (!/^[0-7]+$/.test(text)) throw new Error('a number in a header is malformed');
  return Number.parseInt(text, 8);
}

function untilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}
