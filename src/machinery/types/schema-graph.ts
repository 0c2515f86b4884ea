import type { Schema } from '../schema.ts';
import { type FieldFacts, fieldsOf, isAtomicType, type Scalar, type TypeRef, typeNames, typeOfKind } from './facts.ts';

const SCALAR_SCHEMAS: Record<Scalar, Schema> = {
  string: { type: 'string' },
  bytes: { type: 'string', format: 'byte' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
};

const ANY_OBJECT: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const ANYTHING: Schema = { 'x-kubernetes-preserve-unknown-fields': true };

/** The types whose JSON is not what their struct says. */
const SPECIAL: ReadonlyMap<string, Schema> = new Map<string, Schema>([
  ['api.resource.Quantity', { format: 'quantity', oneOf: [{ type: 'string' }, { type: 'number' }] }],
  ['util.intstr.IntOrString', { format: 'int-or-string', 'x-kubernetes-int-or-string': true }],
  ['meta.v1.Time', { type: 'string', format: 'date-time' }],
  ['meta.v1.MicroTime', { type: 'string', format: 'date-time' }],
  ['meta.v1.FieldsV1', ANY_OBJECT],
  ['meta.v1.Patch', ANY_OBJECT],
  ['runtime.RawExtension', { ...ANY_OBJECT, 'x-kubernetes-map-type': 'atomic' }],
  ['apiextensions.v1.JSON', ANYTHING],
  ['apiextensions.v1.JSONSchemaPropsOrArray', ANYTHING],
  ['apiextensions.v1.JSONSchemaPropsOrBool', ANYTHING],
  ['apiextensions.v1.JSONSchemaPropsOrStringArray', ANYTHING],
  ['apiextensions.v1.CustomResourceSubresourceStatus', ANY_OBJECT],
]);

const schemas = new Map<string, Schema>();
const names = new WeakMap<Schema, string>();

/**
 * The schema of a built-in kind, or undefined for a kind that the table lacks. The graph may be recursive
 * (JSONSchemaProps): `properties` and `required` of an object are built when first read, and one type has one schema.
 * Quantities have format 'quantity', IntOrString format 'int-or-string'.
 */
export function builtinSchema(apiVersion: string, kind: string): Schema | undefined {
  const type = typeOfKind(apiVersion, kind);
  return type === undefined ? undefined : schemaOfType(type);
}

/** The schema of a type by its name in the table: 'core.v1.PodSpec', 'meta.v1.ObjectMeta'. */
export function builtinSchemaByName(type: string): Schema | undefined {
  return fieldsOf(type) || SPECIAL.has(type) ? schemaOfType(type) : undefined;
}

/** The names of all types that builtinSchemaByName knows. */
export function builtinTypeNames(): readonly string[] {
  return [...typeNames(), ...SPECIAL.keys()];
}

/** The table's name of the type that a schema of builtinSchema's graph describes: 'core.v1.PodSpec'. */
export function builtinTypeName(schema: Schema): string | undefined {
  return names.get(schema);
}

function schemaOfType(type: string): Schema {
  const known = schemas.get(type);
  if (known) return known;
  const schema = objectSchema(type, {});
  schemas.set(type, schema);
  return schema;
}

/** A schema for a type with what the field that holds it adds. */
function objectSchema(type: string, additions: Schema): Schema {
  const special = SPECIAL.get(type);
  const atomic: Schema = isAtomicType(type) ? { 'x-kubernetes-map-type': 'atomic' } : {};
  const schema: Schema = { ...(special ?? { type: 'object' as const }), ...atomic, ...additions };
  names.set(schema, type);
  if (special) return schema;
  lazily(schema, 'properties', () =>
    Object.keys(additions).length === 0 ? propertiesOf(type) : schemaOfType(type).properties,
  );
  lazily(schema, 'required', () => requiredOf(type));
  return schema;
}

function propertiesOf(type: string): Record<string, Schema> | undefined {
  const fields = fieldsOf(type) ?? [];
  if (fields.length === 0) return undefined;
  // No prototype: fields are looked up by names that clients choose.
  const properties: Record<string, Schema> = Object.create(null);
  for (const field of fields) properties[field.name] = fieldSchema(field);
  return properties;
}

function requiredOf(type: string): readonly string[] | undefined {
  const required = (fieldsOf(type) ?? []).filter((field) => field.required).map((field) => field.name);
  return required.length === 0 ? undefined : required;
}

function fieldSchema(field: FieldFacts): Schema {
  return refSchema(field.type, {
    ...(field.listType ? { 'x-kubernetes-list-type': field.listType } : {}),
    ...(field.listMapKeys ? { 'x-kubernetes-list-map-keys': field.listMapKeys } : {}),
    ...(field.mapType ? { 'x-kubernetes-map-type': field.mapType } : {}),
    ...(field.patchStrategy ? { 'x-kubernetes-patch-strategy': field.patchStrategy } : {}),
    ...(field.patchMergeKey ? { 'x-kubernetes-patch-merge-key': field.patchMergeKey } : {}),
    ...(field.default === undefined ? {} : { default: field.default }),
  });
}

function refSchema(ref: TypeRef, additions: Schema): Schema {
  if (ref.of === 'list') return { type: 'array', items: refSchema(ref.items, {}), ...additions };
  if (ref.of === 'map') return { type: 'object', additionalProperties: refSchema(ref.items, {}), ...additions };
  if (ref.of === 'scalar') return { ...SCALAR_SCHEMAS[ref.scalar], ...additions };
  return Object.keys(additions).length === 0 ? schemaOfType(ref.name) : objectSchema(ref.name, additions);
}

/** A property that computes its value on first read and is plain from then on. */
function lazily<K extends keyof Schema>(schema: Schema, key: K, compute: () => Schema[K]): void {
  Object.defineProperty(schema, key, {
    configurable: true,
    enumerable: true,
    get() {
      const value = compute();
      Object.defineProperty(schema, key, { value, enumerable: true });
      return value;
    },
  });
}
