import { createHash } from 'node:crypto';

/** What a discovery or OpenAPI path answers with. Serve 304 when the request's If-None-Match has the etag. */
export interface ServedDocument {
  readonly contentType: string;
  readonly body: Uint8Array;
  /** With its quotes. */
  readonly etag: string;
}

const encoder = new TextEncoder();

/** A document from its text or bytes; the etag is a digest of them. */
export function documentOf(contentType: string, content: string | Uint8Array): ServedDocument {
  const body = typeof content === 'string' ? encoder.encode(content) : content;
  return { contentType, body, etag: `"${digest(body)}"` };
}

/** 32 hex digits that change with the content. */
export function digest(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 32);
}

export interface MediaRange {
  /** Lower case: 'application/json', 'application/*', '*' + '/*'. */
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** The media ranges of an Accept header, best first (RFC 9110, 12.5.1). An absent header accepts anything. */
export function mediaRanges(accept: string | undefined): MediaRange[] {
  const ranges = (accept?.trim() || '*/*').split(',').map((text, index) => {
    const [type = '', ...rest] = text.split(';').map((part) => part.trim());
    const parameters = new Map(
      rest.map((part): [string, string] => {
        const equals = part.indexOf('=');
        return equals < 0 ? [part, ''] : [part.slice(0, equals), part.slice(equals + 1)];
      }),
    );
    const quality = Number(parameters.get('q') ?? '1');
    return { type: type.toLowerCase(), parameters, index, quality: Number.isNaN(quality) ? 1 : quality };
  });
  return ranges.filter((range) => range.quality > 0).sort((a, b) => b.quality - a.quality || a.index - b.index);
}

/** True when the range admits the media type. */
export function admits(range: MediaRange, type: string): boolean {
  return range.type === type || range.type === '*/*' || range.type === `${type.slice(0, type.indexOf('/'))}/*`;
}
