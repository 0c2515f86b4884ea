import type { Fields, Schema } from '../machinery/index.ts';
import { collectProblems, fieldPath, type Problems } from './definition-error.ts';
import { type Marker, parseMarkers } from './markers.ts';

/** What a definition's custom types are made of, by name. */
export type CustomTypes = Fields;

interface Scope {
  types: CustomTypes;
  problems: Problems;
  /** Custom types being expanded, to find one that contains itself. */
  expanding: readonly string[];
  depth: number;
  /** Inside a list or a map: a field there has many values. */
  repeated: boolean;
  columns: PrinterColumn[];
  /** Where the schema begins in the definition. */
  root: string;
}

/** A column of `kubectl get`, as CRDs have them. */
export interface PrinterColumn {
  name: string;
  type: string;
  jsonPath: string;
}

/** A field's schema, and whether its parent must require it. */
interface Field {
  schema: Schema;
  required: boolean;
}

const MAX_DEPTH = 32;

/**
 * Turns kro's SimpleSchema (https://kro.run/docs/concepts/simple-schema) into a structural OpenAPI schema. A nested
 * object whose fields have defaults defaults to an empty object itself, so that a developer may leave it out.
 * @param path where the schema stands in the definition, for messages
 * @param columns gets the columns of the fields that are marked printColumn
 * @throws DefinitionError naming every field that cannot be read
 */
export function schemaOfSimple(
  simple: Fields,
  types: CustomTypes,
  path: string,
  columns: PrinterColumn[] = [],
): Schema {
  const problems = collectProblems();
  const scope = { types, problems, expanding: [], depth: 0, repeated: false, columns, root: path };
  const schema = objectSchema(simple, path, scope);
  problems.throwAny();
  return schema;
}

function objectSchema(simple: Fields, path: string, scope: Scope): Schema {
  if (scope.depth > MAX_DEPTH) {
    scope.problems.add(path, `nested more than ${MAX_DEPTH} levels deep`);
    return { type: 'object' };
  }
  const inner = { ...scope, depth: scope.depth + 1 };
  const properties: Record<string, Schema> = {};
  const required: string[] = [];
  for (const [name, value] of Object.entries(simple)) {
    const field = fieldOf(value, fieldPath(path, name), inner);
    if (!field) continue;
    Object.defineProperty(properties, name, { value: field.schema, enumerable: true, writable: true });
    if (field.required) required.push(name);
  }
  const schema: Schema = { type: 'object', properties, ...(required.length > 0 ? { required } : {}) };
  return canBeOmitted(schema) ? { ...schema, default: {} } : schema;
}

/** True if an empty object becomes a valid one by its fields' defaults, and at least one field has a default. */
function canBeOmitted(schema: Schema): boolean {
  const properties = schema.properties ?? {};
  const hasDefault = (property: Schema | undefined) => property !== undefined && property.default !== undefined;
  return (
    Object.values(properties).some(hasDefault) && (schema.required ?? []).every((name) => hasDefault(properties[name]))
  );
}

function fieldOf(value: unknown, path: string, scope: Scope): Field | undefined {
  if (typeof value === 'string') return scope.problems.attempt(path, () => fieldOfText(value, path, scope));
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return { schema: objectSchema(value as Fields, path, scope), required: false };
  }
  const shown = JSON.stringify(value)?.slice(0, 60);
  scope.problems.add(path, `expected a type such as "string | default=x" or nested fields, found ${shown}`);
  return undefined;
}

function fieldOfText(text: string, path: string, scope: Scope): Field {
  const bar = text.indexOf('|');
  const type = (bar < 0 ? text : text.slice(0, bar)).trim();
  const markers = bar < 0 ? [] : parseMarkers(text.slice(bar + 1));
  const schema = schemaOfType(type, path, scope);
  let required = false;
  for (const marker of markers) {
    if (marker.name === 'required') required = booleanOf(marker);
    else if (marker.name === 'printColumn') scope.columns.push(columnOf(schema, marker, path, scope));
    else applyMarker(schema, marker);
  }
  return { schema, required };
}

/** The column of a field of an instance's spec. Throws Error for a field that has no one value to show. */
function columnOf(schema: Schema, marker: Marker, path: string, scope: Scope): PrinterColumn {
  only(schema, marker, ['string', 'integer', 'boolean', 'number']);
  if (scope.repeated)
    throw new Error('marker "printColumn" is not for fields in lists and maps: they have many values');
  const within = path.slice(scope.root.length);
  if (!/^(\.[A-Za-z_]\w*)+$/.test(within))
    throw new Error(`marker "printColumn" is not for ${within}: no JSONPath has it`);
  return { name: marker.value, type: schema.type ?? 'string', jsonPath: `.spec${within}` };
}

const scalars: Record<string, Schema['type']> = {
  string: 'string',
  integer: 'integer',
  boolean: 'boolean',
  float: 'number',
  number: 'number',
};

function schemaOfType(type: string, path: string, scope: Scope): Schema {
  if (scope.depth > MAX_DEPTH) throw new Error(`nested more than ${MAX_DEPTH} levels deep`);
  const inner = { ...scope, depth: scope.depth + 1 };
  const repeated = { ...inner, repeated: true };
  if (Object.hasOwn(scalars, type)) return { type: scalars[type] };
  if (type === 'object' || type === 'any') {
    const open: Schema = { 'x-kubernetes-preserve-unknown-fields': true };
    return type === 'object' ? { type: 'object', ...open } : open;
  }
  if (type.startsWith('[]'))
    return { type: 'array', items: withoutDefault(schemaOfType(type.slice(2), path, repeated)) };
  const map = /^map\[(\w+)\](.+)$/.exec(type);
  if (map) {
    if (map[1] !== 'string') throw new Error(`the keys of a map are strings: write map[string]${map[2]}`);
    return { type: 'object', additionalProperties: withoutDefault(schemaOfType(map[2] ?? '', path, repeated)) };
  }
  return customType(type, path, inner);
}

// An item that is not there is not to be made up: only fields inside items have defaults.
function withoutDefault(schema: Schema): Schema {
  const { default: _, ...rest } = schema;
  return rest;
}

function customType(type: string, path: string, scope: Scope): Schema {
  const found = Object.hasOwn(scope.types, type) ? scope.types[type] : undefined;
  if (found === undefined) {
    const known = [...Object.keys(scalars), 'object', '[]T', 'map[string]T', ...Object.keys(scope.types)];
    throw new Error(`unknown type "${type}": use one of ${known.join(', ')}`);
  }
  if (scope.expanding.includes(type)) {
    throw new Error(`type "${type}" contains itself: ${[...scope.expanding, type].join(' → ')}`);
  }
  const field = fieldOf(found, path, { ...scope, expanding: [...scope.expanding, type] });
  return field ? { ...field.schema } : {};
}

/** Adds what a marker says to a schema, in place. Throws Error for a marker or value that does not fit. */
function applyMarker(schema: Schema, marker: Marker): void {
  switch (marker.name) {
    case 'default':
      schema.default = markerValue(schema, marker);
      return;
    case 'description':
      schema.description = marker.value;
      return;
    case 'enum':
      schema.enum = marker.value.split(',').map((item) => markerValue(schema, { name: 'enum', value: item.trim() }));
      return;
    case 'minimum':
    case 'maximum':
      only(schema, marker, ['integer', 'number']);
      schema[marker.name] = numberOf(marker);
      return;
    case 'minLength':
    case 'maxLength':
      only(schema, marker, ['string']);
      schema[marker.name] = countOf(marker);
      return;
    case 'minItems':
    case 'maxItems':
      only(schema, marker, ['array']);
      schema[marker.name] = countOf(marker);
      return;
    case 'pattern':
      only(schema, marker, ['string']);
      schema.pattern = marker.value;
      return;
    case 'uniqueItems':
      only(schema, marker, ['array']);
      // Structural schemas have no uniqueItems: a set says the same.
      if (booleanOf(marker)) schema['x-kubernetes-list-type'] = 'set';
      return;
    case 'immutable':
      if (booleanOf(marker)) addRule(schema, 'self == oldSelf', 'field is immutable');
      return;
    case 'validation':
      addRule(schema, marker.value);
      return;
    default:
      throw new Error(`unknown marker "${marker.name}": use one of ${KNOWN}`);
  }
}

const KNOWN =
  'required, default, description, minimum, maximum, enum, immutable, pattern, minLength, maxLength, minItems, maxItems, uniqueItems, printColumn, validation';

function addRule(schema: Schema, rule: string, message?: string): void {
  const added = { rule, ...(message ? { message } : {}) };
  schema['x-kubernetes-validations'] = [...(schema['x-kubernetes-validations'] ?? []), added];
}

function only(schema: Schema, marker: Marker, types: readonly Schema['type'][]): void {
  if (types.includes(schema.type)) return;
  throw new Error(`marker "${marker.name}" is for ${types.join(' and ')}, not for ${schema.type ?? 'any'}`);
}

function booleanOf({ name, value }: Marker): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  throw new Error(`marker "${name}" is true or false, not "${value}"`);
}

function numberOf({ name, value }: Marker): number {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number)) throw new Error(`marker "${name}" is a number, not "${value}"`);
  return number;
}

function countOf(marker: Marker): number {
  const count = numberOf(marker);
  if (Number.isInteger(count) && count >= 0) return count;
  throw new Error(`marker "${marker.name}" is a count, not "${marker.value}"`);
}

/** A marker's value as the schema's type. */
function markerValue(schema: Schema, marker: Marker): unknown {
  switch (schema.type) {
    case 'string':
      return marker.value;
    case 'boolean':
      return booleanOf(marker);
    case 'number':
      return numberOf(marker);
    case 'integer': {
      const number = numberOf(marker);
      if (!Number.isInteger(number)) throw new Error(`marker "${marker.name}" is an integer, not "${marker.value}"`);
      return number;
    }
    default:
      return jsonOf(schema, marker);
  }
}

function jsonOf(schema: Schema, marker: Marker): unknown {
  let value: unknown;
  try {
    value = JSON.parse(marker.value);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`marker "${marker.name}" is not JSON: ${why}`);
  }
  if (schema.type === 'array' && !Array.isArray(value)) throw new Error(`marker "${marker.name}" is a JSON list`);
  if (schema.type === 'object' && (typeof value !== 'object' || value === null || Array.isArray(value))) {
    throw new Error(`marker "${marker.name}" is a JSON object`);
  }
  return value;
}
