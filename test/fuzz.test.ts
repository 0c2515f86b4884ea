// Hostile and broken requests against a whole server: what was ever found, and a short walk that is the same every time.
// `npm run fuzz` goes on for as long as it is told to.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCorpus } from './fuzz/corpus.ts';
import { type FuzzTarget, liveBytes, startTarget } from './fuzz/target.ts';

let target: FuzzTarget;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.stop());

test('what once went wrong is answered', async () => {
  const wrong: string[] = [];
  for (const { file, request } of readCorpus()) {
    const what = await target.try(request);
    if (what !== undefined) wrong.push(`${file}: ${what}`);
  }
  expect(wrong).toEqual([]);
});

test('two thousand requests that nobody means to send are all answered, and leave no more behind than one thousand', async () => {
  const first = await target.run(1, { count: 1000 });
  const before = liveBytes();
  const second = await target.run(2, { count: 1000 });
  const grown = (liveBytes() - before) / 1e6;
  const shown = [...first.findings, ...second.findings].map(
    ({ request, what }) => `${request.method} ${request.path}: ${what}`,
  );
  expect(shown).toEqual([]);
  // Objects of every kind and their history are what may stay; the names are few.
  expect(grown).toBeLessThan(40);
});
