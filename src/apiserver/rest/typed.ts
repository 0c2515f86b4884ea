import {
  badRequest,
  builtinTypeName,
  cloneJson,
  isFields,
  isZero,
  type KubeObject,
  type Schema,
  zeroValuesOf,
} from '../../machinery/index.ts';

interface Decoding {
  kind: string;
  version: string;
  unknown: string[];
  /** True to write the object as Go would: without empty fields that may be left out, and with those that may not. */
  complete: boolean;
}

const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity';

/**
 * Reads an object as its built-in type: a copy without unknown fields and nulls. A null in a list or map, which has a
 * place of its own, is its type's zero value, as in Go. Empty fields are left out or put there as Go would, too, unless
 * the object is to stay `asGiven`: an applied configuration owns the empty fields that it has.
 * @returns the copy, and the paths of the unknown fields.
 * @throws ApiError 400 for a value of the wrong JSON type, worded as kube-apiserver's decoder words it.
 */
export function decodeTyped(
  object: KubeObject,
  schema: Schema,
  asGiven = false,
): { object: KubeObject; unknown: string[] } {
  const version = object.apiVersion.slice(object.apiVersion.indexOf('/') + 1);
  const decoding: Decoding = { kind: object.kind, version, unknown: [], complete: !asGiven };
  const typed = decodeValueAs(object, schema, { parent: object.kind, path: '', fields: '' }, decoding) as KubeObject;
  typed.metadata ??= { name: '' };
  return { object: typed, unknown: decoding.unknown.sort() };
}

/** Where a value is: the Go type that holds it, its path from the root, and the names of the struct fields on that path. */
interface Place {
  parent: string;
  path: string;
  fields: string;
}

function decodeValueAs(value: unknown, schema: Schema, place: Place, decoding: Decoding): unknown {
  if (value === null) return undefined;
  if (schema['x-kubernetes-int-or-string']) {
    return typeof value === 'number' || typeof value === 'string' ? value : mismatch(value, 'string', place, decoding);
  }
  switch (schema.type) {
    case 'object':
      return isFields(value)
        ? decodeFields(value, schema, place, decoding)
        : mismatch(value, 'object', place, decoding);
    case 'array':
      if (!Array.isArray(value)) return mismatch(value, 'array', place, decoding);
      return value.map((item, index) => {
        const at = { ...place, path: `${place.path}[${index}]` };
        if (!schema.items) return cloneJson(item);
        return item === null ? zeroOf(schema.items) : decodeValueAs(item, schema.items, at, decoding);
      });
    case 'integer':
      if (typeof value === 'number' && Number.isInteger(value)) return value;
      return mismatch(value, schema.format ?? 'int64', place, decoding);
    case 'number':
      return typeof value === 'number' ? value : mismatch(value, 'float64', place, decoding);
    case 'boolean':
      return typeof value === 'boolean' ? value : mismatch(value, 'bool', place, decoding);
    case 'string':
      if (typeof value === 'string') return value;
      if (typeof value === 'number' && builtinTypeName(schema) === QUANTITY) return String(value);
      return mismatch(value, 'string', place, decoding);
    default:
      return cloneJson(value);
  }
}

function decodeFields(fields: Record<string, unknown>, schema: Schema, place: Place, decoding: Decoding): unknown {
  const { properties, additionalProperties } = schema;
  if (schema['x-kubernetes-preserve-unknown-fields'] && !properties) return cloneJson(fields);
  if (!properties)
    return additionalProperties ? decodeMap(fields, additionalProperties, place, decoding) : cloneJson(fields);
  const type = builtinTypeName(schema);
  const parent = type?.slice(type.lastIndexOf('.') + 1) ?? place.parent;
  const zeros = zeroValuesOf(type);
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(fields)) {
    const at: Place = { parent, path: joined(place.path, key), fields: joined(place.fields, key) };
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (!property) {
      decoding.unknown.push(at.path);
      continue;
    }
    const value = decodeValueAs(fields[key], property, at, decoding);
    const left = value === undefined || (decoding.complete && zeros.omitted.has(key) && isZero(value));
    if (!left) copy[key] = value;
  }
  if (decoding.complete) for (const [key, zero] of zeros.written) copy[key] ??= zero();
  return copy;
}

/** A map's values; a null among them is the zero value of their type. */
function decodeMap(fields: Record<string, unknown>, values: Schema | true, place: Place, decoding: Decoding): unknown {
  if (values === true) return cloneJson(fields);
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(fields)) {
    const at: Place = { ...place, path: joined(place.path, key) };
    const missing = fields[key] === null ? zeroOf(values) : undefined;
    const value = missing ?? decodeValueAs(fields[key], values, at, decoding);
    if (value !== undefined) copy[key] = value;
  }
  return copy;
}

function joined(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** The zero value of a type; undefined where that is null itself. */
function zeroOf(schema: Schema): unknown {
  switch (schema.type) {
    case 'string':
      return builtinTypeName(schema) === QUANTITY ? '0' : '';
    case 'integer':
    case 'number':
      return 0;
    case 'boolean':
      return false;
    case 'object':
      return {};
    default:
      return undefined;
  }
}

function mismatch(value: unknown, wanted: string, place: Place, { kind, version }: Decoding): never {
  const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  // Go names neither the keys of maps nor the indexes of lists here.
  const field = `${place.parent}.${place.fields}`;
  throw badRequest(
    `${kind} in version "${version}" cannot be handled as a ${kind}: ` +
      `json: cannot unmarshal ${found} into Go struct field ${field} of type ${wanted}`,
  );
}
