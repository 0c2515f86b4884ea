import fc from 'fast-check';
import { expect, test } from 'vitest';
import { expand } from './env.ts';

const known = new Map([
  ['A', 'one'],
  ['B', '$(A)'],
]);

test.each([
  ['$(A)', 'one'],
  ['x$(A)y', 'xoney'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$one'],
  ['$(B)', '$(A)'],
  ['$(MISSING)', '$(MISSING)'],
  ['$A $', '$A $'],
  ['$(', '$('],
])('%s expands to %s', (text, expanded) => {
  expect(expand(text, (name) => known.get(name))).toBe(expanded);
});

test('text without a dollar stays as it is', () => {
  fc.assert(
    fc.property(
      fc.string().filter((text) => !text.includes('$')),
      (text) => expand(text, () => 'x') === text,
    ),
  );
});
