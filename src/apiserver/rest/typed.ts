import {
  badRequest,
  builtinTypeName,
  cloneJson,
  isFields,
  type KubeObject,
  type Schema,
} from '../../machinery/index.ts';

interface Decoding {
  kind: string;
  version: string;
  unknown: string[];
}

const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity';

/**
 * Reads an object as its built-in type: a copy without unknown fields and nulls. A null in a list or map, which has a
 * place of its own, is its type's zero value, as in Go.
 * @returns the copy, and the paths of the unknown fields.
 * @throws ApiError 400 for a value of the wrong JSON type, worded as kube-apiserver's decoder words it.
 */
export function decodeTyped(object: KubeObject, schema: Schema): { object: KubeObject; unknown: string[] } {
  const version = object.apiVersion.slice(object.apiVersion.indexOf('/') + 1);
  const decoding: Decoding = { kind: object.kind, version, unknown: [] };
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
  if (schema['x-kubernetes-preserve-unknown-fields'] && !schema.properties) return cloneJson(fields);
  const { properties, additionalProperties } = schema;
  if (!properties && !additionalProperties) return cloneJson(fields);
  const parent = builtinTypeName(schema)?.split('.').at(-1) ?? place.parent;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(fields)) {
    const property = properties && Object.hasOwn(properties, key) ? properties[key] : undefined;
    const at: Place = { parent, path: joined(place.path, key), fields: place.fields };
    if (property) at.fields = joined(place.fields, key);
    const known = property ?? additionalProperties;
    if (!known) {
      decoding.unknown.push(at.path);
      continue;
    }
    if (known === true) copy[key] = cloneJson(fields[key]);
    else {
      const missing = property || fields[key] !== null ? undefined : zeroOf(known);
      const value = missing ?? decodeValueAs(fields[key], known, at, decoding);
      if (value !== undefined) copy[key] = value;
    }
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
