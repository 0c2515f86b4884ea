import { difference, type FieldSet, union } from './field-set.ts';
import { isFields } from './json.ts';
import type { KubeObject } from './object.ts';
import type { Schema } from './schema.ts';
import { compare, fieldsOfStored } from './typed-compare.ts';

/** Where `kubectl apply` without --server-side keeps what it applied. */
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';
const maxAnnotationBytes = 256 * 1024;

/**
 * What `kubectl apply --server-side` may take without a conflict: the fields that client-side apply set last and
 * nobody has changed since. undefined: none.
 */
export function allowedByLastApplied(input: {
  live: KubeObject | undefined;
  apiVersion: string;
  schema: Schema;
}): FieldSet | undefined {
  const { live, apiVersion, schema } = input;
  const lastApplied = parseObject(live?.metadata.annotations?.[lastAppliedAnnotation]);
  if (!lastApplied || lastApplied.apiVersion !== apiVersion) return undefined;
  const { changed, removed } = compare(lastApplied, live, schema);
  return difference(fieldsOfStored(lastApplied, schema), union(changed, removed));
}

function parseObject(text: string | undefined): Record<string, unknown> | undefined {
  if (!text) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    // Anybody may write the annotation; one that is not JSON allows nothing.
    return undefined;
  }
}

/**
 * The object with its last-applied annotation, if it has one, brought up to what was applied, so that going back to
 * client-side apply works. An annotation that would be too large is dropped.
 */
export function withLastApplied(object: KubeObject, applied: KubeObject): KubeObject {
  const { annotations } = object.metadata;
  if (!annotations?.[lastAppliedAnnotation]) return object;
  const { [lastAppliedAnnotation]: _, ...others } = annotations;
  const text = `${JSON.stringify(withoutAnnotation(applied))}\n`;
  const bytes = Object.entries({ ...others, [lastAppliedAnnotation]: text }).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  const kept = bytes > maxAnnotationBytes ? others : { ...annotations, [lastAppliedAnnotation]: text };
  return { ...object, metadata: { ...object.metadata, annotations: kept } };
}

function withoutAnnotation(applied: KubeObject): KubeObject {
  const { annotations, ...metadata } = applied.metadata;
  if (!annotations) return applied;
  const { [lastAppliedAnnotation]: _, ...others } = annotations;
  return {
    ...applied,
    metadata: Object.keys(others).length === 0 ? metadata : { ...metadata, annotations: others },
  };
}
