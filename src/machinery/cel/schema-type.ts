import type { Schema } from '../schema.ts';
import { type CelType, celType, type ListIdentity, type ObjectType } from './type.ts';

/** The most bytes of a request's body, which bounds what no schema bounds. */
const MAX_REQUEST = 3 * 1024 * 1024;

/**
 * The CEL type of values of a structural schema, as kube-apiserver declares it (apiserver's cel/common/schemas.go); undefined
 * for what rules cannot see: values of unknown fields, and names that cannot be written in CEL.
 * @param root whether the schema is that of a whole resource: apiVersion, kind, metadata.name and metadata.generateName can
 * always be read there.
 * @param name what the type is called in errors.
 */
export function celTypeOfSchema(schema: Schema, root: boolean, name = 'selfType'): CelType | undefined {
  if (schema['x-kubernetes-int-or-string']) return { kind: 'dyn', max: textMax(schema) };
  switch (schema.type) {
    case 'array':
      return listType(schema, name);
    case 'object':
      return schema.additionalProperties === undefined || root ? objectType(schema, root, name) : mapType(schema, name);
    case 'string':
      return textType(schema);
    case 'boolean':
      return celType.bool;
    case 'number':
      return celType.double;
    case 'integer':
      return celType.int;
    default:
      return undefined;
  }
}

const inner = (schema: Schema, name: string): CelType | undefined =>
  celTypeOfSchema(schema, schema['x-kubernetes-embedded-resource'] === true, name);

function listType(schema: Schema, name: string): CelType | undefined {
  const { items, maxItems } = schema;
  const of = items && inner(items, `${name}.@idx`);
  if (!of) return undefined;
  const identity = identityOf(schema);
  return {
    kind: 'list',
    of,
    get max() {
      return maxItems ?? Math.floor((MAX_REQUEST - 2) / (minSize(items) + 1));
    },
    ...(identity ? { identity } : {}),
  };
}

function identityOf(schema: Schema): ListIdentity | undefined {
  if (schema['x-kubernetes-list-type'] === 'set') return { by: 'value' };
  if (schema['x-kubernetes-list-type'] !== 'map') return undefined;
  return { by: 'keys', keys: schema['x-kubernetes-list-map-keys'] ?? [] };
}

function mapType(schema: Schema, name: string): CelType | undefined {
  const { additionalProperties: values, maxProperties } = schema;
  if (typeof values !== 'object') return undefined;
  const value = inner(values, `${name}.@elem`);
  if (!value) return undefined;
  return {
    kind: 'map',
    key: celType.string,
    value,
    get max() {
      return maxProperties ?? Math.floor((MAX_REQUEST - 2) / (minSize(values) + 6));
    },
  };
}

const metadata: Schema = {
  type: 'object',
  properties: { name: { type: 'string' }, generateName: { type: 'string' } },
};
const resourceFields: Record<string, Schema> = { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata };

function objectType(schema: Schema, root: boolean, name: string): ObjectType {
  const known = new Map<string, CelType | undefined>();
  const find = (field: string): CelType | undefined => {
    const json = unescapeName(field);
    if (json === undefined) return undefined;
    const fixed = root && Object.hasOwn(resourceFields, json) ? resourceFields[json] : undefined;
    const own = schema.properties && Object.hasOwn(schema.properties, json) ? schema.properties[json] : undefined;
    const property = fixed ?? own;
    return property && inner(property, `${name}.${field}`);
  };
  return {
    kind: 'object',
    name,
    field(field) {
      if (!known.has(field)) known.set(field, find(field));
      return known.get(field);
    },
    jsonName: (field) => unescapeName(field) ?? field,
  };
}

const formatSizes: Record<string, number> = { duration: 32, date: 10, 'date-time': 32 };

function textType(schema: Schema): CelType {
  const { format = '', maxLength } = schema;
  if (format === 'byte') return { kind: 'bytes', max: maxLength ?? MAX_REQUEST - 2 };
  if (format === 'duration') return { kind: 'duration', max: formatSizes[format] ?? 0 };
  if (format === 'date' || format === 'date-time') return { kind: 'timestamp', max: formatSizes[format] ?? 0 };
  return { kind: 'string', max: textMax(schema) };
}

/** The most bytes of a text: maxLength counts characters, of up to four bytes. */
function textMax({ maxLength, enum: values = [] }: Schema): number {
  if (maxLength !== undefined) return Math.max(0, maxLength) * 4;
  if (values.length === 0) return MAX_REQUEST - 2;
  return Math.max(0, ...values.map((value) => (typeof value === 'string' ? Buffer.byteLength(value) : 0)));
}

const minTextSizes: Record<string, number> = { duration: 2, date: 12, 'date-time': 22 };

/** The fewest bytes of a value in JSON. */
export function minSize(schema: Schema, depth = 0): number {
  if (schema['x-kubernetes-int-or-string'] || depth > 20) return 1;
  switch (schema.type) {
    case 'array':
      return 2;
    case 'object':
      return (schema.required ?? []).reduce((total, name) => total + requiredSize(schema, name, depth), 2);
    case 'string':
      return minTextSizes[schema.format ?? ''] ?? 2;
    case 'boolean':
      return 4;
    default:
      return 1;
  }
}

function requiredSize({ properties }: Schema, name: string, depth: number): number {
  const property = properties && Object.hasOwn(properties, name) ? properties[name] : undefined;
  return property && property.default === undefined ? name.length + 4 + minSize(property, depth + 1) : 0;
}

const reserved = new Set(
  (
    'true false null in as break const continue else for function if import let loop package namespace return var ' +
    'void while'
  ).split(' '),
);
const parts: Record<string, string> = { __underscores__: '__', __dot__: '.', __dash__: '-', __slash__: '/' };

/** The JSON name of a field by its name in CEL; undefined when that is the name of none: `__namespace__` is namespace. */
export function unescapeName(name: string): string | undefined {
  const word = /^__([a-z]+)__$/.exec(name)?.[1];
  if (word !== undefined && reserved.has(word)) return word;
  if (!name.includes('__')) return name;
  const json = name.replaceAll(/__(?:underscores|dot|dash|slash)__/g, (part) => parts[part] ?? part);
  return escapeName(json) === name ? json : undefined;
}

/** A field's name as rules write it; undefined for one that they cannot. */
export function escapeName(json: string): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_./-]*$/.test(json)) return undefined;
  if (reserved.has(json)) return `__${json}__`;
  return json
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}
