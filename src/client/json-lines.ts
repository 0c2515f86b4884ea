import { StringDecoder } from 'node:string_decoder';
import { ApiError } from '../machinery/index.ts';

/** A line longer than this many UTF-16 units is refused: no Kubernetes object comes near it. */
const longestLine = 64 * 1024 * 1024;

/**
 * Parses a stream of JSON values, one a line, whose chunks may end anywhere, also inside a character.
 * @throws ApiError 500 for a line that is not JSON or is too long.
 */
export async function* parseJsonLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new StringDecoder('utf8');
  // Pieces of the unfinished line. Joined only at its end, so that a long line costs no repeated copying.
  let pieces: string[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    const text = decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      pieces.push(text.slice(start, end));
      start = end + 1;
      const line = pieces.join('');
      pieces = [];
      length = 0;
      if (line.trim() !== '') yield parseLine(line);
    }
    if (start === text.length) continue;
    pieces.push(start === 0 ? text : text.slice(start));
    length += text.length - start;
    if (length > longestLine) throw new ApiError(500, 'InternalError', 'reading a watch: an event is too large');
  }
  const rest = pieces.join('') + decoder.end();
  if (rest.trim() !== '') yield parseLine(rest);
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new ApiError(500, 'InternalError', `reading a watch: an event is not JSON: ${String(error)}`);
  }
}
