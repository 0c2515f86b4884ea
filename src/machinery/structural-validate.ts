import type { Schema } from './schema.ts';
import type { StatusCause } from './status.ts';
import { compiledSchema } from './structural-compile.ts';

export interface ValidateOptions {
  /** The object as it is stored: parts that did not change are not held against newer rules (KEP-4008). */
  old?: unknown;
  /** The path of the value in its object; empty for a whole object. */
  path?: string;
}

/**
 * The errors of a value against an OpenAPI v3 schema, worded and attributed to fields as kube-apiserver does
 * (kube-openapi's validation, apiextensions' list types and CEL rules). A schema is compiled once, on first use.
 */
export function validateSchema(value: unknown, schema: Schema, options: ValidateOptions = {}): StatusCause[] {
  const errors: StatusCause[] = [];
  const rules: (() => StatusCause[])[] = [];
  compiledSchema(schema)(value, { path: options.path ?? '', old: options.old, errors, rules });
  return errors.length > 0 ? errors : rules.flatMap((rule) => rule());
}
