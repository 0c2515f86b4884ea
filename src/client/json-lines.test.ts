import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseJsonLines } from './json-lines.ts';

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const size of sizes) {
    yield bytes.subarray(start, start + size);
    start += size;
  }
  yield bytes.subarray(start);
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const value of parseJsonLines(chunks)) values.push(value);
  return values;
}

it('reads the same values however the bytes are cut, also inside a character', async () => {
  const texts = fc.array(fc.string({ unit: 'grapheme' }));
  await fc.assert(
    fc.asyncProperty(texts, fc.array(fc.nat(9)), async (values, sizes) => {
      const bytes = Buffer.from(values.map((value) => `${JSON.stringify({ value })}\n`).join(''));
      expect(await collect(chunksOf(bytes, sizes))).toEqual(values.map((value) => ({ value })));
    }),
  );
});

it('reads a last line without an end and skips empty ones', async () => {
  expect(await collect(chunksOf(Buffer.from('1\n\n2'), []))).toEqual([1, 2]);
});

it('refuses what is not JSON', async () => {
  await expect(collect(chunksOf(Buffer.from('{"a":\n'), []))).rejects.toThrow('an event is not JSON');
});
