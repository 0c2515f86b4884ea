import type { Schema } from './schema.ts';

/** A field that a path of a CRD points to: its place in an object, and its schema. */
export interface SchemaField {
  /** As errors name it: 'spec.names[a.b]'. */
  readonly path: string;
  readonly schema: Schema;
}

/**
 * Follows a path such as `.spec.size` or `.spec.tags['a.b']` through a schema: only fields and keys of maps, no items.
 * @param brackets whether `['name']` may be used.
 * @returns the field, or what is wrong, in apiextensions-apiserver's words.
 */
export function schemaFieldAt(jsonPath: string, schema: Schema, brackets: boolean): SchemaField | string {
  let at: SchemaField = { path: '', schema };
  const tokens = jsonPath.match(/'(?:[^'\\]|\\.)*'|[.[\]]|[^.[\]]+/gs) ?? [];
  for (let i = 0; i < tokens.length; ) {
    const bracket = tokens[i] === '[';
    if (!bracket && tokens[i] !== '.') return `expected [ or . but got: ${tokens[i]}`;
    if (bracket && !brackets) return 'array notation is not allowed';
    const token = tokens[i + 1];
    if (token === undefined) return 'unexpected end of JSON path';
    const name = bracket ? unquoted(token) : token;
    if (name === undefined) return `expected single quoted string but got ${token}`;
    const next = step(at, name);
    if (!next) return 'does not refer to a valid field';
    at = next;
    if (bracket && tokens[i + 2] !== ']') {
      return tokens[i + 2] === undefined ? 'unexpected end of JSON path' : `expected ] but got ${tokens[i + 2]}`;
    }
    i += bracket ? 3 : 2;
  }
  return at;
}

const unquoted = (token: string): string | undefined =>
  /^'.*'$/s.test(token) && token.length >= 2 ? token.slice(1, -1).replace(/\\(.)/gs, '$1') : undefined;

function step({ path, schema }: SchemaField, name: string): SchemaField | undefined {
  const { properties, additionalProperties } = schema;
  if (properties) {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return property && { path: path === '' ? name : `${path}.${name}`, schema: property };
  }
  return typeof additionalProperties === 'object'
    ? { path: `${path}[${name}]`, schema: additionalProperties }
    : undefined;
}
