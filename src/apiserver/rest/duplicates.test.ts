import fc from 'fast-check';
import { expect, test } from 'vitest';
import { duplicateFields, shapeOf } from './duplicates.ts';

const duplicatesOf = (text: string): string[] => duplicateFields(text, JSON.parse(text), shapeOf(text).fields);

test.each([
  ['{"a":1,"b":2}', []],
  ['{"a":1,"a":2}', ['a']],
  ['{"spec":{"replicas":1,"x":"a:{\\"b\\"","replicas":2}}', ['spec.replicas']],
  ['{"spec":{"c":[{"image":1},{"image":1,"i\\u006dage":2}]}}', ['spec.c[1].image']],
  ['{"a" : {"b":1}, "a":{"b":1} }', ['a']],
])('%s gives %j twice', (text, paths) => {
  expect(duplicatesOf(text)).toEqual(paths);
});

test('no value has duplicates once it is written as JSON, and its shape is that of the value', () => {
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      expect(duplicatesOf(text)).toEqual([]);
      expect(shapeOf(text).depth).toBe(depthOf(value));
    }),
  );
});
