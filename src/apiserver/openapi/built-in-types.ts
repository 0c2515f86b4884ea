import {
  builtinSchemaByName,
  type FieldFacts,
  fieldsOf,
  groupOf,
  isAtomicType,
  kindOfType,
  type Scalar,
  type TypeRef,
  versionOf,
} from '../../machinery/index.ts';
import type { Descriptions } from './descriptions.ts';
import enums from './enums.json' with { type: 'json' };
import type { JsonSchema, OpenApiVersion } from './json-schema.ts';
import { EVERYWHERE } from './registered-versions.ts';

const SCALARS: Record<Scalar, JsonSchema> = {
  string: { type: 'string' },
  bytes: { type: 'string', format: 'byte' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
};

/** What Go writes for a scalar that nobody set; bytes have no such value. */
const ZEROS: Partial<Record<Scalar, unknown>> = { string: '', bool: false, int32: 0, int64: 0, double: 0 };

/** Types whose JSON is not an object with fields, as the two versions of OpenAPI show them. */
const SPECIAL: Record<OpenApiVersion, Record<string, JsonSchema>> = {
  v2: {
    'api.resource.Quantity': { type: 'string' },
    'util.intstr.IntOrString': { type: 'string', format: 'int-or-string' },
  },
  v3: {
    'api.resource.Quantity': { oneOf: [{ type: 'string' }, { type: 'number' }] },
    'util.intstr.IntOrString': { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  },
};

const allowed: ReadonlyMap<string, readonly string[]> = new Map(Object.entries(enums));

/** Types of which one field says which other one is set. */
const UNIONS: ReadonlyMap<string, JsonSchema> = new Map([
  ['core.v1.AppArmorProfile', union('type', { localhostProfile: 'LocalhostProfile' })],
  ['core.v1.SeccompProfile', union('type', { localhostProfile: 'LocalhostProfile' })],
  ['flowcontrol.v1.LimitResponse', union('type', { queuing: 'Queuing' })],
  ['flowcontrol.v1.PriorityLevelConfigurationSpec', union('type', { exempt: 'Exempt', limited: 'Limited' })],
  ['flowcontrol.v1.Subject', union('kind', { group: 'Group', serviceAccount: 'ServiceAccount', user: 'User' })],
]);

function union(discriminator: string, fields: Record<string, string>): JsonSchema {
  return { discriminator, 'fields-to-discriminateBy': fields };
}

/** What the definitions of one document have in common. */
export interface Context {
  readonly version: OpenApiVersion;
  readonly descriptions: Descriptions;
  /** A reference to another type, which will be defined too. */
  refer(type: string): JsonSchema;
}

/** The definition of a type of the built-in table. */
export function builtInType(type: string, context: Context): JsonSchema {
  const description = context.descriptions.type(type);
  const special = SPECIAL[context.version][type];
  if (special) return { description, ...special };
  const fields = fieldsOf(type);
  if (!fields) {
    const { type: jsonType, format } = builtinSchemaByName(type) ?? {};
    return { description, ...(jsonType ? { type: jsonType } : {}), ...(format ? { format } : {}) };
  }
  const required = fields.filter((field) => field.required).map(({ name }) => name);
  const properties = fields.map((field) => [field.name, fieldSchema(type, field, context)]);
  const unions = UNIONS.get(type);
  return {
    description,
    type: 'object',
    ...(properties.length > 0 ? { properties: Object.fromEntries(properties) } : {}),
    ...(required.length > 0 ? { required } : {}),
    ...(isAtomicType(type) ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...kindsOf(type),
    ...(unions ? { 'x-kubernetes-unions': [unions] } : {}),
  };
}

function kindsOf(type: string): JsonSchema {
  const own = kindOfType(type);
  if (own) return { 'x-kubernetes-group-version-kind': [gvk(own[0], own[1])] };
  const name = EVERYWHERE.kinds.get(type);
  return name === undefined
    ? {}
    : { 'x-kubernetes-group-version-kind': EVERYWHERE.apiVersions.map((apiVersion) => gvk(apiVersion, name)) };
}

function gvk(apiVersion: string, kind: string): object {
  return { group: groupOf(apiVersion), version: versionOf(apiVersion), kind };
}

function fieldSchema(type: string, field: FieldFacts, context: Context): JsonSchema {
  const description = context.descriptions.field(type, field.name);
  const isPresent = !field.pointer && (field.type.of === 'type' || (!field.omitempty && !isTypeMeta(type, field.name)));
  const { listType, listMapKeys, mapType, patchStrategy, patchMergeKey } = field;
  const additions: JsonSchema = {
    ...(description === undefined ? {} : { description }),
    ...(field.default === undefined || context.version === 'v2' ? {} : { default: field.default }),
    ...(listType ? { 'x-kubernetes-list-type': listType } : {}),
    ...(listMapKeys ? { 'x-kubernetes-list-map-keys': listMapKeys } : {}),
    ...(mapType ? { 'x-kubernetes-map-type': mapType } : {}),
    ...(patchStrategy ? { 'x-kubernetes-patch-strategy': patchStrategy } : {}),
    ...(patchMergeKey ? { 'x-kubernetes-patch-merge-key': patchMergeKey } : {}),
  };
  return valueSchema(field.type, additions, isPresent, allowed.get(`${type}.${field.name}`), context);
}

/**
 * @param additions what is said beside the type itself.
 * @param isPresent Go always writes the value: OpenAPI v3 calls the zero value its default.
 */
function valueSchema(
  ref: TypeRef,
  additions: JsonSchema,
  isPresent: boolean,
  values: readonly string[] | undefined,
  context: Context,
): JsonSchema {
  const { version } = context;
  const inner = (items: TypeRef): JsonSchema => valueSchema(items, {}, true, values, context);
  if (ref.of === 'list') return { type: 'array', items: inner(ref.items), ...additions };
  if (ref.of === 'map') return { type: 'object', additionalProperties: inner(ref.items), ...additions };
  const zero = isPresent && version === 'v3' ? zeroOf(ref) : {};
  if (ref.of === 'scalar')
    return { ...SCALARS[ref.scalar], ...zero, ...(values ? { enum: values } : {}), ...additions };
  const all = { ...zero, ...additions };
  const bare = context.refer(ref.name);
  if (Object.keys(all).length === 0) return bare;
  return version === 'v2' ? { ...bare, ...all } : { allOf: [bare], ...all };
}

/** Types that write themselves (Time, Quantity, …) have no zero value that OpenAPI could tell. */
function zeroOf(ref: TypeRef): JsonSchema {
  if (ref.of === 'scalar') return ref.scalar in ZEROS ? { default: ZEROS[ref.scalar] } : {};
  return ref.of === 'type' && fieldsOf(ref.name) ? { default: {} } : {};
}

/** apiVersion and kind of an object itself: Go leaves them out of what it writes when they are not set. */
function isTypeMeta(type: string, field: string): boolean {
  return (field === 'apiVersion' || field === 'kind') && (kindOfType(type) !== undefined || EVERYWHERE.kinds.has(type));
}
