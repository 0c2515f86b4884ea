import { expect, test } from 'vitest';
import { createCipher } from './cipher.ts';
import { newSecretKey } from './secret-keys.ts';

test('opens what it sealed, and nothing that was changed, moved or sealed by another', () => {
  const cipher = createCipher([newSecretKey()]);
  const text = Buffer.from('a secret');
  const sealed = cipher.seal(text, 'here');
  expect(sealed.includes(text)).toBe(false);
  expect(cipher.open(sealed, 'here')).toEqual(text);
  expect(cipher.seal(text, 'here')).not.toEqual(sealed);

  expect(() => cipher.open(sealed, 'there')).toThrow();
  expect(() => createCipher([newSecretKey()]).open(sealed, 'here')).toThrow();
  for (const index of sealed.keys()) {
    const changed = Buffer.from(sealed);
    changed[index] = (changed[index] ?? 0) ^ 1;
    expect(() => cipher.open(changed, 'here')).toThrow();
  }
});
