/** What a connection's answers are told to, as they come in. */
export interface AnswerHandler {
  head(status: number): void;
  /** A piece of the body, without the chunks' own framing. */
  body(piece: Buffer): void;
  end(): void;
}

const END_OF_HEAD = '\r\n\r\n';
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Reads HTTP/1.1 answers that have a Content-Length or come in chunks, and no more of them than a load generator must
 * know: it has to leave the processor to the server that it measures. Returns what is to be called with all that arrives.
 */
export function createAnswerReader(handler: AnswerHandler): (data: Buffer) => void {
  let state: 'head' | 'body' | 'chunk' | 'chunk-head' | 'trailer' = 'head';
  /** Bytes of the body, or of the chunk with its line end, that are still to come. */
  let left = 0;
  /** The beginning of a head or of a chunk's size that is not whole yet. */
  let rest = NOTHING;

  /** Takes the text up to a mark off the data; undefined while the mark has not come. */
  function line(data: Buffer, mark: string): { text: string; data: Buffer } | undefined {
    const all = rest.length > 0 ? Buffer.concat([rest, data]) : data;
    const end = all.indexOf(mark);
    rest = end < 0 ? all : NOTHING;
    return end < 0 ? undefined : { text: all.toString('latin1', 0, end), data: all.subarray(end + mark.length) };
  }

  function startBody(head: string): void {
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    left = Number(length ?? 0);
    state = length === undefined ? 'chunk-head' : 'body';
    handler.head(Number(head.slice(9, 12)));
    if (state === 'body' && left === 0) finish();
  }

  function finish(): void {
    state = 'head';
    handler.end();
  }

  /** Takes what belongs to the body; the last two bytes of a chunk are its line end. */
  function take(data: Buffer): Buffer {
    const taken = Math.min(left, data.length);
    const piece = state === 'chunk' ? Math.min(taken, left - 2) : taken;
    if (piece > 0) handler.body(data.subarray(0, piece));
    left -= taken;
    if (left === 0 && state === 'body') finish();
    else if (left === 0) state = 'chunk-head';
    return data.subarray(taken);
  }

  return (arrived) => {
    let data = arrived;
    while (data.length > 0) {
      if (state === 'body' || state === 'chunk') {
        data = take(data);
        continue;
      }
      const found = line(data, state === 'head' ? END_OF_HEAD : '\r\n');
      if (!found) return;
      data = found.data;
      if (state === 'head') startBody(found.text);
      else if (state === 'trailer') finish();
      else {
        const size = Number.parseInt(found.text, 16);
        left = size + 2;
        state = size === 0 ? 'trailer' : 'chunk';
      }
    }
  };
}
