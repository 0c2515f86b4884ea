import {
  ApiError,
  badRequest,
  decodeProtobuf,
  hasLongNumber,
  integerOf,
  isFields,
  type KubeObject,
  parseJson,
  yaml,
} from '../../machinery/index.ts';
import { duplicateFields, shapeOf } from './duplicates.ts';
import type { ApiRequest } from './request.ts';

const JSON_TYPE = 'application/json';
const YAML_TYPE = 'application/yaml';
const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';
const OBJECT_TYPES = [JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE];
/** Deeper bodies are refused: nothing in Kubernetes nests like that, and recursion must end before the stack does. */
const MAX_DEPTH = 512;
/** The key itself, or an escape that it may hide in. */
const HOSTILE_KEY = /__proto__|\\u005f/i;

/** 415, as upstream words it. */
export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  return new ApiError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

/** A body as a JSON value that belongs to the caller, and the paths of the fields that its text gives twice. */
export interface Decoded<T> {
  value: T;
  duplicates: readonly string[];
}

const NONE: readonly string[] = [];

/**
 * Reads a JSON or YAML body, whatever it is the body of.
 * @throws ApiError 400 for a body that is not well formed, or nested too deep.
 */
export function decodeBody(request: ApiRequest): Decoded<unknown> {
  const { body } = request;
  if ('value' in body) return { value: ownCopy(body.value), duplicates: NONE };
  const isYaml = request.contentType === YAML_TYPE || request.contentType === 'application/apply-patch+yaml';
  const text = body.bytes.toString('utf8');
  return isYaml ? decodeYaml(text) : decodeJson(text);
}

/** As decodeBody, for bodies whose duplicate fields nobody asks about. */
export function decodeValue(request: ApiRequest): unknown {
  return decodeBody(request).value;
}

function tooDeep(): ApiError {
  return badRequest(`error decoding the request body: exceeded max depth of ${MAX_DEPTH}`);
}

/** Parses JSON; `__proto__` keys are dropped, as nothing of ours has them and they are only ever an attack. */
function decodeJson(text: string): Decoded<unknown> {
  const { depth, fields } = shapeOf(text);
  if (depth > MAX_DEPTH) throw tooDeep();
  try {
    const value = parseJson(text);
    const duplicates = duplicateFields(text, value, fields);
    return { value: HOSTILE_KEY.test(text) ? ownCopy(value) : value, duplicates };
  } catch (error) {
    if (error instanceof SyntaxError) throw badRequest(`error decoding the request body: ${error.message}`);
    throw error;
  }
}

function decodeYaml(text: string): Decoded<unknown> {
  // JSON is YAML, and nearly every apply patch is JSON.
  if (text.trimStart().startsWith('{')) {
    try {
      return decodeJson(text);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }
  return { value: ownCopy(parseYamlText(text)), duplicates: NONE };
}

/** YAML's own ways to be hostile end here: aliases that multiply, nesting that exhausts the stack, duplicate keys. */
function parseYamlText(text: string): unknown {
  try {
    // The parser compares each key with all before it; refuseDuplicateKeys looks them up.
    const intAsBigInt = hasLongNumber(text);
    const document = yaml().parseDocument(text, { uniqueKeys: false, schema: 'core', logLevel: 'error', intAsBigInt });
    const [problem] = document.errors;
    if (problem) throw problem;
    refuseDuplicateKeys(document.contents);
    const reviver = (_: unknown, value: unknown): unknown => (typeof value === 'bigint' ? integerOf(value) : value);
    return document.toJS(intAsBigInt ? { maxAliasCount: 100, reviver } : { maxAliasCount: 100 });
  } catch (error) {
    throw badRequest(`error decoding YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Throws an Error for a map that gives a key twice. Keys that are no scalars become text, and are compared as that. */
function refuseDuplicateKeys(root: unknown): void {
  const { isCollection, isPair } = yaml();
  const pending: unknown[] = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (!isCollection(node)) continue;
    const keys = new Set<string>();
    for (const item of node.items) {
      if (!isPair(item)) {
        pending.push(item ?? null);
        continue;
      }
      const key = String(item.key);
      if (keys.has(key)) throw new Error(`key ${JSON.stringify(key)} already set in map`);
      keys.add(key);
      pending.push(item.value ?? null);
    }
  }
}

/** A deep copy without undefined and without `__proto__` keys. Throws ApiError 400 for what is nested too deep. */
function ownCopy<T>(value: T, depth = 0): T {
  if (value === null || typeof value !== 'object') return value;
  if (depth === MAX_DEPTH) throw tooDeep();
  if (Array.isArray(value)) return value.map((item) => ownCopy(item as unknown, depth + 1)) as T;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    if (item !== undefined && key !== '__proto__') copy[key] = ownCopy(item, depth + 1);
  }
  return copy as T;
}

/**
 * The body as an object of some kind, in JSON, YAML or protobuf, and the fields that its text gives twice.
 * @param expected the type of an object that does not say what it is: upstream fills that in for built-in types.
 * @throws ApiError 400 for what is not an object, 415 for another media type.
 */
export function decodeStrictly(request: ApiRequest, expected?: TypeMeta): Decoded<KubeObject> {
  const { contentType, body } = request;
  if (contentType === PROTOBUF_TYPE && 'bytes' in body) {
    return { value: asObject(ownCopy(decodeProtobuf(body.bytes)), expected), duplicates: NONE };
  }
  if (contentType !== '' && !OBJECT_TYPES.includes(contentType)) throw unsupportedMediaType(OBJECT_TYPES);
  const { value, duplicates } = decodeBody(request);
  return { value: asObject(value, expected), duplicates };
}

/** As decodeStrictly, for options and reviews: nobody asks about their duplicates, and behaviour computes with their numbers. */
export function decodeObject(request: ApiRequest, expected?: TypeMeta): KubeObject {
  const { value } = decodeStrictly(request, expected);
  const { body } = request;
  const exact = 'bytes' in body && hasLongNumber(body.bytes.toString('latin1'));
  return exact ? (JSON.parse(JSON.stringify(value)) as KubeObject) : value;
}

/** The body as whoever logs it sees it: a value in any of the formats, or undefined if it is none. */
export function decodeAny(request: ApiRequest): unknown {
  try {
    const { body, contentType } = request;
    if (!('bytes' in body) || body.bytes.length === 0) return undefined;
    return contentType === PROTOBUF_TYPE ? decodeProtobuf(body.bytes) : decodeValue(request);
  } catch (error) {
    // Whoever answers the request says what is wrong with it.
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}

/** The body of a delete: absent, or DeleteOptions that need not say so. */
export function decodeOptionalObject(request: ApiRequest): KubeObject | undefined {
  const { body } = request;
  const empty = 'bytes' in body ? body.bytes.length === 0 : body.value === undefined;
  return empty ? undefined : decodeObject(request, { apiVersion: 'meta.k8s.io/v1', kind: 'DeleteOptions' });
}

/** The type of an object, as the object itself says it. */
interface TypeMeta {
  apiVersion: string;
  kind: string;
}

/** Checks that a value looks like an object: a map whose metadata, if there, is one too. `expected` is what it is when it does not say. */
export function asObject(value: unknown, expected?: TypeMeta): KubeObject {
  if (!isFields(value)) {
    throw badRequest('error decoding the request body: json: cannot unmarshal it into an object');
  }
  if (expected) {
    value['kind'] ||= expected.kind;
    value['apiVersion'] ||= expected.apiVersion;
  }
  if (typeof value['kind'] !== 'string' || value['kind'] === '') {
    throw badRequest("Object 'Kind' is missing in the request body");
  }
  if (typeof value['apiVersion'] !== 'string') {
    throw badRequest("Object 'apiVersion' is missing in the request body");
  }
  value['metadata'] ??= {};
  if (!isFields(value['metadata'])) {
    throw badRequest('error decoding the request body: json: cannot unmarshal metadata into an object');
  }
  return value as KubeObject;
}
