import { parse as parseYaml } from 'yaml';
import { ApiError, badRequest, decodeProtobuf, type KubeObject } from '../../machinery/index.ts';
import { cloneJson, isObject } from './json.ts';
import type { ApiRequest } from './request.ts';

const JSON_TYPE = 'application/json';
const YAML_TYPE = 'application/yaml';
const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';
const OBJECT_TYPES = [JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE];
/** Deeper JSON is refused: nothing in Kubernetes nests like that, and recursion must end before the stack does. */
const MAX_DEPTH = 512;

/** 415, as upstream words it. */
export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  return new ApiError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

/**
 * The body as a JSON value that belongs to the caller.
 * @throws ApiError 400 for a body that is not well formed.
 */
export function decodeValue(request: ApiRequest): unknown {
  const { body } = request;
  if ('value' in body) return cloneJson(body.value);
  const yaml = request.contentType === YAML_TYPE || request.contentType === 'application/apply-patch+yaml';
  const text = body.bytes.toString('utf8');
  return yaml ? decodeYaml(text) : parseJson(text);
}

/** Parses JSON; `__proto__` keys are dropped, as nothing of ours has them and they are only ever an attack. */
function parseJson(text: string): unknown {
  checkDepth(text);
  try {
    const value: unknown = JSON.parse(text);
    return text.includes('__proto__') ? cloneJson(value) : value;
  } catch (error) {
    if (error instanceof SyntaxError) throw badRequest(`error decoding the request body: ${error.message}`);
    throw error;
  }
}

function decodeYaml(text: string): unknown {
  // JSON is YAML, and nearly every apply patch is JSON.
  if (text.trimStart().startsWith('{')) {
    try {
      return parseJson(text);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }
  try {
    return cloneJson(parseYaml(text, { maxAliasCount: 100, schema: 'core' }) as unknown);
  } catch (error) {
    throw badRequest(`error decoding YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function checkDepth(text: string): void {
  // A text without that many opening brackets cannot nest that deep; most end here.
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (quoted) {
      if (code === 0x5c) i++;
      else if (code === 0x22) quoted = false;
    } else if (code === 0x22) quoted = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > MAX_DEPTH) throw badRequest(`error decoding the request body: exceeded max depth of ${MAX_DEPTH}`);
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
}

/**
 * The body as an object of some kind, in JSON, YAML or protobuf.
 * @param expected the type of an object that does not say what it is: upstream fills that in for built-in types.
 * @throws ApiError 400 for what is not an object, 415 for another media type.
 */
export function decodeObject(request: ApiRequest, expected?: TypeMeta): KubeObject {
  const { contentType, body } = request;
  if (contentType === PROTOBUF_TYPE && 'bytes' in body) return decodeProtobuf(body.bytes);
  if (contentType !== '' && !OBJECT_TYPES.includes(contentType)) throw unsupportedMediaType(OBJECT_TYPES);
  return asObject(decodeValue(request), expected);
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
  if (!isObject(value)) {
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
  if (!isObject(value['metadata'])) {
    throw badRequest('error decoding the request body: json: cannot unmarshal metadata into an object');
  }
  return value as KubeObject;
}
