import { forbiddenValue, invalidValue, requiredValue } from './field-error.ts';
import { equalJson } from './json.ts';
import { cachedRe2 } from './re2.ts';
import { RegexSyntaxError } from './re2-parse.ts';
import type { Schema } from './schema.ts';
import type { StatusCause } from './status.ts';

type Level = 'root' | 'item' | 'field';

/**
 * The rules that make a CRD schema structural: every field named anywhere has a type outside of logic junctors, and
 * junctors only restrict values (apiextensions-apiserver, schema.ValidateStructural; KEP-1111). Errors are sorted.
 * @param path where the schema is in its CRD: 'spec.versions[0].schema.openAPIV3Schema'.
 */
export function checkStructural(schema: Schema, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  checkSchema(schema, 'root', path, errors);
  checkCompleteness(schema, path, errors);
  const text = (error: StatusCause) => `${error.field}: ${error.message}`;
  return errors.sort((a, b) => (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0));
}

const intOrString: readonly Schema[] = [{ type: 'integer' }, { type: 'string' }];

const isIntOrString = (alternatives: readonly Schema[] | undefined) =>
  alternatives?.length === 2 && equalJson(alternatives, intOrString);

function checkSchema(schema: Schema, level: Level, path: string, errors: StatusCause[]): void {
  if (schema.type === 'array' && schema.items === undefined) {
    errors.push(requiredValue(`${path}.items`, 'must be specified'));
  }
  if (schema.items) checkSchema(schema.items, 'item', `${path}.items`, errors);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    checkSchema(property, 'field', `${path}.properties[${name}]`, errors);
  }
  if (schema.additionalProperties !== undefined) {
    if (level === 'root') errors.push(forbiddenValue(`${path}.additionalProperties`, 'must not be used at the root'));
    if (typeof schema.additionalProperties === 'object') {
      checkSchema(schema.additionalProperties, 'field', `${path}.additionalProperties`, errors);
    }
  }
  checkExtensions(schema, path, errors);
  const nested = { schema, path, level, errors };
  checkValueValidation(nested, isIntOrString(schema.anyOf), isIntOrString(schema.allOf?.[0]?.anyOf));
  checkType(schema, level, path, errors);
  checkMetaFields(schema, level, path, errors);
}

function checkExtensions(schema: Schema, path: string, errors: StatusCause[]): void {
  if (!schema['x-kubernetes-int-or-string']) return;
  for (const other of ['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const) {
    if (!schema[other]) continue;
    errors.push(invalidValue(`${path}.${other}`, true, 'must be false if x-kubernetes-int-or-string is true'));
  }
}

const emptyType: Record<Level, string> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

function checkType(schema: Schema, level: Level, path: string, errors: StatusCause[]): void {
  const embedded = schema['x-kubernetes-embedded-resource'];
  const detail = 'must be object if x-kubernetes-embedded-resource is true';
  if (embedded && schema.type !== 'object') {
    errors.push(
      schema.type ? invalidValue(`${path}.type`, schema.type, detail) : requiredValue(`${path}.type`, detail),
    );
  } else if (!schema.type && !schema['x-kubernetes-int-or-string'] && !schema['x-kubernetes-preserve-unknown-fields']) {
    errors.push(requiredValue(`${path}.type`, emptyType[level]));
  }
  if (embedded && schema.additionalProperties !== undefined) {
    const reason = 'must not be used if x-kubernetes-embedded-resource is set';
    errors.push(forbiddenValue(`${path}.additionalProperties`, reason));
  }
  if (level === 'root' && schema.type && schema.type !== 'object') {
    errors.push(invalidValue(`${path}.type`, schema.type, 'must be object at the root'));
  }
  const empty = Object.keys(schema.properties ?? {}).length === 0;
  if (embedded && !schema['x-kubernetes-preserve-unknown-fields'] && empty) {
    const reason =
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
    errors.push(requiredValue(`${path}.properties`, reason));
  }
}

/** apiVersion, kind and metadata of a resource, at the root or embedded: the server's own, a schema can only narrow them. */
function checkMetaFields(schema: Schema, level: Level, path: string, errors: StatusCause[]): void {
  if (level !== 'root' && !schema['x-kubernetes-embedded-resource']) return;
  for (const field of ['kind', 'apiVersion'] as const) {
    const type = schema.properties?.[field] && (schema.properties[field].type ?? '');
    if (type === undefined || type === 'string') continue;
    errors.push(invalidValue(`${path}.properties[${field}].type`, type, 'must be string'));
  }
  const metadata = schema.properties?.['metadata'];
  if (metadata === undefined) return;
  const at = `${path}.properties[metadata]`;
  if (metadata.type !== 'object') errors.push(invalidValue(`${at}.type`, metadata.type ?? '', 'must be object'));
  if (level !== 'root') return;
  const { type: _type, default: _default, description: _description, properties = {}, ...others } = metadata;
  const onlyNames = Object.keys(properties).every((name) => name === 'name' || name === 'generateName');
  if (onlyNames && Object.keys(others).length === 0) return;
  const reason = 'must not specify anything other than name and generateName, but metadata is implicitly specified';
  errors.push(forbiddenValue(at, reason));
}

interface Nested {
  schema: Schema;
  path: string;
  level: Level;
  errors: StatusCause[];
}

function checkValueValidation(at: Nested, skipAnyOf = false, skipFirstAllOf = false): void {
  const { schema, path, level, errors } = at;
  const nested = (inner: Schema, where: string, skip = false) =>
    checkNested({ schema: inner, path: `${path}.${where}`, level, errors }, skip);
  if (!skipAnyOf)
    schema.anyOf?.forEach((inner, i) => {
      nested(inner, `anyOf[${i}]`);
    });
  schema.allOf?.forEach((inner, i) => {
    nested(inner, `allOf[${i}]`, skipFirstAllOf && i === 0);
  });
  schema.oneOf?.forEach((inner, i) => {
    nested(inner, `oneOf[${i}]`);
  });
  if (schema.not) nested(schema.not, 'not');
  if (schema.pattern) checkPattern(schema.pattern, path, errors);
}

function checkPattern(pattern: string, path: string, errors: StatusCause[]): void {
  try {
    cachedRe2(pattern);
  } catch (error) {
    if (!(error instanceof RegexSyntaxError)) throw error;
    const detail = `must be a valid regular expression, but isn't: ${error.message}`;
    errors.push(invalidValue(`${path}.pattern`, pattern, detail));
  }
}

const mustBeEmpty = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
] as const;

/** What a schema inside a junctor may not say. */
function checkNested(at: Nested, skipAnyOf: boolean): void {
  const { schema, path, level, errors } = at;
  checkValueValidation(at, skipAnyOf);
  if (schema.items) checkNested({ schema: schema.items, path: `${path}.items`, level, errors }, false);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    checkNested({ schema: property, path: `${path}.properties[${name}]`, level: 'field', errors }, false);
  }
  for (const [field, reason] of mustBeEmpty) {
    const value = schema[field];
    const unset = value === undefined || value === '' || (field !== 'additionalProperties' && value === false);
    if (!unset && !(Array.isArray(value) && value.length === 0)) {
      errors.push(forbiddenValue(`${path}.${field}`, reason));
    }
  }
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, 'metadata')) {
    errors.push(forbiddenValue(`${path}.properties[metadata]`, 'must not be specified in a nested context'));
  }
}

/** Every field that a junctor of the root names must be specified outside of junctors as well. */
function checkCompleteness(schema: Schema, path: string, errors: StatusCause[]): void {
  for (const inner of junctorsOf(schema)) checkSpecified(inner.schema, schema, `${path}.${inner.at}`, path, errors);
}

function junctorsOf(schema: Schema): { schema: Schema; at: string }[] {
  const lists = (['anyOf', 'allOf', 'oneOf'] as const).flatMap((name) =>
    (schema[name] ?? []).map((inner, i) => ({ schema: inner, at: `${name}[${i}]` })),
  );
  return schema.not ? [...lists, { schema: schema.not, at: 'not' }] : lists;
}

function checkSpecified(
  nested: Schema,
  outside: Schema | undefined,
  path: string,
  outsidePath: string,
  errors: StatusCause[],
): void {
  if (outside === undefined) {
    errors.push(requiredValue(outsidePath, `because it is defined in ${path}`));
    return;
  }
  for (const inner of junctorsOf(nested)) {
    checkSpecified(inner.schema, outside, `${path}.${inner.at}`, outsidePath, errors);
  }
  if (nested.items) {
    checkSpecified(nested.items, outside.items, `${path}.items`, `${outsidePath}.items`, errors);
  }
  for (const [name, property] of Object.entries(nested.properties ?? {})) {
    const known = outside.properties !== undefined && Object.hasOwn(outside.properties, name);
    const outer = known ? outside.properties?.[name] : undefined;
    const at = `properties[${name}]`;
    checkSpecified(property, outer, `${path}.${at}`, `${outsidePath}.${at}`, errors);
  }
}
