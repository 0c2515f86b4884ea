import { deflateRawSync, deflateSync, inflateRawSync, constants as zlib } from 'node:zlib';

/** Header names are lower case; several values of one name are joined with NUL on the wire and kept so here. */
export type SpdyHeaders = ReadonlyMap<string, string>;

/** More text than any honest client sends in the headers of one stream. */
const MAX_BLOCK = 16 * 1024;
const MAX_HEADERS = 64;
/** The furthest back that deflate can refer. */
const WINDOW = 32 * 1024;

const DICTIONARY_WORDS =
  'options|head|post|put|delete|trace|accept|accept-charset|accept-encoding|accept-language|accept-ranges|age|allow|authorization|cache-control|connection|content-base|content-encoding|content-language|content-length|content-location|content-md5|content-range|content-type|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|location|max-forwards|pragma|proxy-authenticate|proxy-authorization|range|referer|retry-after|server|te|trailer|transfer-encoding|upgrade|user-agent|vary|via|warning|www-authenticate|method|get|status|200 OK|version|HTTP/1.1|url|public|set-cookie|keep-alive|origin';
const DICTIONARY_TEXT =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';

/** What both sides of SPDY/3 have seen before the first header block (draft-mbelshe-httpbis-spdy-00, 2.6.10.1). */
const DICTIONARY = Buffer.concat([
  ...DICTIONARY_WORDS.split('|').map((word) => lengthPrefixed(word)),
  Buffer.from(DICTIONARY_TEXT, 'latin1'),
]);

/** The zlib header that names the dictionary. */
const PREAMBLE = deflateSync(Buffer.alloc(0), { dictionary: DICTIONARY }).subarray(0, 6);

function lengthPrefixed(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/**
 * Reads the header blocks of one connection, in order. Each ends in a sync flush, so that it can be inflated on its own once
 * the text before it is given as the dictionary. The returned function throws an Error for anything malformed or too large.
 */
export function createHeaderDecoder(): (block: Uint8Array) => SpdyHeaders {
  let seen: Buffer | undefined;
  return (block) => {
    let compressed = block;
    if (seen === undefined) {
      if (!namesDictionary(block)) {
        throw new Error('the first header block does not start with the SPDY/3 dictionary');
      }
      compressed = block.subarray(PREAMBLE.length);
      seen = DICTIONARY;
    }
    const text = inflateRawSync(compressed, {
      dictionary: seen,
      finishFlush: zlib.Z_SYNC_FLUSH,
      maxOutputLength: MAX_BLOCK,
    });
    seen = Buffer.concat([seen, text]).subarray(-WINDOW);
    return parseBlock(text);
  };
}

/** A zlib header (RFC 1950) of deflate with our dictionary; the level, which is in there as well, may be any. */
function namesDictionary(block: Uint8Array): boolean {
  const [method = 0, flags = 0] = block;
  const hasDictionary = 0x20;
  return (
    (method & 0x0f) === 8 &&
    (flags & hasDictionary) !== 0 &&
    Buffer.compare(block.subarray(2, PREAMBLE.length), PREAMBLE.subarray(2)) === 0
  );
}

function parseBlock(text: Buffer): SpdyHeaders {
  const headers = new Map<string, string>();
  let at = 0;
  const number = (): number => {
    if (at + 4 > text.length) throw new Error('a header block ends early');
    at += 4;
    return text.readUInt32BE(at - 4);
  };
  const string = (): string => {
    const length = number();
    if (length > text.length - at) throw new Error('a header is longer than its block');
    at += length;
    return text.toString('latin1', at - length, at);
  };
  const count = number();
  if (count > MAX_HEADERS) throw new Error(`${count} headers are more than the ${MAX_HEADERS} allowed`);
  for (let index = 0; index < count; index++) {
    const name = string().toLowerCase();
    headers.set(name, string());
  }
  return headers;
}

/** Writes the header blocks of one connection, in order. */
export function createHeaderEncoder(): (headers: SpdyHeaders) => Buffer {
  let first = true;
  return (headers) => {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(headers.size);
    const text = Buffer.concat([
      count,
      ...[...headers].flatMap(([name, value]) => [lengthPrefixed(name), lengthPrefixed(value)]),
    ]);
    // Never refers back to earlier blocks: replies have no headers to speak of.
    const compressed = deflateRawSync(text, { finishFlush: zlib.Z_SYNC_FLUSH });
    if (!first) return compressed;
    first = false;
    return Buffer.concat([PREAMBLE, compressed]);
  };
}
