import {
  type ApiError,
  badRequest,
  builtinSchemaByName,
  builtinTypeName,
  cloneJson,
  type Fields,
  invalidValue,
  isFields,
  isZero,
  type KubeObject,
  type Schema,
  type ZeroValues,
  zeroValuesOf,
} from '../../machinery/index.ts';
import { goBytes, goMicroTime, goQuantity, goTime } from './typed-scalars.ts';

interface Decoding {
  kind: string;
  version: string;
  unknown: string[];
  /** True to write the object as Go would: without empty fields that may be left out, and with those that may not. */
  complete: boolean;
  /** What comes before what is wrong: where, if Go reads a part of the object by itself. */
  where?: string;
}

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
  const root: Place = { parent: undefined, key: '', named: false, type: object.kind };
  const typed = decoderOf(schema)(object, root, '', decoding) as KubeObject;
  typed.metadata ??= { name: '' };
  return { object: typed, unknown: decoding.unknown.sort() };
}

const metadataSchema = builtinSchemaByName('meta.v1.ObjectMeta') ?? {};

/**
 * Reads the metadata of a resource that a custom resource has at a path, as Go's ObjectMeta, as decodeTyped reads objects.
 * @throws ApiError 400 for a value of the wrong JSON type.
 */
export function decodeEmbeddedMetadata(
  { apiVersion, kind }: KubeObject,
  metadata: unknown,
  path: string,
): { metadata: Fields; unknown: string[] } {
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
  const { message } = invalidValue('', metadata, '');
  const decoding: Decoding = { kind, version, unknown: [], complete: true, where: `${path}: ${message}: ` };
  if (metadata !== null && !isFields(metadata)) {
    const why = `json: cannot unmarshal ${foundType(metadata, '')} into Go value of type v1.ObjectMeta`;
    throw unreadable(why, decoding);
  }
  const root: Place = { parent: undefined, key: '', named: false, type: 'ObjectMeta' };
  const typed = decoderOf(metadataSchema)(metadata ?? {}, root, '', decoding) as Fields;
  return { metadata: typed, unknown: decoding.unknown.map((field) => `${path}.${field}`) };
}

/** An object, list or map on the way down to a value. Its path is only put together when there is something to say. */
interface Place {
  readonly parent: Place | undefined;
  /** Its key or index in its parent. */
  readonly key: string | number;
  /** True when the key is that of a struct's field. */
  readonly named: boolean;
  /** The Go type that holds the values in it. */
  readonly type: string;
}

/**
 * Reads a value of one schema; undefined for a null.
 * @param place what the value lies in.
 * @param key where in that.
 */
type Decoder = (value: unknown, place: Place, key: string | number, decoding: Decoding) => unknown;

const decoders = new WeakMap<Schema, Decoder>();

/** The decoder of a schema, made when it is first needed: schemas may be recursive. */
function decoderOf(schema: Schema): Decoder {
  let decoder = decoders.get(schema);
  if (!decoder) {
    decoder = createDecoder(schema);
    decoders.set(schema, decoder);
  }
  return decoder;
}

function createDecoder(schema: Schema): Decoder {
  if (schema['x-kubernetes-int-or-string']) {
    return scalar('int32', (value) => typeof value === 'string' || isInt32(value));
  }
  if (schema.format === 'quantity') return textual(isAnything, goQuantity);
  if (builtinTypeName(schema) === 'runtime.RawExtension') return anyJson;
  switch (schema.type) {
    case 'object':
      return objectDecoder(schema);
    case 'array':
      return listDecoder(schema);
    case 'integer':
      return schema.format === 'int32' ? scalar('int32', isInt32) : scalar('int64', isInt64);
    case 'number':
      return scalar('float64', (value) => typeof value === 'number');
    case 'boolean':
      return scalar('bool', (value) => typeof value === 'boolean');
    case 'string':
      return stringDecoder(schema);
    default:
      return anyJson;
  }
}

const anyJson: Decoder = (value) => (value === null ? undefined : cloneJson(value));

function stringDecoder(schema: Schema): Decoder {
  if (schema.format === 'byte') return textual(isText, goBytes, '[]uint8');
  if (schema.format !== 'date-time') return scalar('string', isText);
  return textual(isText, builtinTypeName(schema) === 'meta.v1.MicroTime' ? goMicroTime : goTime);
}

const isAnything = (): boolean => true;
const isInt32 = (value: unknown): boolean => typeof value === 'number' && (value | 0) === value;
const isInt64 = (value: unknown): boolean => Number.isInteger(value) && Math.abs(value as number) <= 2 ** 63;
const isText = (value: unknown): boolean => typeof value === 'string';

function scalar(type: string, fits: (value: unknown) => boolean): Decoder {
  return (given, place, key, decoding) => {
    // Behaviour of ours computes with the fields of built-in kinds, of which none is that large.
    const value = typeof given === 'bigint' ? Number(given) : given;
    if (fits(value)) return value;
    return value === null ? undefined : mismatch(value, type, place, key, decoding);
  };
}

/** A text that stands for something else. Go's own decoder of it says what is wrong, without saying where. */
function textual(fits: (value: unknown) => boolean, read: (text: string) => unknown, type = 'string'): Decoder {
  return (value, place, key, decoding) => {
    if (value === null) return undefined;
    if (!fits(value)) return mismatch(value, type, place, key, decoding);
    try {
      return read(value as string);
    } catch (error) {
      throw unreadable(error instanceof Error ? error.message : String(error), decoding);
    }
  };
}

function unreadable(why: string, { kind, version, where = '' }: Decoding): ApiError {
  return badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${where}${why}`);
}

function listDecoder(schema: Schema): Decoder {
  const { items } = schema;
  const decode = items && decoderOf(items);
  const zero = items && zeroOf(items);
  return (value, place, key, decoding) => {
    if (value === null) return undefined;
    if (!Array.isArray(value)) return mismatch(value, goTypeOf(schema), place, key, decoding);
    if (!decode) return value.map(cloneJson);
    const at: Place = { parent: place, key, named: false, type: place.type };
    return value.map((item, index) => (item === null ? zero?.() : decode(item, at, index, decoding)));
  };
}

function objectDecoder(schema: Schema): Decoder {
  const { properties, additionalProperties } = schema;
  let decode: FieldsDecoder = cloneJson;
  if (properties) decode = structDecoder(schema, properties);
  else if (typeof additionalProperties === 'object' && !schema['x-kubernetes-preserve-unknown-fields']) {
    decode = mapDecoder(additionalProperties);
  }
  return (value, place, key, decoding) => {
    if (isFields(value)) return decode(value, place, key, decoding);
    return value === null ? undefined : mismatch(value, goTypeOf(schema), place, key, decoding);
  };
}

type FieldsDecoder = (fields: Fields, place: Place, key: string | number, decoding: Decoding) => Fields;

function structDecoder(schema: Schema, properties: Record<string, Schema>): FieldsDecoder {
  const typeName = builtinTypeName(schema);
  const ownType = typeName?.slice(typeName.lastIndexOf('.') + 1);
  const { omitted, written } = zeroValuesOf(typeName);
  const nulled = nullWhenEmpty(typeName, written);
  const known = new Map<string, { decode: Decoder; omitted: boolean }>();
  const fieldOf = (name: string) => {
    let field = known.get(name);
    if (field || !Object.hasOwn(properties, name)) return field;
    const kept = keptEmpty.has(`${typeName}.${name}`);
    field = { decode: decoderOf(properties[name] as Schema), omitted: omitted.has(name) && !kept };
    known.set(name, field);
    return field;
  };
  return (fields, place, key, decoding) => {
    // What is no Go type is on no path: of custom resources Go reads the metadata by itself.
    const at: Place = { parent: place, key, named: ownType !== undefined, type: ownType ?? place.type };
    const copy: Fields = {};
    for (const name of Object.keys(fields)) {
      const field = fieldOf(name);
      if (!field) {
        decoding.unknown.push(pathOf(at, name));
        continue;
      }
      const value = field.decode(fields[name], at, name, decoding);
      const left = value === undefined || (decoding.complete && field.omitted && isZero(value));
      if (!left) copy[name] = decoding.complete && nulled.has(name) && isEmptyList(value) ? null : value;
    }
    if (decoding.complete) for (const [name, zero] of written) copy[name] ??= zero();
    return copy;
  };
}

/** Lists that upstream's defaults leave empty, for its validation to refuse, where a client sends them so. */
const keptEmpty: ReadonlySet<string> = new Set(['autoscaling.v2.HPAScalingRules.policies']);

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

/**
 * The lists that are written even when they are empty: null, as protobuf, in which upstream keeps its objects, knows no
 * list without items. CRDs it keeps as they came.
 */
function nullWhenEmpty(typeName: string | undefined, written: ZeroValues['written']): ReadonlySet<string> {
  if (typeName?.startsWith('apiextensions.')) return new Set();
  return new Set(written.filter(([, zero]) => zero() === null).map(([name]) => name));
}

/** A map's values; a null among them is the zero value of their type. */
function mapDecoder(values: Schema): FieldsDecoder {
  const decode = decoderOf(values);
  const zero = zeroOf(values);
  return (fields, place, key, decoding) => {
    const at: Place = { parent: place, key, named: false, type: place.type };
    const copy: Fields = {};
    for (const name of Object.keys(fields)) {
      const value = fields[name] === null ? zero() : decode(fields[name], at, name, decoding);
      if (value !== undefined) copy[name] = value;
    }
    return copy;
  };
}

/** The zero value of a type; undefined where that is null itself. */
function zeroOf(schema: Schema): () => unknown {
  switch (schema.type) {
    case 'string':
      return () => '';
    case 'integer':
    case 'number':
      return () => 0;
    case 'boolean':
      return () => false;
    case 'object':
      return () => ({});
    default:
      return schema.format === 'quantity' ? () => '0' : () => undefined;
  }
}

/** The path of a value: 'spec.containers[0].image'. */
function pathOf(place: Place, key: string | number): string {
  const above = place.parent ? pathOf(place.parent, place.key) : '';
  if (typeof key === 'number') return `${above}[${key}]`;
  return above === '' ? key : `${above}.${key}`;
}

/** The names of the struct fields on the way to a value. Go names neither the keys of maps nor the indexes of lists. */
function fieldsTo(place: Place, key: string | number): string {
  const above = place.parent ? fieldsTo(place.parent, place.key) : '';
  if (!place.named) return above;
  return above === '' ? String(key) : `${above}.${key}`;
}

function mismatch(value: unknown, wanted: string, place: Place, key: string | number, decoding: Decoding): never {
  const found = foundType(value, wanted);
  const field = `${place.type}.${fieldsTo(place, key)}`;
  throw unreadable(`json: cannot unmarshal ${found} into Go struct field ${field} of type ${wanted}`, decoding);
}

/** What Go calls the type of a list, map or struct: '[]v1.Container', 'map[string]string'. */
function goTypeOf(schema: Schema): string {
  const name = builtinTypeName(schema);
  if (name !== undefined) return name.split('.').slice(-2).join('.');
  const { type, items, additionalProperties } = schema;
  if (type === 'array' && items) return `[]${goTypeOf(items)}`;
  if (typeof additionalProperties === 'object') return `map[string]${goTypeOf(additionalProperties)}`;
  if (type === 'boolean') return 'bool';
  return (type === 'integer' ? schema.format : type) ?? 'object';
}

/** A number is shown where another number would do. */
function foundType(value: unknown, wanted: string): string {
  if (typeof value === 'number' || typeof value === 'bigint')
    return /^(int|float)/.test(wanted) ? `number ${value}` : 'number';
  if (typeof value === 'boolean') return 'bool';
  return Array.isArray(value) ? 'array' : typeof value;
}
