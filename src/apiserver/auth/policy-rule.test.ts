import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RequestInfo } from '../contracts.ts';
import { missingPermissions, type PolicyRule, ruleAllows } from './policy-rule.ts';

const some = (...values: string[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 });

const resourceRule: fc.Arbitrary<PolicyRule> = fc.record({
  verbs: some('get', 'list', '*'),
  apiGroups: some('', 'apps', '*'),
  resources: some('pods', 'nodes', 'pods/log', '*/log', '*'),
  resourceNames: fc.oneof(fc.constant([]), some('a', 'b', '')),
});
const pathRule: fc.Arbitrary<PolicyRule> = fc.record({
  verbs: some('get', '*'),
  nonResourceURLs: some('/', '/a', '/a/*', '/a*', '/b', '*'),
});
const rules = fc.array(fc.oneof(resourceRule, pathRule), { maxLength: 4 });

const resourceRequest: fc.Arbitrary<RequestInfo> = fc.record({
  verb: fc.constantFrom('get', 'list', 'delete'),
  path: fc.constant(''),
  isResource: fc.constant(true),
  group: fc.constantFrom('', 'apps', 'batch'),
  version: fc.constant('v1'),
  resource: fc.constantFrom('pods', 'nodes', 'jobs'),
  subresource: fc.constantFrom('', 'log', 'status'),
  namespace: fc.constant('team'),
  name: fc.constantFrom('', 'a', 'b', 'c'),
});
const pathRequest: fc.Arbitrary<RequestInfo> = fc
  .tuple(fc.constantFrom('get', 'post'), fc.constantFrom('/', '/a', '/a/b', '/ab', '/b', '/c'))
  .map(([verb, path]) => ({
    ...{ verb, path, isResource: false, group: '', version: '', resource: '', subresource: '' },
    ...{ namespace: '', name: '' },
  }));

const allows = (all: readonly PolicyRule[], request: RequestInfo) => all.some((rule) => ruleAllows(rule, request));

describe('missingPermissions', () => {
  it('misses nothing: whoever may grant rules may do all that the rules allow', () => {
    const request = fc.oneof(resourceRequest, pathRequest);
    fc.assert(
      fc.property(rules, rules, fc.array(request, { minLength: 20, maxLength: 20 }), (held, wanted, requests) => {
        if (missingPermissions(held, wanted)?.length !== 0) return;
        for (const each of requests) if (allows(wanted, each)) expect(allows(held, each)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('lets everyone grant what they have, and administrators anything', () => {
    const everything: PolicyRule[] = [
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['*'], nonResourceURLs: ['*'] },
    ];
    fc.assert(
      fc.property(rules, rules, (own, other) => {
        expect(missingPermissions([...other, ...own], own)).toEqual([]);
        expect(missingPermissions(everything, own)).toEqual([]);
      }),
    );
  });
});
