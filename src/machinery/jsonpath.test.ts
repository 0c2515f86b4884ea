import { describe, expect, it } from 'vitest';
import { compileJsonPath, JsonPathError } from './index.ts';

const object = {
  metadata: { name: 'a', annotations: { 'example.com/x': 'y' } },
  spec: { list: [{ n: 1 }, { n: 2 }, { n: 3 }], deep: { n: 4 } },
  status: {
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Synced', status: 'False', reason: "it's" },
    ],
  },
};

describe('compileJsonPath', () => {
  it.each<[string, unknown[]]>([
    ['.metadata.name', ['a']],
    ['{.metadata.name}', ['a']],
    ['$.metadata.name', ['a']],
    ['.', [object]],
    ['.spec.missing.deeper', []],
    [".metadata.annotations['example.com/x']", ['y']],
    ['.metadata.annotations.example\\.com/x', ['y']],
    ['.spec.list[0].n', [1]],
    ['.spec.list[-1].n', [3]],
    ['.spec.list[7].n', []],
    ['.spec.list[1:].n', [2, 3]],
    ['.spec.list[:-1].n', [1, 2]],
    ['.spec.list[::2].n', [1, 3]],
    ['.spec.list[*].n', [1, 2, 3]],
    ['.spec.list[0,2].n', [1, 3]],
    ['.spec..n', [1, 2, 3, 4]],
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    [".status.conditions[?(@.type == 'Synced')].status", ['False']],
    ['.status.conditions[?(@.reason)].type', ['Synced']],
    ['.spec.list[?(@.n>1)].n', [2, 3]],
    ['.spec.list[?(@.n!=2)].n', [1, 3]],
    ['.spec.constructor', []],
  ])('%s', (path, expected) => {
    expect(compileJsonPath(path)(object)).toEqual(expected);
  });

  it.each(['.a[', '.a[x]', '.a..', '.a[?(b)]', `.${'a'.repeat(5000)}`])('refuses %s', (path) => {
    expect(() => compileJsonPath(path)).toThrow(JsonPathError);
  });

  it('bounds what a descent over a large object gives', () => {
    let deep: object = {};
    for (let i = 0; i < 50_000; i++) deep = { a: deep };
    expect(compileJsonPath('..a..a')(deep).length).toBeLessThanOrEqual(100_000);
  });
});
