import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addQuantity,
  canonicalQuantity,
  compareQuantity,
  formatQuantity,
  parseQuantity,
  quantityError,
  quantityToNumber,
} from './index.ts';

describe('quantities', () => {
  it.each([
    ['0', '0'],
    ['0Mi', '0'],
    ['100m', '100m'],
    ['1000m', '1'],
    ['0.1', '100m'],
    ['.5', '500m'],
    ['1.', '1'],
    ['1500m', '1500m'],
    ['1024', '1024'],
    ['1024Mi', '1Gi'],
    ['0.5Gi', '512Mi'],
    ['1.5Ki', '1536'],
    ['1023Ki', '1023Ki'],
    ['1000k', '1M'],
    ['12e6', '12e6'],
    ['12E3', '12e3'],
    ['12E', '12E'],
    ['1e-3', '1e-3'],
    ['-500m', '-500m'],
    ['+1', '1'],
    ['0.0000000001', '1n'],
    ['100Ei', '9223372036854775807'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalQuantity(text)).toBe(canonical);
  });

  it.each(['', 'x', '1 ', '1.2.3', '--1', '.', '1e9999999999', '9'.repeat(200)])('refuses %j', (text) => {
    expect(quantityError(text)).toBe(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  });

  it('says what is wrong with a suffix, and with what is no text', () => {
    expect(quantityError('1KK')).toBe("unable to parse quantity's suffix");
    expect(quantityError('1e')).toBe("unable to parse quantity's suffix");
    expect(quantityError({})).toBeDefined();
    expect(quantityError(1.5)).toBeUndefined();
  });

  it('adds and compares exactly', () => {
    const sum = addQuantity(parseQuantity('0.1'), parseQuantity('0.2'));
    expect(formatQuantity(sum)).toBe('300m');
    expect(compareQuantity(sum, parseQuantity('300m'))).toBe(0);
    expect(compareQuantity(parseQuantity('1Gi'), parseQuantity('1G'))).toBeGreaterThan(0);
    expect(quantityToNumber(parseQuantity('1500m'))).toBe(1.5);
  });

  const quantity = fc
    .tuple(
      fc.integer({ min: -1_000_000, max: 1_000_000 }),
      fc.constantFrom('n', 'u', 'm', '', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi'),
    )
    .map(([number, suffix]) => `${number}${suffix}`);

  it('keep their value when formatted, and have one canonical form', () => {
    fc.assert(
      fc.property(quantity, (text) => {
        const parsed = parseQuantity(text);
        const canonical = formatQuantity(parsed);
        expect(parseQuantity(canonical).nanos).toBe(parsed.nanos);
        expect(canonicalQuantity(canonical)).toBe(canonical);
      }),
    );
  });

  it('are ordered totally, and adding keeps the order', () => {
    fc.assert(
      fc.property(quantity, quantity, quantity, (a, b, c) => {
        const [x, y, z] = [parseQuantity(a), parseQuantity(b), parseQuantity(c)];
        expect(compareQuantity(x, y) + compareQuantity(y, x)).toBe(0);
        expect(compareQuantity(addQuantity(x, z), addQuantity(y, z))).toBe(compareQuantity(x, y));
      }),
    );
  });
});
