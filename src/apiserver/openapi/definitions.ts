import { builtinSchemaByName, builtinTypeName, qualifiedTypeName, type Schema } from '../../machinery/index.ts';
import type { ServedResource } from '../contracts.ts';
import { builtInType } from './built-in-types.ts';
import { describeCommonField, loadDescriptions } from './descriptions.ts';
import type { JsonSchema, OpenApiVersion } from './json-schema.ts';
import { customSchemaName, operationsOf } from './operations.ts';
import { simplified } from './simplify.ts';

const REFERENCE = { v2: '#/definitions/', v3: '#/components/schemas/' } as const;

/** What a field may say beside the type that it refers to. */
const ADDITIONS = [
  'default',
  'nullable',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-patch-strategy',
  'x-kubernetes-patch-merge-key',
] as const satisfies readonly (keyof Schema)[];

/** The named schemas that a set of resources needs, and everything that these refer to, by their full names. */
export function definitionsOf(resources: readonly ServedResource[], version: OpenApiVersion): Map<string, JsonSchema> {
  const writer = createWriter(version);
  for (const resource of resources) {
    if (resource.custom) writer.custom(resource);
    for (const { body, answer } of operationsOf(resource)) {
      for (const name of [body?.schema, answer]) if (name) writer.builtIn(name);
    }
  }
  return writer.finish();
}

/** The name under which a document defines a schema that an operation names. */
export function definitionName(name: string): string {
  return builtinSchemaByName(name) ? qualifiedTypeName(name) : name;
}

export function referenceTo(name: string, version: OpenApiVersion): JsonSchema {
  return { $ref: REFERENCE[version] + definitionName(name) };
}

/** Fields that every custom kind has, whatever its schema says. */
const COMMON_FIELDS: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

interface Writer {
  /** Adds a built-in type, unless the name is not one. */
  builtIn(type: string): void;
  custom(resource: ServedResource): void;
  finish(): Map<string, JsonSchema>;
}

function createWriter(version: OpenApiVersion): Writer {
  const definitions = new Map<string, JsonSchema>();
  const queued = new Set<string>();

  /** A reference to a built-in type, which will be defined too. */
  const reference = (type: string): JsonSchema => {
    queued.add(type);
    return referenceTo(type, version);
  };
  const context = { version, descriptions: loadDescriptions(), refer: reference };
  const render = (schema: Schema, description?: string): JsonSchema => {
    const type = builtinTypeName(schema);
    const text = description === undefined ? {} : { description };
    if (type === undefined) return { ...text, ...renderPlain(schema, render) };
    const additions = additionsTo(schema, builtinSchemaByName(type));
    const bare = reference(type);
    if (Object.keys(additions).length === 0 && description === undefined) return bare;
    return version === 'v2' ? { ...bare, ...text, ...additions } : { allOf: [bare], ...text, ...additions };
  };
  const define = (type: string): void => {
    definitions.set(qualifiedTypeName(type), builtInType(type, context));
  };

  return {
    builtIn: (type) => {
      if (builtinSchemaByName(type)) queued.add(type);
    },
    custom: (resource) => {
      const name = customSchemaName(resource);
      const { group, version: apiVersion, kind } = resource;
      const schema = version === 'v2' ? simplified(resource.schema) : resource.schema;
      const properties = Object.entries(schema.properties ?? {}).map(([field, inner]) => {
        const metadata = field === 'metadata' ? builtinSchemaByName('meta.v1.ObjectMeta') : undefined;
        // What a custom kind's own fields mean is for its author to say.
        const common = COMMON_FIELDS.has(field) ? describeCommonField(field) : undefined;
        return [field, render(metadata ?? inner, inner.description ?? common)];
      });
      definitions.set(name, {
        ...renderPlain({ ...schema, properties: undefined }, render),
        ...(properties.length > 0 ? { properties: Object.fromEntries(properties) } : {}),
        'x-kubernetes-group-version-kind': [{ group, version: apiVersion, kind }],
        ...(resource.selectableFields?.length
          ? { 'x-kubernetes-selectable-fields': resource.selectableFields.map((fieldPath) => ({ fieldPath })) }
          : {}),
      });
      definitions.set(`${name}List`, customList(resource, name, version, reference));
    },
    finish: () => {
      // A Set is iterated in the order of insertion, what is added on the way included.
      for (const type of queued) define(type);
      return new Map([...definitions].sort(([a], [b]) => (a < b ? -1 : 1)));
    },
  };
}

type Render = (schema: Schema, description?: string) => JsonSchema;

/** A schema that is written where it stands: a scalar, a list, a map, or anything of a CRD. */
function renderPlain(schema: Schema, render: Render): JsonSchema {
  const out: JsonSchema = {};
  for (const [key, value] of Object.entries(schema)) {
    if (value !== undefined) out[key] = renderKeyword(key, value, render);
  }
  return out;
}

function renderKeyword(key: string, value: unknown, render: Render): unknown {
  switch (key) {
    case 'properties':
      return Object.fromEntries(Object.entries(value as Record<string, Schema>).map(([k, v]) => [k, render(v)]));
    case 'items':
    case 'not':
      return render(value as Schema);
    case 'additionalProperties':
      return typeof value === 'boolean' ? value : render(value as Schema);
    case 'allOf':
    case 'anyOf':
    case 'oneOf':
      return (value as readonly Schema[]).map((schema) => render(schema));
    default:
      return value;
  }
}

function additionsTo(schema: Schema, base: Schema | undefined): JsonSchema {
  const additions: JsonSchema = {};
  for (const key of ADDITIONS) {
    if (schema[key] !== undefined && schema[key] !== base?.[key]) additions[key] = schema[key];
  }
  return additions;
}

function customList(
  resource: ServedResource,
  name: string,
  version: OpenApiVersion,
  reference: (type: string) => JsonSchema,
): JsonSchema {
  const { group, kind } = resource;
  return {
    description: `${kind}List is a list of ${kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: { type: 'string', description: describeCommonField('apiVersion') },
      items: { type: 'array', items: { $ref: REFERENCE[version] + name } },
      kind: { type: 'string', description: describeCommonField('kind') },
      metadata: reference('meta.v1.ListMeta'),
    },
    'x-kubernetes-group-version-kind': [{ group, version: resource.version, kind: `${kind}List` }],
  };
}
