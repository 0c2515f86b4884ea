/** One entry of an archive. Names are relative, with '/' and without a leading one. */
export interface TarEntry {
  name: string;
  type: 'file' | 'directory' | 'symlink';
  mode: number;
  /** Bytes; 0 unless it is a file. */
  size: number;
  /** Target of a symlink. */
  linkName?: string;
}

const blockSize = 512;

/**
 * The header of an entry owned by root at the epoch, so that equal contents give equal archives. Names that do not fit
 * come as a pax extended header (POSIX.1-2001) before it.
 */
export function tarHeader(entry: TarEntry): Buffer {
  const records: [string, string][] = [];
  if (!fits(entry.name)) records.push(['path', entry.name]);
  if (entry.linkName !== undefined && !fits(entry.linkName)) records.push(['linkpath', entry.linkName]);
  if (entry.size >= 8 ** 11) records.push(['size', String(entry.size)]);
  if (records.length === 0) return ustarHeader(entry, typeFlags[entry.type]);
  const body = Buffer.from(records.map(paxRecord).join(''));
  const pax = ustarHeader({ name: 'pax-header', type: 'file', mode: 0o644, size: body.length }, 'x');
  return Buffer.concat([pax, body, tarPadding(body.length), ustarHeader(entry, typeFlags[entry.type])]);
}

/** The zeros that fill up the last block of a file of this size. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((blockSize - (size % blockSize)) % blockSize);
}

/** The two empty blocks that end an archive. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * blockSize);
}

const typeFlags = { file: '0', directory: '5', symlink: '2' } as const;

const fits = (name: string) => Buffer.byteLength(name) <= 100 && /^[\x20-\x7e]*$/.test(name);

/** '<length> <key>=<value>\n', where the length counts its own digits. */
function paxRecord([key, value]: [string, string]): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + String(bytes).length;
  length = bytes + String(length).length;
  return `${length}${rest}`;
}

function ustarHeader(entry: TarEntry, flag: string): Buffer {
  const header = Buffer.alloc(blockSize);
  const octal = (value: number, offset: number, length: number) =>
    header.write(`${(value % 8 ** (length - 1)).toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  Buffer.from(entry.name).copy(header, 0, 0, 100);
  octal(entry.mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(entry.size, 124, 12);
  octal(0, 136, 12);
  header.write(flag, 156, 'latin1');
  Buffer.from(entry.linkName ?? '').copy(header, 157, 0, 100);
  header.write('ustar\x0000', 257, 'latin1');
  header.write('        ', 148, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}
