import fc from 'fast-check';
import { expect, test } from 'vitest';
import { splitExpressions } from './expressions.ts';
import { levelsOf } from './graph.ts';
import { pluralOf } from './names.ts';
import { sameWhere } from './same-where.ts';

const graph = fc.array(fc.array(fc.nat(30), { maxLength: 4 }), { maxLength: 30 });

test('every id comes after all that it depends on, exactly once', () => {
  fc.assert(
    fc.property(graph, (edges) => {
      // An edge to an earlier id only: no cycles.
      const dependencies = new Map(
        edges.map((on, at) => [`n${at}`, new Set(on.filter((to) => to < at).map((to) => `n${to}`))]),
      );
      const levels = levelsOf(dependencies);
      const levelOf = new Map(levels.flatMap((ids, level) => ids.map((id) => [id, level] as const)));
      expect(levels.flat().toSorted()).toEqual([...dependencies.keys()].toSorted());
      for (const [id, on] of dependencies) {
        for (const other of on) expect(levelOf.get(other) ?? 0).toBeLessThan(levelOf.get(id) ?? 0);
      }
    }),
  );
});

test('any cycle is found and named', () => {
  fc.assert(
    fc.property(graph, fc.integer({ min: 2, max: 6 }), (edges, size) => {
      const dependencies = new Map(
        edges.map((on, at) => [`n${at}`, new Set(on.filter((to) => to < at).map((to) => `n${to}`))]),
      );
      for (let at = 0; at < size; at++) dependencies.set(`c${at}`, new Set([`c${(at + 1) % size}`]));
      expect(() => levelsOf(dependencies)).toThrow(/c\d → .*c\d/);
    }),
  );
});

test('an expression may hold braces and quotes', () => {
  expect(splitExpressions('a-${ {"x": "}"}["x"] + \'${\' }-b')).toEqual([
    { text: 'a-' },
    { expression: '{"x": "}"}["x"] + \'${\'' },
    { text: '-b' },
  ]);
  expect(splitExpressions('${"""}"""}${r"\\"}')).toEqual([{ expression: '"""}"""' }, { expression: 'r"\\"' }]);
  expect(() => splitExpressions('${a')).toThrow('not closed');
  expect(() => splitExpressions('${a ${b}}')).toThrow('cannot hold another');
  expect(() => splitExpressions('${ }')).toThrow('empty');
});

test('plurals', () => {
  const kinds = ['Application', 'Proxy', 'Gateway', 'Ingress', 'Batch', 'Box', 'Policy'];
  expect(kinds.map(pluralOf)).toEqual([
    'applications',
    'proxies',
    'gateways',
    'ingresses',
    'batches',
    'boxes',
    'policies',
  ]);
});

test('objects are compared only where something is desired', () => {
  const desired = { spec: { replicas: 2, containers: [{ name: 'a' }] } };
  const before = { spec: { replicas: 2, containers: [{ name: 'a', image: 'x' }], paused: false }, status: {} };
  expect(sameWhere(desired, before, { ...before, status: { ready: 1 } })).toBe(true);
  expect(sameWhere(desired, before, { spec: { ...before.spec, paused: true } })).toBe(true);
  expect(sameWhere(desired, before, { spec: { ...before.spec, replicas: 3 } })).toBe(false);
  expect(sameWhere(desired, before, { spec: { ...before.spec, containers: [{ name: 'a', image: 'y' }] } })).toBe(false);
});
