import { describe, expect, test } from 'vitest';
import { type KubeObject, type Schema, validateSchema } from '../../machinery/index.ts';
import { crdStrategy } from './index.ts';

// What kube-apiserver 1.34 answers, to the letter.

const text: Schema = { type: 'string' };
const short: Schema = { type: 'string', maxLength: 20 };
const whole: Schema = { type: 'integer' };
const properties: Record<string, Schema> = {
  a: text,
  b: short,
  i: whole,
  n: { type: 'number' },
  bo: { type: 'boolean' },
  l: { type: 'array', items: text },
  lb: { type: 'array', maxItems: 10, items: short },
  li: { type: 'array', maxItems: 5, items: whole },
  m: { type: 'object', additionalProperties: short },
  mb: { type: 'object', maxProperties: 5, additionalProperties: short },
  ios: { 'x-kubernetes-int-or-string': true },
  dt: { type: 'string', format: 'date-time' },
  du: { type: 'string', format: 'duration' },
  by: { type: 'string', format: 'byte' },
  da: { type: 'string', format: 'date' },
  o: { type: 'object', properties: { x: whole, namespace: text, 'a-b': text, 'a.b': text } },
  pu: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  lo: {
    type: 'array',
    items: { type: 'object', properties: { k: text, v: whole }, required: ['k'] },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['k'],
  },
  set: { type: 'array', items: text, 'x-kubernetes-list-type': 'set', maxItems: 100 },
  er: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
  un: { 'x-kubernetes-preserve-unknown-fields': true },
};

function definition(schema: Schema): KubeObject {
  const object: KubeObject = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'foos.crd.example.com' },
    spec: {
      group: 'crd.example.com',
      scope: 'Namespaced',
      names: { plural: 'foos', kind: 'Foo' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  };
  crdStrategy.applyDefaults?.(object);
  return object;
}

const causesOf = (schema: Schema, old?: KubeObject) => crdStrategy.validate?.(definition(schema), old) ?? [];

const withRules = (...rules: Record<string, unknown>[]): Schema => ({
  type: 'object',
  properties: { spec: { type: 'object', properties, 'x-kubernetes-validations': rules as never } },
});

/** The errors of one rule on `spec`, without the rule itself. */
const errorsOf = (rule: string) =>
  causesOf(withRules({ rule })).map(({ message = '' }) => message.replace(/^Invalid value: \{.*?\}: /s, ''));

const at = (column: number, problem: string) => `ERROR: <input>:1:${column}: ${problem}`;

describe('a rule is typed against its schema', () => {
  test.each([
    'self.n == 1.0 && self.bo',
    'self.i > 0.5 && self.a.size() < self.i',
    'type(self.ios) == int ? self.ios > 1 : self.ios.matches("a")',
    'self.dt < timestamp("2020-01-01T00:00:00Z") && self.du > duration("1h") && self.da.getFullYear() > 2000',
    'self.by == b"abc"',
    'self.o.__namespace__ == "x" && self.o.a__dash__b == "" && self.o.a__dot__b == ""',
    'self.er.kind == "a" && self.er.metadata.name == "x"',
    'self.lo.exists_one(x, x.k == "a") && self.lo.map(x, x.v).sum() > 3',
    'self.set == ["a", "b"] && self.set + ["a"] == self.set',
    'self.?a.orValue("") == "" && [?self.?a][0] == "a" && {?"a": self.?a}.size() == 1',
    'self.o == oldSelf.o || self == oldSelf',
    'self.o == null',
    'self.lb.all(i, v, v == "" && i > 0) && self.mb.transformMap(k, v, v + "a").size() > 1',
    'isIP(self.a) && ip(self.a).family() == 4 && cidr(self.a).containsIP("1.2.3.4")',
    'quantity(self.a).isGreaterThan(quantity("1")) && semver(self.a).major() > 1',
    'format.dns1123Label().validate(self.b).hasValue() && sets.contains(self.lb, ["a"])',
    'self.b.findAll("a+").size() > 1 && "%s".format([self.a]) == strings.quote(self.a)',
    '"%s %d".format([self.a, self.i]) == ""',
    'self.l.first().hasValue() && optional.ofNonZeroValue(1).hasValue()',
  ])('%s', (rule) => {
    expect(errorsOf(rule)).toEqual([]);
  });

  test.each<[string, string]>([
    ['self.foo', at(5, "undefined field 'foo'")],
    ['has(self.zzz)', at(4, "undefined field 'zzz'")],
    ['self.pu.foo == 1', at(8, "undefined field 'foo'")],
    ['self.un == 1', at(5, "undefined field 'un'")],
    ['self.metadata.name == "a"', at(5, "undefined field 'metadata'")],
    ['self.n == 1', at(8, "found no matching overload for '_==_' applied to '(double, int)'")],
    ['self.a.startsWith(1)', at(18, "found no matching overload for 'startsWith' applied to 'string.(int)'")],
    ['self.a + 1 == 2', at(8, "found no matching overload for '_+_' applied to '(string, int)'")],
    ['!self.a', at(1, "found no matching overload for '!_' applied to '(string)'")],
    ['self.a == "x" && self.i', at(22, "expected type 'bool' but found 'int'")],
    ['self.i == null', at(8, "found no matching overload for '_==_' applied to '(int, null)'")],
    ['[1, "a"].size() == 2', at(5, "expected type 'int' but found 'string'")],
    ['self.a.foo == 1', at(7, "type 'string' does not support field selection")],
    [
      'self.i.all(x, x)',
      at(5, "expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)"),
    ],
    ['foo(self.a)', at(4, "undeclared reference to 'foo' (in container '')")],
    ['x', at(1, "undeclared reference to 'x' (in container '')")],
    ['self.l.distinct() == []', at(16, "undeclared reference to 'distinct' (in container '')")],
    ['self.a.matches("^(a+$")', at(16, 'invalid matches argument')],
    ['duration("abc") == self.du', at(10, 'invalid duration argument')],
    ['for == 1', at(1, 'reserved identifier: for')],
  ])('%s is refused', (rule, problem) => {
    const [error = ''] = errorsOf(rule);
    expect(error).toContain(`compilation failed: ${problem}`);
  });

  test('a rule must give a bool, a message a string', () => {
    const causes = causesOf(withRules({ rule: 'self.a' }, { rule: 'true', messageExpression: 'self.i' }));
    expect(causes.map(({ message = '' }) => message.replace(/^.*?\}: /s, ''))).toEqual([
      'cel expression must evaluate to a bool',
      'messageExpression must evaluate to a string',
    ]);
  });

  test('the error shows the rule and where it is', () => {
    expect(causesOf(withRules({ rule: 'self.zz < 1' }))).toEqual([
      {
        reason: 'FieldValueInvalid',
        field: 'spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule',
        message:
          'Invalid value: {"Rule":"self.zz \\u003c 1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"",' +
          `"OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:5: undefined field 'zz'\n | self.zz < 1\n | ....^`,
      },
    ]);
  });
});

describe('a rule has a price', () => {
  const exceeds = (what: string, factor: string) =>
    `Forbidden: ${what} exceeds budget by factor of ${factor} (try simplifying the rule, or adding maxItems, maxProperties, ` +
    'and maxLength where arrays, maps, and strings are declared)';
  const total = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
  const contributed =
    'Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';

  test.each<[string, string[]]>([
    ['self.lb.all(x, self.lb.exists(y, x == y))', []],
    ['self.l.all(x, x != "")', []],
    [
      'self.l.all(x, self.l.exists(y, x == y))',
      [exceeds('estimated rule cost', 'more than 100x'), contributed, exceeds(total, 'more than 100x')],
    ],
    ['format.dns1123Label().validate(self.a).hasValue()', [exceeds('estimated rule cost', '1.006634x')]],
  ])('%s', (rule, expected) => {
    expect(errorsOf(rule)).toEqual(expected);
  });

  test('of a rule and its message, by the limits of the schema', () => {
    const list: Schema = { type: 'array', maxItems: 1000, items: text };
    const rules = [{ rule: 'self.a.all(x, x.matches("abc.*"))', messageExpression: 'self.a.join(",")' }];
    const spec: Schema = { type: 'object', properties: { a: list }, 'x-kubernetes-validations': rules };
    expect(causesOf({ type: 'object', properties: { spec } }).map(({ message }) => message)).toEqual([
      exceeds('estimated rule cost', '62.9x'),
      exceeds('estimated messageExpression cost', '31.5x'),
      contributed,
      contributed,
      exceeds(total, '9.4x'),
    ]);
  });

  test('a rule that was accepted before stays accepted, until it changes', () => {
    const dear = withRules({ rule: 'self.l.all(x, self.l.exists(y, x == y))' });
    expect(causesOf(dear, definition(dear))).toEqual([]);
    expect(causesOf(dear, definition({ type: 'object' }))).toHaveLength(3);
  });
});

test('oldSelf needs a place that can be found again', () => {
  const item = (type?: 'map'): Schema => ({
    type: 'object',
    properties: {
      list: {
        type: 'array',
        maxItems: 5,
        ...(type ? { 'x-kubernetes-list-type': type, 'x-kubernetes-list-map-keys': ['k'] } : {}),
        items: {
          type: 'object',
          required: ['k'],
          properties: { k: short },
          'x-kubernetes-validations': [{ rule: 'self.k == oldSelf.k' }],
        },
      },
    },
  });
  expect(causesOf(item('map'))).toEqual([]);
  expect(causesOf(item()).map(({ message }) => message)).toEqual([
    'Invalid value: "self.k == oldSelf.k": oldSelf cannot be used on the uncorrelatable portion of the schema within ' +
      'spec.validation.openAPIV3Schema.properties[list]',
  ]);
  expect(causesOf(withRules({ rule: 'true', optionalOldSelf: true })).map(({ message }) => message)).toEqual([
    'Invalid value: true: may not be set if oldSelf is not used in rule',
  ]);
});

describe('values', () => {
  const spec = (rule: Record<string, unknown>): Schema => ({
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: { ...properties, li: { type: 'array', items: whole } },
        'x-kubernetes-validations': [rule] as never,
      },
    },
  });
  const check = (rule: Record<string, unknown>, value: unknown, old?: unknown) =>
    validateSchema({ spec: value }, spec(rule), old === undefined ? {} : { old: { spec: old } }).map(
      ({ field, message, reason }) => `${field} ${reason} ${message}`,
    );

  test.each<[Record<string, unknown>, unknown, string[]]>([
    [{ rule: 'self.i > 1' }, { i: 1 }, ['spec FieldValueInvalid Invalid value: "object": failed rule: self.i > 1']],
    [{ rule: 'self.n == 2.0' }, { n: 2 }, []],
    [{ rule: 'self.set == ["b", "a"]' }, { set: ['a', 'b'] }, []],
    [{ rule: 'self.dt < timestamp("2022-01-01T00:00:00Z")' }, { dt: '2021-01-01T00:00:00Z' }, []],
    [
      { rule: 'self.i > 1', message: 'too small', reason: 'FieldValueForbidden', fieldPath: '.i' },
      { i: 1 },
      ['spec.i FieldValueForbidden Forbidden: too small'],
    ],
    [
      { rule: 'false', messageExpression: '"a is " + self.a', fieldPath: '.o.x' },
      { a: 'b' },
      ['spec.o.x FieldValueInvalid Invalid value: "object": a is b'],
    ],
    [
      { rule: 'self.i / 0 == 1' },
      { i: 1 },
      ['spec FieldValueInvalid Invalid value: "object": division by zero evaluating rule: self.i / 0 == 1'],
    ],
    [
      { rule: 'self.a == "x"' },
      {},
      ['spec FieldValueInvalid Invalid value: "object": no such key: a evaluating rule: self.a == "x"'],
    ],
    [
      { rule: 'self.l[5] == "a"' },
      { l: [] },
      ['spec FieldValueInvalid Invalid value: "object": index out of bounds: 5 evaluating rule: self.l[5] == "a"'],
    ],
    [
      { rule: 'self.ios > 3' },
      { ios: 'x' },
      [
        'spec FieldValueInvalid Invalid value: "object": \'no such overload\': call arguments did not match a supported ' +
          'operator, function or macro signature for rule: self.ios > 3',
      ],
    ],
    [
      { rule: 'self.li.all(x, self.li.all(y, self.li.all(z, x + y + z > -1)))' },
      { li: Array.from({ length: 100 }, (_, i) => i) },
      [expect.stringContaining('no further validation rules will be run due to call cost exceeds limit for rule')],
    ],
  ])('%j on %j', (rule, value, expected) => {
    expect(check(rule, value)).toEqual(expected);
  });

  test('a rule with oldSelf is of updates only, unless its oldSelf is optional', () => {
    const grows = { rule: 'self.i >= oldSelf.i', message: 'i grows' };
    expect(check(grows, { i: 1 })).toEqual([]);
    expect(check(grows, { i: 1 }, { i: 2 })).toEqual(['spec FieldValueInvalid Invalid value: "object": i grows']);
    const first = { rule: 'oldSelf.hasValue() || self.i == 1', optionalOldSelf: true, message: 'begins with 1' };
    expect(check(first, { i: 2 })).toEqual(['spec FieldValueInvalid Invalid value: "object": begins with 1']);
    expect(check(first, { i: 2 }, { i: 1 })).toEqual([]);
  });

  test('what a newer rule forbids may stay as it is', () => {
    const rule = { rule: 'self.i > 5', message: 'more' };
    expect(check(rule, { i: 1 }, { i: 1 })).toEqual([]);
    expect(check(rule, { i: 2 }, { i: 1 })).toEqual(['spec FieldValueInvalid Invalid value: "object": more']);
  });

  test('rules wait for a value of the right types', () => {
    expect(check({ rule: 'self.i > 5' }, { i: 'x' })).toEqual([
      'spec.i FieldValueTypeInvalid Invalid value: "string": spec.i in body must be of type integer: "string"',
      '<nil> FieldValueInvalid Invalid value: null: some validation rules were not checked because the object was invalid; ' +
        'correct the existing errors to complete validation',
    ]);
  });
});

test.each<[Record<string, unknown>, string[]]>([
  [
    { strategy: 'Webhook' },
    [
      'spec.conversion.webhookClientConfig Required value: required when strategy is set to Webhook',
      'spec.conversion.conversionReviewVersions Required value',
    ],
  ],
  [
    {
      strategy: 'Webhook',
      webhook: { conversionReviewVersions: ['v2'], clientConfig: { url: 'http://u:p@x/?a#b' } },
    },
    [
      `spec.conversion.webhookClientConfig.url Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
      'spec.conversion.webhookClientConfig.url Invalid value: "u:p": user information is not permitted in the URL',
      'spec.conversion.webhookClientConfig.url Invalid value: "b": fragments are not permitted in the URL',
      'spec.conversion.webhookClientConfig.url Invalid value: "a": query parameters are not permitted in the URL',
      'spec.conversion.conversionReviewVersions Invalid value: ["v2"]: must include at least one of v1, v1beta1',
    ],
  ],
  [
    { strategy: 'Webhook', webhook: { conversionReviewVersions: ['v1', 'v1'], clientConfig: {} } },
    [
      'spec.conversion.webhookClientConfig Required value: exactly one of url or service is required',
      'spec.conversion.conversionReviewVersions[1] Invalid value: "v1": duplicate version',
    ],
  ],
  [
    {
      strategy: 'Webhook',
      webhook: {
        conversionReviewVersions: ['v1'],
        clientConfig: { service: { name: 'a', namespace: 'b', port: -1, path: 'x//y' } },
      },
    },
    [
      'spec.conversion.webhookClientConfig.service.port Invalid value: -1: port is not valid: must be between 1 and 65535, inclusive',
      `spec.conversion.webhookClientConfig.service.path Invalid value: "x//y": must start with a '/'`,
      'spec.conversion.webhookClientConfig.service.path Invalid value: "x//y": segment[0] may not be empty',
      'spec.conversion.webhookClientConfig.service.path Invalid value: "x//y": segment[1] may not be empty',
    ],
  ],
  [
    { strategy: 'None', webhook: { conversionReviewVersions: ['v1'], clientConfig: { url: 'https://x' } } },
    [
      'spec.conversion.webhookClientConfig Forbidden: should not be set when strategy is not set to Webhook',
      'spec.conversion.conversionReviewVersions Forbidden: should not be set when strategy is not set to Webhook',
    ],
  ],
  [{ strategy: 'Foo' }, ['spec.conversion.strategy Unsupported value: "Foo": supported values: "None", "Webhook"']],
])('conversion %j', (conversion, expected) => {
  const object = definition({ type: 'object' });
  if (object.spec) object.spec['conversion'] = conversion;
  const errors = crdStrategy.validate?.(object, undefined) ?? [];
  expect(errors.map(({ field, message }) => `${field} ${message}`)).toEqual(expected);
});
