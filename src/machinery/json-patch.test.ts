import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError, applyJsonPatch } from './index.ts';

function errorOf(work: () => unknown): ApiError {
  try {
    work();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const cause = (error: ApiError): string | undefined => (error.cause as Error | undefined)?.message;

describe('JSON patch', () => {
  it.each([
    ['add to an object', {}, [{ op: 'add', path: '/a', value: 1 }], { a: 1 }],
    ['add null', {}, [{ op: 'add', path: '/a', value: null }], { a: null }],
    ['insert', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    ['append', { a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    ['append at the length', { a: [1] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2] }],
    ['replace', { a: [1] }, [{ op: 'replace', path: '/a/0', value: 2 }], { a: [2] }],
    ['replace a field that is not there', {}, [{ op: 'replace', path: '/a', value: 2 }], { a: 2 }],
    ['replace the whole', { a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }], { b: 2 }],
    [
      'remove',
      { a: [1, 2], b: 3 },
      [
        { op: 'remove', path: '/a/0' },
        { op: 'remove', path: '/b' },
      ],
      { a: [2] },
    ],
    ['remove from the end', { a: [1, 2] }, [{ op: 'remove', path: '/a/-1' }], { a: [1] }],
    ['move', { a: { b: 1 } }, [{ op: 'move', from: '/a/b', path: '/c' }], { a: {}, c: 1 }],
    ['copy', { a: { b: 1 } }, [{ op: 'copy', from: '/a', path: '/c' }], { a: { b: 1 }, c: { b: 1 } }],
    [
      'escapes',
      { 'x/y': 1, 'm~n': 2 },
      [
        { op: 'remove', path: '/x~1y' },
        { op: 'test', path: '/m~0n', value: 2 },
      ],
      { 'm~n': 2 },
    ],
    ['test null against nothing', {}, [{ op: 'test', path: '/a', value: null }], {}],
    [
      'test ignores key order',
      { a: { b: 1, c: 2 } },
      [{ op: 'test', path: '/a', value: { c: 2, b: 1 } }],
      { a: { b: 1, c: 2 } },
    ],
  ])('%s', (_, before, operations, after) => {
    const copy = structuredClone(before);
    expect(applyJsonPatch(before, operations)).toEqual(after);
    expect(before).toEqual(copy);
  });

  it('copies are apart from the original', () => {
    const patched = applyJsonPatch({ a: { b: 1 } }, [
      { op: 'copy', from: '/a', path: '/c' },
      { op: 'replace', path: '/a/b', value: 2 },
    ]);
    expect(patched).toEqual({ a: { b: 2 }, c: { b: 1 } });
  });

  it.each([
    [[{ op: 'replace', path: '/l/0', value: 1 }], 'replace operation does not apply: index 0 of /l/0 is out of range'],
    [
      [{ op: 'remove', path: '/b' }],
      "error in remove for path: '/b': Unable to remove nonexistent key: b: missing value",
    ],
    [
      [{ op: 'add', path: '/b/c', value: 1 }],
      'add operation does not apply: doc is missing path: "/b/c": missing value',
    ],
    [[{ op: 'test', path: '/a', value: 2 }], 'testing value /a failed: test failed'],
    [[{ op: 'add', path: '/l/9', value: 2 }], 'add operation does not apply: index 9 of /l/9 is out of range'],
    [[{ op: 'leap', path: '/a' }], 'Unexpected kind: leap'],
    [[{ op: 'add', path: '/a' }], 'add operation value for /a is missing'],
  ])('%j fails whole, as 422', (operations, message) => {
    const before = { a: 1, l: [] };
    const error = errorOf(() => applyJsonPatch(before, [{ op: 'add', path: '/x', value: 1 }, ...operations]));
    expect(error).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: 'the server rejected our request due to an error in our request',
    });
    expect(cause(error)).toBe(message);
    expect(before).toEqual({ a: 1, l: [] });
  });

  it('refuses what is no patch, and too much of one', () => {
    expect(errorOf(() => applyJsonPatch({}, { op: 'add' })).code).toBe(400);
    const many = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/a', value: null }));
    expect(errorOf(() => applyJsonPatch({}, many)).code).toBe(413);
    const doubling = Array.from({ length: 40 }, (_, i) => ({ op: 'copy', from: '', path: `/c${i}` }));
    expect(cause(errorOf(() => applyJsonPatch({ a: 'x'.repeat(1000) }, doubling)))).toContain('exceeding the limit');
  });

  it('cannot reach a prototype', () => {
    const patched = applyJsonPatch({}, [{ op: 'add', path: '/__proto__', value: { polluted: true } }]);
    expect(Object.getPrototypeOf(patched)).toBe(Object.prototype);
    expect(errorOf(() => applyJsonPatch({}, [{ op: 'add', path: '/constructor/x', value: 1 }])).code).toBe(422);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('undoes what it does', () => {
    const key = fc.string({ minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.dictionary(key, fc.jsonValue()), key, fc.jsonValue(), (object, name, value) => {
        const path = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
        const patched = applyJsonPatch(object, [{ op: 'add', path, value }]);
        const undo = Object.hasOwn(object, name)
          ? [{ op: 'replace', path, value: object[name] }]
          : [{ op: 'remove', path }];
        expect(JSON.parse(JSON.stringify(applyJsonPatch(patched, undo)))).toEqual(JSON.parse(JSON.stringify(object)));
      }),
    );
  });
});
