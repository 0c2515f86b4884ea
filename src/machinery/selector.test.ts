import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError, labelSelectorOf, parseFieldSelector, parseLabelSelector } from './index.ts';

const messageOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof ApiError && error.code === 400) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('label selectors', () => {
  const labels = { app: 'web', tier: '', level: '7' };
  const cases: [string, boolean][] = [
    ['', true],
    ['app=web', true],
    ['app==web', true],
    ['app = db', false],
    ['app!=db', true],
    ['none!=db', true],
    ['app', true],
    ['!app', false],
    ['! none', true],
    ['app in (web, db)', true],
    ['app in (db)', false],
    ['app notin (db)', true],
    ['none notin (db)', true],
    ['none in (db)', false],
    ['tier=', true],
    ['tier in ()', true],
    ['app in (,web)', true],
    ['app in (in,notin)', false],
    ['level>6', true],
    ['level<7', false],
    ['app>1', false],
    ['app=web,level>6,!none', true],
    ['in in (in)', false],
  ];
  it.each(cases)('%j matches: %j', (text, expected) => {
    expect(parseLabelSelector(text).matches(labels)).toBe(expected);
  });

  it('does not take inherited fields for labels', () => {
    expect(parseLabelSelector('constructor').matches({})).toBe(false);
    expect(parseLabelSelector('app').matches(undefined)).toBe(false);
  });

  it.each([
    ['app=web,', "found '', expected: identifier after ','"],
    ['=web', "found '=', expected: !, identifier, or 'end of string'"],
    ['app web', "unable to parse requirement: found 'web', expected: in, notin, =, ==, !=, gt, lt"],
    ['app=web other', "found 'other', expected: ',' or 'end of string'"],
    ['app in web', "unable to parse requirement: found 'web' expected: '('"],
    ['app in (web', "unable to parse requirement: found '', expected: ',' or ')'"],
    [
      'level>x',
      "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
  ])('refuses %j', (text, message) => {
    expect(messageOf(() => parseLabelSelector(text))).toBe(message);
  });

  it('refuses bad keys and values as kube-apiserver words it', () => {
    expect(messageOf(() => parseLabelSelector('a/b/c=d'))).toMatch(
      /^unable to parse requirement: <nil>: Invalid value: "a\/b\/c": a qualified name must consist of/,
    );
    expect(messageOf(() => parseLabelSelector('a=-'))).toMatch(
      /^unable to parse requirement: values\[0\]\[a\]: Invalid value: "-": a valid label must be an empty string/,
    );
    expect(messageOf(() => parseLabelSelector(`a=${'x'.repeat(64)}`))).toContain('must be no more than 63 characters');
  });

  it('stays fast on hostile input', () => {
    const start = performance.now();
    expect(() => parseLabelSelector(`${'a-'.repeat(500_000)}!`)).toThrow();
    expect(() => parseLabelSelector(`a in (${','.repeat(500_000)}`)).toThrow();
    expect(performance.now() - start).toBeLessThan(3000);
  });

  it('of specs', () => {
    const selector = labelSelectorOf({
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'tier', operator: 'Exists' },
        { key: 'level', operator: 'NotIn', values: ['1', '2'] },
      ],
    });
    expect(selector.matches(labels)).toBe(true);
    expect(selector.toString()).toBe('app=web,level notin (1,2),tier');
    expect(labelSelectorOf({}).matches(labels)).toBe(true);
    expect(labelSelectorOf(undefined).matches(labels)).toBe(false);
    expect(messageOf(() => labelSelectorOf({ matchExpressions: [{ key: 'a', operator: 'Near' }] }))).toBe(
      '"Near" is not a valid label selector operator',
    );
    expect(messageOf(() => labelSelectorOf({ matchExpressions: [{ key: 'a', operator: 'In' }] }))).toBe(
      "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
    );
  });

  it('prints what it parses', () => {
    const name = fc.stringMatching(/^[a-z0-9]([a-z0-9._-]{0,10}[a-z0-9])?$/);
    const requirement = fc.oneof(
      name,
      name.map((key) => `!${key}`),
      fc.tuple(name, fc.constantFrom('=', '==', '!='), name).map((parts) => parts.join('')),
      fc
        .tuple(name, fc.constantFrom('in', 'notin'), fc.array(name, { minLength: 1, maxLength: 3 }))
        .map(([key, operator, values]) => `${key} ${operator} (${values.join(',')})`),
    );
    fc.assert(
      fc.property(fc.array(requirement, { maxLength: 4 }), fc.dictionary(name, name), (requirements, someLabels) => {
        const parsed = parseLabelSelector(requirements.join(', '));
        const again = parseLabelSelector(parsed.toString());
        expect(again.requirements).toEqual(parsed.requirements);
        expect(again.matches(someLabels)).toBe(parsed.matches(someLabels));
      }),
    );
  });
});

describe('field selectors', () => {
  it('gives requirements, unescaped and sorted', () => {
    expect(parseFieldSelector('status.phase!=Running,metadata.name=a\\,b\\=c\\\\')).toEqual([
      { field: 'metadata.name', operator: '=', value: 'a,b=c\\' },
      { field: 'status.phase', operator: '!=', value: 'Running' },
    ]);
    expect(parseFieldSelector('spec.nodeName==n1,,')).toEqual([{ field: 'spec.nodeName', operator: '=', value: 'n1' }]);
    expect(parseFieldSelector('spec.nodeName=')).toEqual([{ field: 'spec.nodeName', operator: '=', value: '' }]);
    expect(parseFieldSelector('')).toEqual([]);
  });

  it.each([
    ['metadata.name', "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
    ['a=b\\c', 'invalid field selector: invalid escape sequence: \\c'],
    ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
    ['a=b\\', 'invalid field selector: invalid escape sequence: \\'],
  ])('refuses %j', (text, message) => {
    expect(messageOf(() => parseFieldSelector(text))).toBe(message);
  });
});
