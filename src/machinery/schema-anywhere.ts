import type { Schema } from './schema.ts';

/** Tells whether something holds of a schema, or of one of those that values in it can reach. Found out once a schema. */
export function anywhere(holds: (schema: Schema) => boolean): (schema: Schema) => boolean {
  const found = new WeakMap<Schema, boolean>();
  function reaches(schema: Schema, within: ReadonlySet<Schema>): boolean {
    const known = found.get(schema);
    if (known !== undefined) return known;
    if (within.has(schema)) return false;
    const path = new Set(within).add(schema);
    const { items, additionalProperties, properties = {} } = schema;
    const inner = [
      items,
      typeof additionalProperties === 'object' ? additionalProperties : undefined,
      ...Object.values(properties),
    ];
    const answer = holds(schema) || inner.some((each) => each !== undefined && reaches(each, path));
    found.set(schema, answer);
    return answer;
  }
  return (schema) => reaches(schema, new Set());
}
