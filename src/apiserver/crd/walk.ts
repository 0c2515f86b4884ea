import { isFields, type Schema } from '../../machinery/index.ts';

/** The schemas directly inside a schema, with where they are: 'properties[spec]', 'anyOf[0]'. */
export function innerSchemas(schema: Schema): [string, Schema][] {
  const inner: [string, Schema][] = [];
  for (const [name, property] of Object.entries(schema.properties ?? {})) inner.push([`properties[${name}]`, property]);
  if (isFields(schema.items)) inner.push(['items', schema.items]);
  if (isFields(schema.additionalProperties)) inner.push(['additionalProperties', schema.additionalProperties]);
  for (const list of ['allOf', 'anyOf', 'oneOf'] as const) {
    schema[list]?.forEach((alternative, i) => {
      inner.push([`${list}[${i}]`, alternative]);
    });
  }
  if (schema.not) inner.push(['not', schema.not]);
  return inner;
}

/** Every schema in a schema, itself first. */
export function* allSchemas(root: Schema): Generator<Schema> {
  const pending = [root];
  for (let schema = pending.pop(); schema !== undefined; schema = pending.pop()) {
    yield schema;
    for (const [, inner] of innerSchemas(schema)) pending.push(inner);
  }
}

/** Whether JSON nests deeper than a limit, without recursion: a hostile schema must not exhaust the stack. */
export function nestsDeeperThan(value: unknown, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return false;
}
