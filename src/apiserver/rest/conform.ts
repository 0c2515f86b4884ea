import {
  applySchemaDefaults,
  badRequest,
  cloneJson,
  embeddedResources,
  type Fields,
  invalidValue,
  type KubeObject,
  pruneUnknown,
  type Schema,
} from '../../machinery/index.ts';
import type { Registration } from '../registry/registration.ts';
import { dropEmpty } from './metadata.ts';
import { decodeEmbeddedMetadata, decodeTyped } from './typed.ts';

/**
 * An object as a resource's type has it: a copy without unknown fields, and their paths.
 * @param asGiven true to keep empty fields as they are.
 * @throws ApiError 400 for a value of the wrong JSON type.
 */
export function conform(
  { served, custom }: Registration,
  object: KubeObject,
  asGiven = false,
): { object: KubeObject; unknown: string[] } {
  return custom ? conformCustom(object, served.schema) : decodeTyped(object, served.schema, asGiven);
}

/** A custom resource: metadata is read as its built-in type, the rest pruned by the schema. */
function conformCustom(object: KubeObject, schema: Schema): { object: KubeObject; unknown: string[] } {
  const { apiVersion, kind, metadata } = object;
  const head = decodeTyped({ apiVersion, kind, metadata }, { type: 'object', properties: schema.properties ?? {} });
  const { object: pruned, removed } = pruneUnknown(cloneJson(object), schema);
  pruned.metadata = head.object.metadata;
  const unknown = new Set([...head.unknown, ...removed]);
  for (const { resource, path } of embeddedResources(pruned, schema)) {
    for (const problem of conformEmbedded(object, resource, path)) unknown.add(problem);
  }
  return { object: pruned, unknown: [...unknown] };
}

/** Reads what every resource has as its built-in type, in place. Returns the paths of unknown fields. */
function conformEmbedded(object: KubeObject, resource: Fields, path: string): string[] {
  const { kind, apiVersion } = object;
  for (const field of ['apiVersion', 'kind']) {
    if (resource[field] === undefined || typeof resource[field] === 'string') continue;
    const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
    const { message } = invalidValue('', resource[field], 'must be a string');
    throw badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${path}.${field}: ${message}`);
  }
  if (resource['metadata'] === undefined) return [];
  const { metadata, unknown } = decodeEmbeddedMetadata(object, resource['metadata'], `${path}.metadata`);
  resource['metadata'] = metadata;
  return unknown;
}

/** What holds of every stored object: no empty maps, and all defaults. In place. */
export function normalize(registration: Registration, object: KubeObject): void {
  dropEmpty(object);
  applyDefaults(registration, object);
}

/** Fills in defaults in place: those of a CRD's schema, or those of a built-in kind. */
function applyDefaults({ served, custom }: Registration, object: KubeObject): void {
  if (!custom) {
    served.strategy?.applyDefaults?.(object);
    return;
  }
  const defaulted = applySchemaDefaults(object, served.schema);
  for (const field of Object.keys(object)) if (!(field in defaulted)) delete object[field];
  Object.assign(object, defaulted);
}
