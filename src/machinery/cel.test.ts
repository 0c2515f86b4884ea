import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CelError, CelMissingError, type CelOptions, celOmitted, compileCel, type Fields } from './index.ts';

const kro: CelOptions = { library: 'kro' };
const evaluate = (source: string, variables: Fields = {}) => compileCel(source, kro).evaluate(variables);
const errorOf = (action: () => unknown): CelError => {
  try {
    action();
  } catch (error) {
    if (error instanceof CelError) return error;
  }
  throw new Error('expected a CelError');
};

describe('values', () => {
  test.each<[string, Fields, unknown]>([
    ['a + 1', { a: 2 }, 3],
    ['a == 2.0', { a: 2 }, true],
    ['a > 1', { a: 1.5 }, true],
    ['type(a) == int', { a: 2 }, true],
    ['a / 2', { a: 5 }, 2],
    ['a.b == null', { a: { b: null } }, true],
    ['a + b', { a: [{ x: 1 }], b: [{ y: 'z' }] }, [{ x: 1 }, { y: 'z' }]],
    ['a == b', { a: { x: 1, y: 's' }, b: { y: 's', x: 1 } }, true],
    ['a.?b.?c.orValue(5)', { a: {} }, 5],
    ['cel.bind(x, a.b, x + x)', { a: { b: 2 } }, 4],
    ['a.map(x, {"n": x.name})', { a: [{ name: 'x' }] }, [{ n: 'x' }]],
    ['a.exists(c, c.type == "Ready" && c.status == "True")', { a: [{ type: 'Ready', status: 'True' }] }, true],
    ['"a-b".replace("-", "_") + "%s-%d".format(["a", 1])', {}, 'a_ba-1'],
    ['[3, 1, 2].sort().first().value() + [1, 2].sum()', {}, 4],
    ['json.unmarshal("{\\"a\\": [1, 2.5]}").a[1]', {}, 2.5],
    [
      'quantity("1Gi").isGreaterThan(quantity(a)) && quantity("1500m").add(1).compareTo(quantity("2500m")) == 0',
      { a: '1Mi' },
      true,
    ],
    ['timestamp(a) + duration("90s")', { a: '2024-01-01T00:00:00Z' }, '2024-01-01T00:01:30Z'],
    ['b"abc"', {}, 'YWJj'],
    ['a.transformList(k, v, k + "=" + v).sort()', { a: { x: '1', y: '2' } }, ['x=1', 'y=2']],
    ['a.transformList(i, v, i > 0, v)', { a: ['p', 'q'] }, ['q']],
    ['a.transformMap(k, v, v * f)', { a: { x: 1, y: 2 }, f: 10 }, { x: 10, y: 20 }],
    ['a.transformMap(k, v, v > 1, v).size()', { a: { x: 1, y: 2 } }, 1],
    ['a.transformMapEntry(k, v, {v: k}).p', { a: { x: 'p' } }, 'x'],
    ['a.all(k, v, k != v) && a.exists(k, v, v == "p") && a.existsOne(k, v, true)', { a: { x: 'p' } }, true],
    ['a.sortBy(i, i.n).map(i, i.n)', { a: [{ n: 2 }, { n: 1 }] }, [1, 2]],
    ['a.transformList(k, v, a.transformList(l, w, k + l)).flatten()', { a: { x: 1, y: 2 } }, ['xx', 'xy', 'yx', 'yy']],
    ['a.merge({"y": 2})', { a: { x: 1 } }, { x: 1, y: 2 }],
    ['a.deepMerge({"x": {"q": 2}}).x', { a: { x: { p: 1 } } }, { p: 1, q: 2 }],
    ['lists.setAtIndex(lists.insertAtIndex(lists.removeAtIndex(a, 0), 0, 9), 1, 8)', { a: [1, 2] }, [9, 8]],
    ['runtime.newCondition({type: "A", status: a ? "True" : "False"}).status', { a: false }, 'False'],
    ['runtime.condition(a, "R").status', { a: { status: { conditions: [{ type: 'R', status: 'True' }] } } }, 'True'],
    ['runtime.condition(a, "R").status', { a: {} }, ''],
    ['"%x".format([hash.md5("a")])', {}, '0cc175b9c0f1b6a831c399e269772661'],
    ['"%x".format([hash.fnv64a("a")])', {}, 'af63dc4c8601ec8c'],
  ])('%s', (source, variables, expected) => {
    expect(evaluate(source, variables)).toEqual(expected);
  });

  test('omit() and empty optionals leave out their entry, item or whole', () => {
    expect(evaluate('on ? [{"a": "x"}] : omit()', { on: false })).toBe(celOmitted);
    expect(evaluate('{"a": omit(), "b": [omit(), a.?x, 1]}', { a: {} })).toEqual({ b: [1] });
  });

  test('a seeded string is the same every time and of the asked length', () => {
    const value = evaluate('random.seededString(10, "seed")');
    expect(value).toMatch(/^[a-z0-9]{10}$/);
    expect(evaluate('random.seededString(10, "seed")')).toBe(value);
  });

  test('a seeded number is at least the first and below the second', () => {
    fc.assert(
      fc.property(fc.string(), (seed) => {
        expect(evaluate('random.seededInt(3, 5, s)', { s: seed })).toBeOneOf([3, 4]);
      }),
      { numRuns: 50 },
    );
    expect(() => evaluate('random.seededInt(3, 3, "s")')).toThrow('must be less than max');
  });

  test('any JSON value comes out as it went in', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value));
        expect(JSON.stringify(evaluate('a', { a: plain }))).toBe(JSON.stringify(plain));
      }),
      { numRuns: 200 },
    );
  });
});

describe('references', () => {
  test.each<[string, string[][]]>([
    ['schema.spec.tag', [['schema', 'spec', 'tag']]],
    ['a.b + a.b + c', [['a', 'b'], ['c']]],
    ['a.items[0].name', [['a', 'items']]],
    [
      'a.list.map(x, x.y + b.z)',
      [
        ['a', 'list'],
        ['b', 'z'],
      ],
    ],
    ['cel.bind(x, a.b, x.c + d)', [['a', 'b'], ['d']]],
    ['runtime.newCondition({type: "A", status: a.b})', [['a', 'b']]],
    ['a.b.transformMap(k, v, k == "x", v + c)', [['a', 'b'], ['c']]],
    ['has(a.b.c) && type(d) == int', [['a', 'b', 'c'], ['d']]],
    [
      'a.?b.c.orValue(d.e)',
      [
        ['a', 'b', 'c'],
        ['d', 'e'],
      ],
    ],
    ['json.marshal({"k": a.b})', [['a', 'b']]],
  ])('%s', (source, expected) => {
    expect(compileCel(source, kro).references).toEqual(expected);
  });
});

describe('errors', () => {
  test('an unknown variable or function names what is near', () => {
    const unknown = errorOf(() => compileCel('1 + schem.x', { variables: ['schema'] }));
    expect([unknown.problem, unknown.position, unknown.suggestion]).toEqual(['unknown variable "schem"', 4, 'schema']);
    expect(errorOf(() => compileCel('a.lowerAsci()')).message).toBe(
      'unknown function "lowerAsci" (did you mean "lowerAscii"?) at position 12 of "a.lowerAsci()"',
    );
    expect(() => compileCel('time.now() > a', kro)).toThrow('time.now() is not supported');
    expect(() => compileCel('omit()')).toThrow('unknown function "omit"');
  });

  test('syntax and type errors have a position', () => {
    expect(errorOf(() => compileCel('1 +')).position).toBe(3);
    expect(errorOf(() => compileCel('1 + "a"')).report).toBe(
      `ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(int, string)'\n | 1 + "a"\n | ..^`,
    );
  });

  test.each<[string, Fields, string[]]>([
    ['a.b.c', { a: { b: {} } }, ['a', 'b', 'c']],
    ['a.b.c', { a: {} }, ['a', 'b']],
    ['a.b[3]', { a: { b: [1] } }, ['a', 'b', '3']],
    ['x.y', {}, ['x']],
    ['a.constructor', { a: {} }, ['a', 'constructor']],
    ['constructor', {}, ['constructor']],
  ])('%s of what is not there is missing', (source, variables, path) => {
    const error = errorOf(() => evaluate(source, variables));
    expect(error).toBeInstanceOf(CelMissingError);
    expect((error as CelMissingError).path).toEqual(path);
  });
});

describe('bounds', () => {
  const range = 'lists.range(200)';
  const doubled = (start: string) => {
    let source = 'x20';
    for (let at = 20; at >= 0; at--)
      source = `cel.bind(x${at}, ${at === 0 ? start : `x${at - 1} + x${at - 1}`}, ${source})`;
    return source;
  };

  test.each([
    ['nested comprehensions', `${range}.all(a, ${range}.all(b, ${range}.all(c, a + b + c >= 0)))`, {}],
    [
      'a long list inside a comprehension',
      'l.all(a, l.all(b, a in l))',
      { l: Array.from({ length: 5000 }, (_, at) => at) },
    ],
    ['nested macros over entries', `${range}.all(i, a, ${range}.all(j, b, ${range}.all(k, c, a + b + c >= 0)))`, {}],
    ['a list that doubles', doubled('[1, 2, 3, 4]'), {}],
    ['a filter in a map', `${range}.map(a, ${range}.filter(b, ${range}.exists(c, c > 500)))`, {}],
  ])('%s ends with an error, soon', (_, source, variables) => {
    const started = performance.now();
    expect(() => evaluate(source, variables)).toThrow(/costs too much|takes too long/);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('a regular expression takes linear time', () => {
    expect(evaluate('s.matches("^(a+)+$")', { s: `${'a'.repeat(2000)}!` })).toBe(false);
  });

  test('length and nesting are limited', () => {
    expect(() => compileCel(`"${'x'.repeat(40_000)}"`)).toThrow('characters long');
    expect(() => compileCel(`${'('.repeat(10_000)}1${')'.repeat(10_000)}`)).toThrow(CelError);
    expect(() => compileCel(`${'['.repeat(10_000)}1${']'.repeat(10_000)}`)).toThrow(CelError);
    expect(() => compileCel(`${'!'.repeat(30_000)}true`)).toThrow(CelError);
  });

  test('no text makes the compiler fail otherwise than with a CelError', () => {
    const words = fc.constantFrom(
      'a',
      '.b',
      '(',
      ')',
      '[',
      ']',
      '?',
      ':',
      '"',
      '+',
      '{',
      '}',
      '1',
      ' ',
      '.map(x, ',
      'has(',
      '!',
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 20 }), (parts) => {
        try {
          compileCel(parts.join(''), kro).evaluate({ a: { b: [1] } });
        } catch (error) {
          expect(error).toBeInstanceOf(CelError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
