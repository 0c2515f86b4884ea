import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createCipher } from './cipher.ts';

test('opens what it sealed, and nothing that was changed, moved or sealed by another', () => {
  const cipher = createCipher(randomBytes(32));
  const text = Buffer.from('a secret');
  const sealed = cipher.seal(text, 'here');
  expect(sealed.includes(text)).toBe(false);
  expect(cipher.open(sealed, 'here')).toEqual(text);
  expect(cipher.seal(text, 'here')).not.toEqual(sealed);

  expect(() => cipher.open(sealed, 'there')).toThrow();
  expect(() => createCipher(randomBytes(32)).open(sealed, 'here')).toThrow();
  for (const index of sealed.keys()) {
    const changed = Buffer.from(sealed);
    changed[index] = (changed[index] ?? 0) ^ 1;
    expect(() => cipher.open(changed, 'here')).toThrow();
  }
});
