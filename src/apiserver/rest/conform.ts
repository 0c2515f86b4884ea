import { applySchemaDefaults, cloneJson, type KubeObject, pruneUnknown, type Schema } from '../../machinery/index.ts';
import type { Registration } from '../registry/registration.ts';
import { dropEmpty } from './metadata.ts';
import { decodeTyped } from './typed.ts';

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
  return { object: pruned, unknown: [...unknown] };
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
