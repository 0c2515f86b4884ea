import fc from 'fast-check';
import { expect, test } from 'vitest';
import { indented } from './indented.ts';

test('is what JSON.stringify makes with two spaces', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (first, second) => {
      const pieces = ['{"a":', Buffer.from(JSON.stringify(first)), ',"b":[', JSON.stringify(second), ']}\n'];
      const whole = JSON.stringify({ a: first, b: [second] }, null, 2);
      expect([...indented(pieces)].join('')).toBe(`${whole}\n`);
    }),
  );
});
