import {
  checkStructural,
  forbiddenValue,
  invalidValue,
  isFields,
  pruneUnknown,
  requiredValue,
  type Schema,
  type StatusCause,
  unsupportedValue,
  validateSchema,
} from '../../machinery/index.ts';
import { ruleErrors } from './validate-rules.ts';
import { innerSchemas, nestsDeeperThan } from './walk.ts';

/** How deeply a schema's JSON may nest; Go's decoder and real CRDs stay far below. */
const maxDepth = 500;

/** The errors of a version's root schema. `status`: whether the version has a status subresource. */
export function validateRootSchema(schema: Schema, path: string, status: boolean): StatusCause[] {
  if (nestsDeeperThan(schema, maxDepth)) {
    return [forbiddenValue(path, `must not nest deeper than ${maxDepth} levels`)];
  }
  const errors = status ? rootFieldErrors(schema, path) : [];
  if (schema.nullable) errors.push(forbiddenValue(`${path}.nullable`, 'nullable cannot be true at the root'));
  const structural = checkStructural(schema, path);
  errors.push(...(structural.length > 0 ? structural : defaultErrors(schema, path)));
  checkSchema(schema, { path, root: true, metadata: false }, errors);
  if (errors.length === 0) errors.push(...ruleErrors(schema, path));
  return errors;
}

const allowedAtRoot = [
  ...['Description', 'Type', 'Format', 'Title', 'Maximum', 'ExclusiveMaximum', 'Minimum', 'ExclusiveMinimum'],
  ...['MaxLength', 'MinLength', 'Pattern', 'MaxItems', 'MinItems', 'UniqueItems', 'MultipleOf', 'Required', 'Items'],
  ...['Properties', 'ExternalDocs', 'Example', 'XPreserveUnknownFields', 'XValidations'],
];
const allowedFields = new Set([
  ...allowedAtRoot.map((name) => name.charAt(0).toLowerCase() + name.slice(1)),
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
]);

/** With a status subresource, status is validated on its own: rules that span the root would be lost. */
function rootFieldErrors(schema: Schema, path: string): StatusCause[] {
  if (schema.type && schema.type !== 'object') {
    const reason =
      'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
    return [invalidValue(`${path}.type`, schema.type, reason)];
  }
  if (Object.keys(schema).every((field) => allowedFields.has(field))) return [];
  const list = allowedAtRoot.join(' ');
  const reason = `only [${list}] fields are allowed at the root of the schema if the status subresource is enabled`;
  return [invalidValue(path, schema, reason)];
}

/** A default must fit its own schema: be valid, and keep all its fields. */
function defaultErrors(schema: Schema, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  if (schema.default !== undefined) {
    const at = `${path}.default`;
    if (isFields(schema.default)) {
      const pruned = pruneUnknown({ it: schema.default }, { type: 'object', properties: { it: schema } });
      if (pruned.removed.length > 0) errors.push(invalidValue(at, schema.default, 'must not have unknown fields'));
    }
    errors.push(...validateSchema(schema.default, schema, { path: at }));
  }
  for (const [where, inner] of innerSchemas(schema)) errors.push(...defaultErrors(inner, `${path}.${where}`));
  return errors;
}

interface Place {
  path: string;
  root: boolean;
  /** Inside the apiVersion, kind or metadata of a resource. */
  metadata: boolean;
}

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const unsupported = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref'];
const metaFields = new Set(['metadata', 'kind', 'apiVersion']);

function checkSchema(schema: Schema, place: Place, errors: StatusCause[]): void {
  const { path } = place;
  if (schema.type && !types.includes(schema.type)) errors.push(unsupportedValue(`${path}.type`, schema.type, types));
  for (const field of unsupported) {
    const value = (schema as Record<string, unknown>)[field];
    if (value !== undefined) errors.push(forbiddenValue(`${path}.${field}`, `${field} is not supported`));
  }
  if (Array.isArray(schema.items)) {
    errors.push(forbiddenValue(`${path}.items`, 'items must be a schema object and not an array'));
  }
  if (schema.uniqueItems) {
    const reason = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    errors.push(forbiddenValue(`${path}.uniqueItems`, reason));
  }
  if (schema.additionalProperties !== undefined && Object.keys(schema.properties ?? {}).length > 0) {
    const reason = 'additionalProperties and properties are mutual exclusive';
    if (schema.additionalProperties !== true) errors.push(forbiddenValue(`${path}.additionalProperties`, reason));
  }
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    const field = `${path}.x-kubernetes-preserve-unknown-fields`;
    errors.push(invalidValue(field, false, 'must be true or undefined'));
  }
  if (place.metadata && schema['x-kubernetes-embedded-resource']) {
    const field = `${path}.x-kubernetes-embedded-resource`;
    errors.push(forbiddenValue(field, 'must not be used inside of resource meta'));
  }
  checkCollections(schema, path, errors);
  checkInner(schema, place, errors);
}

function checkInner(schema: Schema, place: Place, errors: StatusCause[]): void {
  for (const [where, inner] of innerSchemas(schema)) {
    const field = /^properties\[(.*)\]$/s.exec(where)?.[1];
    const meta =
      (place.root || schema['x-kubernetes-embedded-resource']) && field !== undefined && metaFields.has(field);
    if (place.root && meta && inner.default !== undefined) {
      const reason = `must not be set in top-level ${field}`;
      errors.push(forbiddenValue(`${place.path}.${where}.default`, reason));
    }
    const path = `${place.path}.${where}`;
    checkSchema(inner, { path, root: false, metadata: place.metadata || meta === true }, errors);
  }
}

function checkCollections(schema: Schema, path: string, errors: StatusCause[]): void {
  const mapType = schema['x-kubernetes-map-type'];
  const listType = schema['x-kubernetes-list-type'];
  if (mapType !== undefined) {
    checkTypeIs(schema, 'object', 'x-kubernetes-map-type', path, errors);
    const known = ['atomic', 'granular'];
    if (!known.includes(mapType)) errors.push(unsupportedValue(`${path}.x-kubernetes-map-type`, mapType, known));
  }
  if (listType !== undefined) {
    checkTypeIs(schema, 'array', 'x-kubernetes-list-type', path, errors);
    const known = ['atomic', 'set', 'map'];
    if (!known.includes(listType)) errors.push(unsupportedValue(`${path}.x-kubernetes-list-type`, listType, known));
  }
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (keys.length > 0 && listType !== 'map') {
    const at = `${path}.x-kubernetes-list-type`;
    const reason = 'must be map if x-kubernetes-list-map-keys is non-empty';
    errors.push(listType === undefined ? requiredValue(at, reason) : invalidValue(at, listType, reason));
  }
  if (listType === 'map') checkMapList(schema, keys, path, errors);
  if (listType === 'set') checkSetList(schema, path, errors);
  if ((listType === 'map' || listType === 'set') && schema.items?.nullable) {
    const reason = `cannot be nullable when x-kubernetes-list-type is ${listType}`;
    errors.push(forbiddenValue(`${path}.items.nullable`, reason));
  }
}

function checkTypeIs(schema: Schema, type: string, extension: string, path: string, errors: StatusCause[]): void {
  if (schema.type === type) return;
  const reason = `must be ${type} if ${extension} is specified`;
  const at = `${path}.type`;
  errors.push(schema.type ? invalidValue(at, schema.type, reason) : requiredValue(at, reason));
}

function checkSetList(schema: Schema, path: string, errors: StatusCause[]): void {
  const { items } = schema;
  const inner = items?.['x-kubernetes-list-type'];
  const reason = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  if (items?.type === 'array' && inner !== undefined && inner !== 'atomic') {
    errors.push(invalidValue(`${path}.items.x-kubernetes-list-type`, inner, reason));
  }
  if (items?.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic') {
    errors.push(invalidValue(`${path}.items.x-kubernetes-map-type`, inner ?? null, reason));
  }
}

function checkMapList(schema: Schema, keys: readonly string[], path: string, errors: StatusCause[]): void {
  const at = `${path}.x-kubernetes-list-map-keys`;
  const { items } = schema;
  if (keys.length === 0) errors.push(requiredValue(at, 'must not be empty if x-kubernetes-list-type is map'));
  if (items === undefined) {
    errors.push(requiredValue(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map'));
    return;
  }
  if (items.type !== 'object') {
    const reason = "must be object if parent array's x-kubernetes-list-type is map";
    errors.push(invalidValue(`${path}.items.type`, items.type ?? '', reason));
    return;
  }
  if (new Set(keys).size < keys.length) errors.push(invalidValue(at, keys, 'must not contain duplicate entries'));
  for (const key of keys) checkMapKey(items, key, { at, path, keys }, errors);
}

function checkMapKey(
  items: Schema,
  key: string,
  list: { at: string; path: string; keys: readonly string[] },
  errors: StatusCause[],
): void {
  const property = items.properties && Object.hasOwn(items.properties, key) ? items.properties[key] : undefined;
  const where = `${list.path}.items.properties[${key}]`;
  if (property === undefined) {
    errors.push(invalidValue(list.at, list.keys, 'entries must all be names of item properties'));
    return;
  }
  if (property.type === 'array' || property.type === 'object') {
    const reason = "must be a scalar type if parent array's x-kubernetes-list-type is map";
    errors.push(invalidValue(`${where}.type`, items.type, reason));
  }
  if (!items.required?.includes(key) && property.default === undefined) {
    const reason =
      'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
    errors.push(requiredValue(`${where}.default`, reason));
  }
  if (property.nullable) {
    const reason = 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable';
    errors.push(forbiddenValue(`${where}.nullable`, reason));
  }
}
