import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError, applyStrategicPatch, builtinSchema, type Schema } from './index.ts';

const text: Schema = { type: 'string' };
const merge = (key: string, items: Schema): Schema => ({
  type: 'array',
  items,
  'x-kubernetes-patch-strategy': 'merge',
  'x-kubernetes-patch-merge-key': key,
});
const item: Schema = {
  type: 'object',
  properties: { name: text, value: text, nested: merge('id', { type: 'object', properties: { id: text } }) },
};
const schema: Schema = {
  type: 'object',
  properties: {
    items: merge('name', item),
    finalizers: { type: 'array', items: text, 'x-kubernetes-patch-strategy': 'merge' },
    atomic: { type: 'array', items: text },
    map: { type: 'object', additionalProperties: text },
    replaced: { type: 'object', additionalProperties: text, 'x-kubernetes-patch-strategy': 'replace' },
    one: { type: 'object', properties: { a: text, b: text }, 'x-kubernetes-patch-strategy': 'retainKeys' },
  },
};

const patched = (before: object, patch: unknown): unknown => applyStrategicPatch(before, patch, schema);
const named = (...names: string[]): { name: string }[] => names.map((name) => ({ name }));

describe('strategic merge patch', () => {
  it.each([
    [
      'merges objects and deletes by null',
      { map: { a: '1', b: '2' } },
      { map: { b: null, c: '3' } },
      { map: { a: '1', c: '3' } },
    ],
    ['drops nulls of new objects', {}, { map: { a: null, b: '1' } }, { map: { b: '1' } }],
    ['replaces lists without a merge key', { atomic: ['a', 'b'] }, { atomic: ['c'] }, { atomic: ['c'] }],
    ['replaces what the schema says to', { replaced: { a: '1' } }, { replaced: { b: '2' } }, { replaced: { b: '2' } }],
    [
      'merges lists by key, patched items first among new ones',
      { items: [{ name: 'a', value: '1' }, { name: 'b' }] },
      { items: [{ name: 'a', value: '2' }, { name: 'c' }] },
      { items: [{ name: 'a', value: '2' }, { name: 'c' }, { name: 'b' }] },
    ],
    ['adds to lists of scalars once', { finalizers: ['a'] }, { finalizers: ['a', 'b'] }, { finalizers: ['a', 'b'] }],
    [
      'deletes an item',
      { items: named('a', 'b') },
      { items: [{ name: 'a', $patch: 'delete' }] },
      { items: named('b') },
    ],
    [
      'ignores deleting what is not there',
      { items: named('b') },
      { items: [{ name: 'a', $patch: 'delete' }] },
      { items: named('b') },
    ],
    [
      'replaces a list',
      { items: named('a') },
      { items: [{ $patch: 'replace' }, { name: 'z' }] },
      { items: named('z') },
    ],
    ['replaces an object', { map: { a: '1' } }, { map: { $patch: 'replace', b: '2' } }, { map: { b: '2' } }],
    ['empties an object', { map: { a: '1' } }, { map: { $patch: 'delete' } }, { map: {} }],
    [
      'deletes from lists of scalars',
      { finalizers: ['a', 'b', 'c'] },
      { '$deleteFromPrimitiveList/finalizers': ['b'], finalizers: ['d'] },
      { finalizers: ['d', 'a', 'c'] },
    ],
    [
      'orders items',
      { items: named('a', 'b', 'c') },
      { '$setElementOrder/items': named('c', 'a'), items: [{ name: 'c', value: '1' }] },
      { items: [{ name: 'b' }, { name: 'c', value: '1' }, { name: 'a' }] },
    ],
    [
      'orders without other changes',
      { finalizers: ['a', 'b', 'c'] },
      { '$setElementOrder/finalizers': ['c', 'b'] },
      { finalizers: ['a', 'c', 'b'] },
    ],
    ['retains keys', { one: { a: '1' } }, { one: { $retainKeys: ['b'], b: '2' } }, { one: { b: '2' } }],
    [
      'goes down into items',
      { items: [{ name: 'a', nested: [{ id: 'x' }, { id: 'y' }] }] },
      { items: [{ name: 'a', nested: [{ id: 'x', $patch: 'delete' }] }] },
      { items: [{ name: 'a', nested: [{ id: 'y' }] }] },
    ],
    [
      'takes new lists without directives',
      {},
      { items: [{ name: 'a', $patch: 'delete' }, { name: 'b' }] },
      { items: named('b') },
    ],
    [
      'merges unknown objects and replaces unknown lists',
      { x: { a: 1, l: [1] } },
      { x: { b: 2, l: [2] } },
      { x: { a: 1, b: 2, l: [2] } },
    ],
  ])('%s', (_, before, patch, after) => {
    const [beforeCopy, patchCopy] = [structuredClone(before), structuredClone(patch)];
    expect(patched(before, patch)).toEqual(after);
    expect(before).toEqual(beforeCopy);
    expect(patch).toEqual(patchCopy);
  });

  it.each([
    [{ items: [{ value: 'x' }] }, 'does not contain declared merge key: name'],
    [{ map: { $patch: 'explode' } }, 'unknown patch type found: "explode"'],
    [{ one: { $retainKeys: ['a'], b: '2' } }, 'invalid patch format of retainKeys'],
    [{ '$setElementOrder/items': 'x' }, 'invalid patch format of setElementOrder list'],
    [{ '$deleteFromPrimitiveList/finalizers': 'x' }, 'invalid patch format of primitive list'],
    [[], 'invalid JSON document'],
  ])('refuses %j', (patch, message) => {
    const before = { items: named('a'), map: {}, one: { a: '1' }, finalizers: ['a'] };
    expect(() => patched(before, patch)).toThrow(message);
    expect(() => patched(before, patch)).toThrow(ApiError);
  });

  it('cannot reach a prototype', () => {
    const result = patched({}, JSON.parse('{"__proto__":{"polluted":true}}'));
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('patches a real Deployment as kubectl apply does', () => {
    const deploymentSchema = builtinSchema('apps/v1', 'Deployment');
    if (!deploymentSchema) throw new Error('there is no schema of Deployment');
    const containers = [
      {
        name: 'app',
        image: 'app:1',
        ports: [{ containerPort: 80, protocol: 'TCP' }],
        env: [{ name: 'A', value: '1' }],
      },
      { name: 'sidecar', image: 's:1' },
    ];
    const before = {
      spec: { strategy: { type: 'RollingUpdate', rollingUpdate: {} }, template: { spec: { containers } } },
    };
    const after = applyStrategicPatch(
      before,
      {
        spec: {
          strategy: { $retainKeys: ['type'], type: 'Recreate' },
          template: {
            spec: {
              '$setElementOrder/containers': [{ name: 'app' }],
              containers: [
                {
                  '$setElementOrder/env': [{ name: 'B' }, { name: 'A' }],
                  name: 'app',
                  image: 'app:2',
                  env: [{ name: 'B', value: '2' }],
                },
              ],
            },
          },
        },
      },
      deploymentSchema,
    );
    expect(after).toEqual({
      spec: {
        strategy: { type: 'Recreate' },
        template: {
          spec: {
            containers: [
              {
                name: 'app',
                image: 'app:2',
                ports: [{ containerPort: 80, protocol: 'TCP' }],
                env: [
                  { name: 'B', value: '2' },
                  { name: 'A', value: '1' },
                ],
              },
              { name: 'sidecar', image: 's:1' },
            ],
          },
        },
      },
    });
  });

  const names = fc.uniqueArray(fc.constantFrom<string>('a', 'b', 'c', 'd', 'e'));

  it('puts ordered items in that order, keeps the others, and is idempotent', () => {
    fc.assert(
      fc.property(names, names, (before, wanted) => {
        const patch = { '$setElementOrder/items': named(...wanted), items: named(...wanted) };
        const once = patched({ items: named(...before) }, patch) as { items: { name: string }[] };
        const result = once.items.map(({ name }) => name);
        expect(result.filter((name) => wanted.includes(name))).toEqual(wanted);
        expect(result.filter((name) => !wanted.includes(name))).toEqual(
          before.filter((name) => !wanted.includes(name)),
        );
        expect(patched(once, patch)).toEqual(once);
      }),
    );
  });

  it('takes time in proportion to its lists', () => {
    const items = Array.from({ length: 20_000 }, (_, i) => ({ name: `n${i}` }));
    const start = performance.now();
    patched({ items }, { '$setElementOrder/items': items, items: items.map((one) => ({ ...one, value: 'x' })) });
    expect(performance.now() - start).toBeLessThan(3000);
  });
});
