import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeFieldsV1,
  difference,
  encodeFieldsV1,
  type FieldSet,
  fieldSet,
  intersection,
  leaf,
  printPaths,
  union,
} from './field-set.ts';

const element = fc.constantFrom('f:a', 'f:b', 'k:{"name":"x"}', 'v:1', 'i:0');
const paths = fc.array(fc.array(element, { minLength: 1, maxLength: 3 }), { maxLength: 6 });

function setOf(list: string[][]): FieldSet | undefined {
  return list.reduce<FieldSet | undefined>((all, path) => {
    const one = path.reduceRight<FieldSet>((below, key) => fieldSet(false, new Map([[key, below]])) ?? leaf, leaf);
    return union(all, one);
  }, undefined);
}

const asPaths = (set: FieldSet | undefined): string[] => printPaths(set).sort();

describe('field sets', () => {
  it('are sets of paths: union, difference and intersection', () => {
    fc.assert(
      fc.property(paths, paths, (left, right) => {
        const [a, b] = [setOf(left), setOf(right)];
        const [inA, inB] = [new Set(asPaths(a)), new Set(asPaths(b))];
        expect(asPaths(union(a, b))).toEqual([...new Set([...inA, ...inB])].sort());
        expect(asPaths(difference(a, b))).toEqual([...inA].filter((path) => !inB.has(path)).sort());
        expect(asPaths(intersection(a, b))).toEqual([...inA].filter((path) => inB.has(path)).sort());
      }),
    );
  });

  it('survive FieldsV1', () => {
    fc.assert(
      fc.property(paths, (list) => {
        const set = setOf(list);
        if (!set) return;
        const read = decodeFieldsV1(JSON.parse(JSON.stringify(encodeFieldsV1(set))));
        expect(asPaths(read)).toEqual(asPaths(set));
      }),
    );
  });

  it('spell keys in one way', () => {
    const one = decodeFieldsV1({ 'k:{"protocol":"TCP","port":80}': {}, 'v:"a<b"': {} });
    const other = decodeFieldsV1({ 'k:{"port":80, "protocol":"TCP"}': {}, 'v:"a\\u003cb"': {} });
    expect(difference(one, other)).toBeUndefined();
    expect(printPaths(one)).toEqual(['[port=80,protocol="TCP"]', '[="a<b"]']);
  });

  it('are written in order: fields, keys, values, indices', () => {
    const set = decodeFieldsV1({ 'i:0': {}, 'v:1': {}, 'k:{"a":1}': {}, 'f:b': { 'f:c': {}, '.': {} }, 'f:a': {} });
    expect(set && Object.keys(encodeFieldsV1(set))).toEqual(['f:a', 'f:b', 'k:{"a":1}', 'v:1', 'i:0']);
    expect(set && JSON.stringify(encodeFieldsV1(set)['f:b'])).toBe('{".":{},"f:c":{}}');
  });

  it.each([
    [{ a: {} }],
    [{ 'x:a': {} }],
    [{ 'f:a': 1 }],
    [{ 'k:[]': {} }],
    [{ 'k:{': {} }],
    [{ 'i:x': {} }],
    [{ '': {} }],
  ])('refuses %j', (fields) => {
    expect(() => decodeFieldsV1(fields)).toThrow();
  });
});
