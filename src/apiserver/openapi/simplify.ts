import type { Schema } from '../../machinery/index.ts';

/** Keywords of a CRD's schema that OpenAPI v2 does not have. */
const NOT_IN_V2: ReadonlySet<keyof Schema> = new Set<keyof Schema>([
  'allOf',
  'anyOf',
  'default',
  'not',
  'nullable',
  'oneOf',
  'x-kubernetes-validations',
]);

/**
 * A CRD's schema as OpenAPI v2 can say it. As kube-apiserver does, a schema that allows null, unknown fields or either
 * of two types says nothing about its type or children, so that old clients, which would refuse them, do not look.
 */
export function simplified(schema: Schema): Schema {
  const open =
    schema.nullable || schema['x-kubernetes-preserve-unknown-fields'] || schema['x-kubernetes-int-or-string'];
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (NOT_IN_V2.has(key as keyof Schema)) continue;
    if (open && (key === 'type' || key === 'properties' || key === 'items' || key === 'additionalProperties')) continue;
    out[key] = value;
  }
  if (open) return out as Schema;
  if (schema.items) out['items'] = simplified(schema.items);
  if (typeof schema.additionalProperties === 'object') {
    out['additionalProperties'] = simplified(schema.additionalProperties);
  }
  if (schema.properties) {
    out['properties'] = Object.fromEntries(
      Object.entries(schema.properties).map(([name, inner]) => [
        name,
        // metadata is the built-in type, which is written as a reference.
        name === 'metadata' ? inner : simplified(inner),
      ]),
    );
  }
  return out as Schema;
}
