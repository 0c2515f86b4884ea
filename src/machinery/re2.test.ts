import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { cachedRe2, RegexSyntaxError } from './index.ts';

describe('cachedRe2', () => {
  it.each([
    ['^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', 'my-app', true],
    ['^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', 'my-app-', false],
    ['(?i)^ab$', 'AB', true],
    ['^(?i:a)b$', 'AB', false],
    ['^a{2,3}$', 'aaaa', false],
    ['^(|x)$', '', true],
    ['\\Aab\\z', 'ab', true],
    ['^[[:alpha:]_-]+$', 'ab-_', true],
    ['^\\pL+$', 'äß', true],
    ['^[^\\d\\s]+$', 'a1', false],
    ['\\bfoo\\b', 'a foo b', true],
    ['^\\Qa.b\\E$', 'axb', false],
    ['(?m)^b$', 'a\nb', true],
    ['^.$', '😀', true],
    ['^(?P<year>\\d{4})$', '2024', true],
    ['x*', '', true],
  ])('matches %s against %j', (pattern, text, expected) => {
    expect(cachedRe2(pattern).test(text)).toBe(expected);
  });

  it.each([
    ['(a', 'missing closing ): `(a`'],
    ['*a', 'missing argument to repetition operator: `*`'],
    ['a**', 'invalid nested repetition operator: `**`'],
    ['[z-a]', 'invalid character class range: `z-a`'],
    ['(?=a)', 'invalid or unsupported Perl syntax: `(?=`'],
    ['a{1001}', 'invalid repeat count: `{1001}`'],
    ['((a{100}){100}){100}', 'expression too large'],
    ['((((){1000}){1000}){1000}){1000}', 'expression too large'],
    ['('.repeat(5000), `expression nests too deeply: \`${'('.repeat(5000)}\``],
  ])('refuses %s as Go does', (pattern, message) => {
    expect(() => cachedRe2(pattern)).toThrow(new RegexSyntaxError(`error parsing regexp: ${message}`));
  });

  it('agrees with JavaScript where the two dialects are the same', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '(a|b)', '(?:ab)', '\\d');
    const piece = fc.tuple(atom, fc.constantFrom('', '*', '+', '?', '{1,2}')).map((parts) => parts.join(''));
    const pattern = fc
      .tuple(fc.constantFrom('', '^'), fc.array(piece, { maxLength: 5 }), fc.constantFrom('', '$'))
      .map(([start, pieces, end]) => start + pieces.join('') + end);
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '1', '-'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (source, value) => {
        expect(cachedRe2(source).test(value)).toBe(new RegExp(source, 'u').test(value));
      }),
    );
  });
});

// What Go's FindAllString gives.
test.each<[string, string, number, string[]]>([
  ['[0-9]+', '123 abc 456', 9, ['123', '456']],
  ['[0-9]+', '123 abc 456', 1, ['123']],
  ['a*', 'baac', 9, ['', 'aa', '']],
  ['a+?', 'aaa', 9, ['a', 'a', 'a']],
  ['a|ab', 'abaab', 9, ['a', 'a', 'a']],
  ['ab|a', 'abaab', 9, ['ab', 'a', 'ab']],
  ['(?U)a+', 'aaa', 1, ['a']],
  ['\\bfoo\\b', 'foo food foo', 9, ['foo', 'foo']],
  ['.', 'a😀b', 9, ['a', '😀', 'b']],
  ['x', 'abc', 9, []],
])('all of %j in %j', (pattern, text, limit, expected) => {
  expect(cachedRe2(pattern).findAll(text, limit)).toEqual(expected);
});

test('finding takes time that grows with the text and not with the pattern', () => {
  const started = performance.now();
  expect(cachedRe2('(a+)+$').findAll(`${'a'.repeat(2_000)}!`, 1)).toEqual([]);
  expect(performance.now() - started).toBeLessThan(5_000);
});
