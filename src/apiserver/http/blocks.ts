import type { ServerResponse } from 'node:http';
import type { Piece } from './shapes.ts';

/** Pieces of a long answer are gathered in blocks of this many bytes, each one write. */
const BLOCK_SIZE = 64 * 1024;
/** Blocks that are kept for the next answer. */
const MAX_SPARE = 16;

/**
 * Blocks that are on nobody's way. A new block for each write would make the garbage collector run through the whole heap
 * again and again, just because a client lists many objects.
 */
const spare: Buffer[] = [];

/**
 * Writes pieces as fast as the client takes them, and no faster. One block is filled while another is on its way, and other
 * requests have their turn between them.
 */
export async function stream(response: ServerResponse, pieces: Iterable<Piece>): Promise<void> {
  const closed = new Promise<void>((resolve) => response.once('close', resolve));
  let sent: Promise<void> | undefined;
  for (const block of blocksOf(pieces)) {
    // A fast client takes a block at once: without a turn of its own, nobody else would have one before the end.
    if (sent) await Promise.race([Promise.all([sent, nextTurn()]), closed]);
    if (response.destroyed) return;
    sent = send(response, block);
  }
  response.end();
}

/** Writes pieces at once, in blocks; whether the client has taken them is for the caller to wait for. */
export function write(response: ServerResponse, pieces: Iterable<Piece>): void {
  for (const block of blocksOf(pieces)) void send(response, block);
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function send(response: ServerResponse, { memory, size }: Block): Promise<void> {
  return new Promise((resolve) => {
    response.write(memory.subarray(0, size), () => {
      if (memory.length === BLOCK_SIZE && spare.length < MAX_SPARE) spare.push(memory);
      resolve();
    });
  });
}

interface Block {
  memory: Buffer;
  /** How much of it is filled. */
  size: number;
}

/** Copies pieces into blocks. A piece that fills most of one is a block by itself. */
function* blocksOf(pieces: Iterable<Piece>): Iterable<Block> {
  let memory: Buffer | undefined;
  let size = 0;
  for (const piece of pieces) {
    const length = typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length;
    if (memory && size + length > BLOCK_SIZE) {
      yield { memory, size };
      memory = undefined;
      size = 0;
    }
    memory ??=
      length > BLOCK_SIZE ? Buffer.allocUnsafeSlow(length) : (spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_SIZE));
    size += copy(piece, memory, size);
  }
  if (memory) yield { memory, size };
}

function copy(piece: Piece, to: Buffer, at: number): number {
  return typeof piece === 'string' ? to.write(piece, at) : piece.copy(to, at);
}

/** Pieces as one buffer. */
export function joined(pieces: readonly Piece[]): Buffer {
  let length = 0;
  for (const piece of pieces) length += typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length;
  const whole = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const piece of pieces) at += copy(piece, whole, at);
  return whole;
}
