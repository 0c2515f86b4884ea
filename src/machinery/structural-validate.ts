import type { CelBudget } from './cel/budget.ts';
import { invalidValue } from './field-error.ts';
import type { Schema } from './schema.ts';
import { anywhere } from './schema-anywhere.ts';
import type { StatusCause } from './status.ts';
import { compiledSchema } from './structural-compile.ts';
import { RULE_BUDGET } from './structural-rules.ts';

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
  const rules: ((budget: CelBudget) => StatusCause[])[] = [];
  compiledSchema(schema)(value, { path: options.path ?? '', old: options.old, errors, rules });
  if (errors.some(({ reason }) => blocking.has(reason ?? ''))) {
    return hasRules(schema) ? [...errors, NOT_CHECKED] : errors;
  }
  const budget = { left: RULE_BUDGET };
  return [...errors, ...rules.flatMap((rule) => rule(budget))];
}

/** Errors after which rules cannot rely on what the schema says. */
const blocking = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

const NOT_CHECKED = invalidValue(
  '<nil>',
  undefined,
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
);

/** Whether a schema has rules anywhere that values can reach. */
const hasRules = anywhere((schema) => (schema['x-kubernetes-validations']?.length ?? 0) > 0);
