import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applySchemaDefaults,
  checkStructural,
  pruneUnknown,
  type Schema,
  strictDecodingError,
  validateSchema,
} from './index.ts';

const texts = (value: unknown, schema: Schema, old?: unknown) =>
  validateSchema(value, schema, { old }).map((cause) => `${cause.field}: ${cause.message}`);

const inSpec = (properties: Record<string, Schema>, more: Partial<Schema> = {}): Schema => ({
  type: 'object',
  properties: { spec: { type: 'object', properties, ...more } },
});

describe('validateSchema', () => {
  it.each<[string, Schema, unknown, string[]]>([
    [
      'type',
      { type: 'integer' },
      'two',
      ['spec.a: Invalid value: "string": spec.a in body must be of type integer: "string"'],
    ],
    [
      'null',
      { type: 'string' },
      null,
      ['spec.a: Invalid value: "null": spec.a in body must be of type string: "null"'],
    ],
    ['nullable', { type: 'string', nullable: true }, null, []],
    ['whole floats', { type: 'integer' }, 2.0, []],
    ['integers as numbers', { type: 'number' }, 2, []],
    [
      'minimum',
      { type: 'integer', minimum: 1 },
      0,
      ['spec.a: Invalid value: 0: spec.a in body should be greater than or equal to 1'],
    ],
    [
      'maximum',
      { type: 'integer', maximum: 5, exclusiveMaximum: true },
      5,
      ['spec.a: Invalid value: 5: spec.a in body should be less than 5'],
    ],
    [
      'multipleOf',
      { type: 'number', multipleOf: 0.1 },
      0.35,
      ['spec.a: Invalid value: 0.35: spec.a in body should be a multiple of 0.1'],
    ],
    ['enum', { type: 'string', enum: ['a', 'b'] }, 'x', ['spec.a: Unsupported value: "x": supported values: "a", "b"']],
    [
      'minLength',
      { type: 'string', minLength: 1 },
      '',
      ['spec.a: Invalid value: "": spec.a in body should be at least 1 chars long'],
    ],
    ['maxLength', { type: 'string', maxLength: 2 }, 'abc', ['spec.a: Too long: may not be more than 2 bytes']],
    ['length in code points', { type: 'string', maxLength: 2 }, '😀😀', []],
    [
      'pattern',
      { type: 'string', pattern: '^[a-z]+$' },
      'ABC',
      ['spec.a: Invalid value: "ABC": spec.a in body should match \'^[a-z]+$\''],
    ],
    [
      'format',
      { type: 'string', format: 'date' },
      '2024-02-30',
      ['spec.a: Invalid value: "2024-02-30": spec.a in body must be of type date: "2024-02-30"'],
    ],
    ['unknown format', { type: 'string', format: 'my-own' }, 'x', []],
    [
      'int or string',
      { 'x-kubernetes-int-or-string': true },
      true,
      ['spec.a: Invalid value: "boolean": spec.a in body must be of type integer,string: "boolean"'],
    ],
    [
      'minItems',
      { type: 'array', minItems: 1, items: { type: 'string' } },
      [],
      ['spec.a: Invalid value: 0: spec.a in body should have at least 1 items'],
    ],
    [
      'maxItems',
      { type: 'array', maxItems: 1, items: { type: 'string' } },
      ['a', 'b'],
      ['spec.a: Too many: 2: must have at most 1 item'],
    ],
    [
      'items',
      { type: 'array', items: { type: 'string' } },
      ['a', 1],
      ['spec.a[1]: Invalid value: "integer": spec.a[1] in body must be of type string: "integer"'],
    ],
    [
      'map values',
      { type: 'object', additionalProperties: { type: 'string' } },
      { k: 1 },
      ['spec.a.k: Invalid value: "integer": spec.a.k in body must be of type string: "integer"'],
    ],
    [
      'required',
      { type: 'object', required: ['b'], properties: { b: { type: 'string' } } },
      {},
      ['spec.a.b: Required value'],
    ],
    [
      'sets',
      { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
      ['x', 'y', 'x', 'x'],
      ['spec.a[2]: Duplicate value: "x"'],
    ],
    [
      'maps',
      {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: { type: 'object', properties: { name: { type: 'string' } } },
      },
      [{ name: 'a' }, { name: 'a', v: 1 }],
      ['spec.a[1]: Duplicate value: {"name":"a"}'],
    ],
    [
      'anyOf',
      { anyOf: [{ type: 'integer', minimum: 5 }, { type: 'string' }] },
      1,
      [
        '<nil>: Invalid value: "": "spec.a" must validate at least one schema (anyOf)',
        'spec.a: Invalid value: 1: spec.a in body should be greater than or equal to 5',
      ],
    ],
    [
      'oneOf',
      { type: 'integer', oneOf: [{ minimum: 1 }, { minimum: 2 }] },
      3,
      ['<nil>: Invalid value: "": "spec.a" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
    ],
    [
      'not',
      { type: 'integer', not: { minimum: 5 } },
      7,
      ['<nil>: Invalid value: "": "spec.a" must not validate the schema (not)'],
    ],
    [
      'embedded resources',
      { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
      { kind: 'No Kind', metadata: {} },
      [
        'spec.a.apiVersion: Required value',
        expect.stringMatching(
          /^spec\.a\.kind: Invalid value: "No Kind": may have mixed case, but should otherwise match/,
        ),
      ] as unknown as string[],
    ],
  ])('words a wrong %s as kube-apiserver does', (_name, schema, value, expected) => {
    expect(texts({ spec: { a: value } }, inSpec({ a: schema }))).toEqual(expected);
  });

  it('names a required field of the root without a leading dot', () => {
    expect(texts({}, { type: 'object', required: ['spec'] })).toEqual(['spec: Required value']);
  });

  it('does not hold a newer rule against a part that did not change', () => {
    const schema = inSpec({ a: { type: 'string', maxLength: 1 }, b: { type: 'string', maxLength: 1 } });
    const old = { spec: { a: 'too long', b: 'x' } };
    expect(texts({ spec: { a: 'too long', b: 'y' } }, schema, old)).toEqual([]);
    expect(texts({ spec: { a: 'longer still', b: 'y' } }, schema, old)).toHaveLength(1);
  });

  it('ends on recursive schemas and is not fooled by inherited names', () => {
    const node: Schema = { type: 'object', properties: {} };
    node.properties = { next: node, value: { type: 'integer' } };
    expect(texts({ next: { next: { value: 'x' } } }, node)).toHaveLength(1);
    const hostile = JSON.parse('{"constructor": 1, "__proto__": {"value": "x"}}');
    expect(texts(hostile, node)).toEqual([]);
  });

  it('runs a hostile pattern in linear time', () => {
    const schema = inSpec({ a: { type: 'string', pattern: '^(a+)+$' } });
    expect(texts({ spec: { a: `${'a'.repeat(20_000)}!` } }, schema)).toHaveLength(1);
  });
});

describe('pruneUnknown', () => {
  const schema = inSpec({
    list: { type: 'array', items: { type: 'object', properties: { a: { type: 'string' } } } },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { known: { type: 'object' } } },
    labels: { type: 'object', additionalProperties: { type: 'object', properties: { v: { type: 'string' } } } },
  });

  it('drops what the schema does not know and says where it was', () => {
    const object = {
      apiVersion: 'a/v1',
      kind: 'A',
      metadata: { name: 'x', anything: 1 },
      extra: 1,
      spec: {
        list: [{ a: '1' }, { a: '2', b: '3' }],
        free: { x: 1, known: { y: 1 } },
        labels: { k: { v: '1', w: 2 } },
      },
    };
    const copy = structuredClone(object);
    const pruned = pruneUnknown(object, schema);
    expect(object).toEqual(copy);
    expect(pruned.removed).toEqual(['extra', 'spec.free.known.y', 'spec.labels.k.w', 'spec.list[1].b']);
    expect(pruned.object).toEqual({
      apiVersion: 'a/v1',
      kind: 'A',
      metadata: { name: 'x', anything: 1 },
      spec: { list: [{ a: '1' }, { a: '2' }], free: { x: 1, known: {} }, labels: { k: { v: '1' } } },
    });
  });

  it('gives back the same object when nothing is unknown, and so is idempotent', () => {
    fc.assert(
      fc.property(fc.object({ maxDepth: 3 }), (fields) => {
        const once = pruneUnknown({ spec: fields }, schema);
        expect(pruneUnknown(once.object, schema).object).toBe(once.object);
      }),
    );
  });

  it('words strict validation as kube-apiserver does', () => {
    expect(strictDecodingError('App', 'v1', ['unknown field "spec.a"', 'unknown field "spec.b"']).message).toBe(
      'App in version "v1" cannot be handled as a App: strict decoding error: unknown field "spec.a", unknown field "spec.b"',
    );
  });
});

describe('applySchemaDefaults', () => {
  const schema = inSpec({
    replicas: { type: 'integer', default: 2 },
    ingress: {
      type: 'object',
      default: {},
      properties: { enabled: { type: 'boolean', default: false }, host: { type: 'string', default: 'h' } },
    },
    db: { type: 'object', properties: { size: { type: 'string', default: '1Gi' } } },
    list: { type: 'array', items: { type: 'object', properties: { p: { type: 'string', default: 'TCP' } } } },
    maybe: { type: 'string', nullable: true, default: 'x' },
  });

  it('fills in nested defaults, but creates nothing under a missing parent', () => {
    expect(applySchemaDefaults({ spec: { list: [{}, { p: 'UDP' }], maybe: null } }, schema)).toEqual({
      spec: {
        replicas: 2,
        ingress: { enabled: false, host: 'h' },
        list: [{ p: 'TCP' }, { p: 'UDP' }],
        maybe: null,
      },
    });
    expect(applySchemaDefaults({}, schema)).toEqual({});
  });

  it('replaces a null that is not allowed, or drops it when there is no default', () => {
    expect(applySchemaDefaults({ spec: { replicas: null, db: null, ingress: { host: null } } }, schema)).toEqual({
      spec: { replicas: 2, ingress: { enabled: false, host: 'h' }, maybe: 'x' },
    });
  });

  it('leaves its input alone and is idempotent', () => {
    fc.assert(
      fc.property(fc.object({ maxDepth: 2 }), (fields) => {
        const once = applySchemaDefaults({ spec: fields }, schema);
        expect(applySchemaDefaults(once, schema)).toBe(once);
      }),
    );
    const first = applySchemaDefaults({ spec: {} }, schema) as { spec: { ingress: object } };
    const second = applySchemaDefaults({ spec: {} }, schema) as { spec: { ingress: object } };
    expect(first.spec.ingress).not.toBe(second.spec.ingress);
  });
});

describe('checkStructural', () => {
  const errorsOf = (schema: Schema) =>
    checkStructural(schema, 'schema').map((cause) => `${cause.field}: ${cause.message}`);

  it('accepts a structural schema', () => {
    const port: Schema = { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] };
    expect(errorsOf(inSpec({ port }, { anyOf: [{ required: ['port'] }] }))).toEqual([]);
  });

  it.each<[string, Schema, string[]]>([
    ['no type', {}, ['schema.type: Required value: must not be empty at the root']],
    [
      'an untyped field',
      inSpec({ a: {} }),
      ['schema.properties[spec].properties[a].type: Required value: must not be empty for specified object fields'],
    ],
    [
      'a list without items',
      inSpec({ a: { type: 'array' } }),
      ['schema.properties[spec].properties[a].items: Required value: must be specified'],
    ],
    [
      'types in junctors',
      inSpec({ a: { type: 'string', anyOf: [{ type: 'string' }] } }),
      ['schema.properties[spec].properties[a].anyOf[0].type: Forbidden: must be empty to be structural'],
    ],
    [
      'fields only in junctors',
      { type: 'object', anyOf: [{ properties: { a: {} } }] },
      ['schema.properties[a]: Required value: because it is defined in schema.anyOf[0].properties[a]'],
    ],
    [
      'metadata',
      { type: 'object', properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } } },
      [
        'schema.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified',
      ],
    ],
    [
      'a bad pattern',
      inSpec({ a: { type: 'string', pattern: '(' } }),
      [
        'schema.properties[spec].properties[a].pattern: Invalid value: "(": must be a valid regular expression, but isn\'t: error parsing regexp: missing closing ): `(`',
      ],
    ],
  ])('refuses %s', (_name, schema, expected) => {
    expect(errorsOf(schema)).toEqual(expected);
  });
});

describe('x-kubernetes-validations', () => {
  const schema = inSpec(
    { min: { type: 'integer' }, max: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self >= oldSelf' }] } },
    {
      'x-kubernetes-validations': [
        { rule: 'self.min <= self.max', message: 'min must not exceed max' },
        { rule: 'self.max < 100', messageExpression: "'max is ' + string(self.max)", fieldPath: '.max' },
      ],
    },
  );

  it('enforces rules with their messages', () => {
    expect(texts({ spec: { min: 1, max: 2 } }, schema)).toEqual([]);
    expect(texts({ spec: { min: 3, max: 2 } }, schema)).toEqual([
      'spec: Invalid value: "object": min must not exceed max',
    ]);
    expect(texts({ spec: { min: 3, max: 200 } }, schema)).toEqual(['spec.max: Invalid value: "object": max is 200']);
  });

  it('compares with the old value only when there is one, and does not run on values of the wrong type', () => {
    expect(texts({ spec: { min: 1, max: 2 } }, schema, { spec: { min: 1, max: 5 } })).toEqual([
      'spec.max: Invalid value: "integer": failed rule: self >= oldSelf',
    ]);
    expect(texts({ spec: { min: 'x', max: 2 } }, schema)).toEqual([
      expect.stringContaining('must be of type'),
      expect.stringContaining('some validation rules were not checked'),
    ]);
  });

  it('lets an unchanged value keep what an older rule allowed', () => {
    const stored = { spec: { min: 3, max: 2 } };
    expect(texts({ ...stored, other: 1 }, schema, stored)).toEqual([]);
  });
});
