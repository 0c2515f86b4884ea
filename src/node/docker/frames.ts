import type { Readable } from 'node:stream';

const headSize = 8;

/**
 * Takes apart what an engine sends of a container without a terminal: frames of a byte for the stream (1 stdout, 2
 * stderr), three of nothing, four for the length, and the content. With a terminal all is stdout, as it is.
 * Resolves when the stream has ended, however that came.
 */
export function readFrames(
  stream: Readable,
  tty: boolean,
  see: (stream: 'stdout' | 'stderr', chunk: Buffer) => void,
): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    if (tty) return see('stdout', chunk);
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= headSize) {
      const end = at + headSize + rest.readUInt32BE(at + 4);
      if (end > rest.length) break;
      see(rest[at] === 2 ? 'stderr' : 'stdout', rest.subarray(at + headSize, end));
      at = end;
    }
    rest = rest.subarray(at);
  });
  return new Promise((resolve) => {
    stream.on('error', () => resolve());
    stream.on('close', () => resolve());
    stream.on('end', () => resolve());
  });
}
