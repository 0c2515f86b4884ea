import { describe, expect, test } from 'vitest';
import type { Fields } from '../machinery/index.ts';
import { parseMarkers } from './markers.ts';
import { type PrinterColumn, schemaOfSimple } from './simple-schema.ts';

const schemaOf = (simple: Fields, types: Fields = {}) => schemaOfSimple(simple, types, 'spec');
const field = (text: string, types?: Fields) => schemaOf({ x: text }, types).properties?.['x'];

describe('types', () => {
  test.each<[string, unknown]>([
    ['string', { type: 'string' }],
    ['integer', { type: 'integer' }],
    ['boolean', { type: 'boolean' }],
    ['float', { type: 'number' }],
    ['object', { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }],
    ['[]string', { type: 'array', items: { type: 'string' } }],
    ['map[string]integer', { type: 'object', additionalProperties: { type: 'integer' } }],
    [
      '[]map[string][]boolean',
      { type: 'array', items: { type: 'object', additionalProperties: { type: 'array', items: { type: 'boolean' } } } },
    ],
  ])('%s', (text, expected) => {
    expect(field(text)).toEqual(expected);
  });

  test('custom types may use each other, but not themselves', () => {
    const types = { Port: { number: 'integer | default=80', name: 'string' }, Ports: '[]Port' };
    expect(field('Ports', types)).toEqual({
      type: 'array',
      items: { type: 'object', properties: { number: { type: 'integer', default: 80 }, name: { type: 'string' } } },
    });
    expect(() => schemaOf({ x: 'A' }, { A: { b: 'B' }, B: '[]A' })).toThrow('type "A" contains itself: A → B → A');
  });
});

describe('markers', () => {
  test.each<[string, unknown]>([
    [
      'string | default="a b" pattern="^[a-z ]+$" minLength=1 maxLength=9',
      { type: 'string', default: 'a b', pattern: '^[a-z ]+$', minLength: 1, maxLength: 9 },
    ],
    ['string | default=1.0', { type: 'string', default: '1.0' }],
    ['string | enum="a,b" description="one of two"', { type: 'string', enum: ['a', 'b'], description: 'one of two' }],
    ['integer | enum=1,2 minimum=1 maximum=2', { type: 'integer', enum: [1, 2], minimum: 1, maximum: 2 }],
    [
      '[]string | default=["a"] minItems=1 maxItems=3 uniqueItems=true',
      {
        type: 'array',
        items: { type: 'string' },
        default: ['a'],
        minItems: 1,
        maxItems: 3,
        'x-kubernetes-list-type': 'set',
      },
    ],
    [
      'map[string]string | default={"a": "} {"}',
      { type: 'object', additionalProperties: { type: 'string' }, default: { a: '} {' } },
    ],
    [
      'string | immutable=true',
      { type: 'string', 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'field is immutable' }] },
    ],
    [
      'integer | validation="self % 2 == 0"',
      { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self % 2 == 0' }] },
    ],
  ])('%s', (text, expected) => {
    expect(field(text)).toEqual(expected);
  });

  test.each([
    ['string | requird=true', 'unknown marker "requird"'],
    ['string | minimum=1', 'marker "minimum" is for integer and number, not for string'],
    ['integer | default=1.5', 'is an integer, not "1.5"'],
    ['integer | default=', 'has no value'],
    ['string | default="a', 'no closing quote'],
    ['[]string | default=x', 'is not JSON'],
    ['map[integer]string', 'the keys of a map are strings'],
    ['boolean | default=yes', 'is true or false'],
    ['string | =1', 'a marker is expected'],
  ])('%s is refused', (text, message) => {
    expect(() => field(text)).toThrow(message);
  });

  test('a value keeps its escapes apart', () => {
    expect(parseMarkers(' pattern="^\\d+\\.\\d+$"  description="say \\"hi\\"" ')).toEqual([
      { name: 'pattern', value: '^\\d+\\.\\d+$' },
      { name: 'description', value: 'say "hi"' },
    ]);
  });
});

describe('what may be left out', () => {
  test('an object whose fields all have defaults, or need none, defaults to an empty one, at every depth', () => {
    expect(schemaOf({ a: { b: { c: 'string | default=x', d: 'string' } } })).toEqual({
      type: 'object',
      default: {},
      properties: {
        a: {
          type: 'object',
          default: {},
          properties: {
            b: {
              type: 'object',
              default: {},
              properties: { c: { type: 'string', default: 'x' }, d: { type: 'string' } },
            },
          },
        },
      },
    });
  });

  test('an object with a field that must be given has no default', () => {
    const schema = schemaOf({ a: { b: 'string | default=x', c: 'string | required=true' } });
    expect(schema).toEqual({
      type: 'object',
      properties: {
        a: {
          type: 'object',
          required: ['c'],
          properties: { b: { type: 'string', default: 'x' }, c: { type: 'string' } },
        },
      },
    });
  });
});

describe('printColumn', () => {
  const columnsOf = (simple: Fields, types: Fields = {}) => {
    const columns: PrinterColumn[] = [];
    schemaOfSimple(simple, types, 'spec.schema.spec', columns);
    return columns;
  };

  test('makes columns of fields, wherever their type is used', () => {
    const types = { Port: { number: 'integer | printColumn="PORT"' } };
    expect(columnsOf({ image: 'string | printColumn=IMAGE', web: { port: 'Port' } }, types)).toEqual([
      { name: 'IMAGE', type: 'string', jsonPath: '.spec.image' },
      { name: 'PORT', type: 'integer', jsonPath: '.spec.web.port.number' },
    ]);
  });

  test('is refused where there is no one value', () => {
    const types = { Port: { number: 'integer | printColumn=PORT' } };
    expect(() => columnsOf({ ports: '[]Port' }, types)).toThrow('many values');
    expect(() => columnsOf({ tags: '[]string | printColumn=TAGS' })).toThrow('not for array');
    expect(() => columnsOf({ 'a-b': 'string | printColumn=AB' })).toThrow('no JSONPath');
  });
});
