import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError, applyMergePatch, equalJson } from './index.ts';

/** The merge patch that turns one object into another; null values cannot be asked for. */
function diff(before: Record<string, unknown>, after: Record<string, unknown>): Record<string, unknown> {
  const patch: [string, unknown][] = [];
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) patch.push([key, null]);
  for (const [key, value] of Object.entries(after)) {
    if (!Object.hasOwn(before, key) || !equalJson(before[key], value)) patch.push([key, value]);
  }
  return Object.fromEntries(patch);
}

describe('merge patch', () => {
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{ a: 'b' }, { a: { x: 1, y: null } }, { a: { x: 1 } }],
  ])('%j with %j is %j (RFC 7386)', (before, patch, after) => {
    const copy = structuredClone(before);
    expect(applyMergePatch(before, patch)).toEqual(after);
    expect(before).toEqual(copy);
  });

  it('refuses what is no object', () => {
    for (const patch of [[], 'x', 1, null]) expect(() => applyMergePatch({}, patch)).toThrow(ApiError);
  });

  it('cannot reach a prototype', () => {
    const patched = applyMergePatch(
      {},
      JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"p":1}}}'),
    );
    expect(Object.getPrototypeOf(patched)).toBe(Object.prototype);
    expect(({} as { polluted?: boolean; p?: number }).polluted).toBeUndefined();
    expect(({} as { p?: number }).p).toBeUndefined();
  });

  const scalar = fc.oneof(fc.integer(), fc.string(), fc.boolean());
  const object = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.oneof(scalar, fc.array(scalar, { maxLength: 2 })));

  it('is idempotent, leaves all alone when empty, and applies its diff', () => {
    fc.assert(
      fc.property(object, object, (before, after) => {
        const patch = diff(before, after);
        const once = applyMergePatch(before, patch);
        expect(equalJson(once, after)).toBe(true);
        expect(equalJson(applyMergePatch(once, patch), once)).toBe(true);
        expect(equalJson(applyMergePatch(before, {}), before)).toBe(true);
      }),
    );
  });
});
