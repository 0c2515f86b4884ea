import type { Schema } from './schema.ts';
import type { StatusCause } from './status.ts';
import type { At, Check } from './structural-context.ts';

/**
 * The checks of allOf, anyOf, oneOf and not. Of alternatives that all fail, the errors of the one with the most passed
 * checks are reported, as kube-openapi does.
 */
export function compileJunctors(schema: Schema, compile: (schema: Schema) => Check): Check | undefined {
  const checks = [
    schema.anyOf?.length ? anyOf(schema.anyOf.map(compile)) : undefined,
    schema.oneOf?.length ? oneOf(schema.oneOf.map(compile)) : undefined,
    schema.allOf?.length ? allOf(schema.allOf.map(compile)) : undefined,
    schema.not === undefined ? undefined : not(compile(schema.not)),
  ].filter((check) => check !== undefined);
  if (checks.length === 0) return undefined;
  return (value, at) => {
    let passed = 1;
    for (const check of checks) passed += check(value, at);
    return passed;
  };
}

interface Result {
  passed: number;
  errors: StatusCause[];
}

function attempt(check: Check, value: unknown, at: At): Result {
  const errors: StatusCause[] = [];
  // Alternatives are not held against old values one by one: the schema around them is, as a whole.
  return { passed: check(value, { path: at.path, old: undefined, errors, rules: [] }), errors };
}

/** kube-apiserver attributes these to no field, and prints that as Go prints a nil path. */
function junctorError(at: At, text: string): StatusCause {
  const message = `Invalid value: "": "${at.path}" must ${text}`;
  return { reason: 'FieldValueInvalid', message, field: '<nil>' };
}

function anyOf(alternatives: readonly Check[]): Check {
  return (value, at) => {
    let best: Result | undefined;
    for (const alternative of alternatives) {
      const result = attempt(alternative, value, at);
      if (result.errors.length === 0) return result.passed;
      if (best === undefined || result.passed > best.passed) best = result;
    }
    at.errors.push(junctorError(at, 'validate at least one schema (anyOf)'), ...(best?.errors ?? []));
    return best?.passed ?? 0;
  };
}

function oneOf(alternatives: readonly Check[]): Check {
  return (value, at) => {
    let valid = 0;
    let best: Result | undefined;
    for (const alternative of alternatives) {
      const result = attempt(alternative, value, at);
      if (result.errors.length === 0) valid++;
      if (best === undefined || result.passed > best.passed) best = result;
    }
    if (valid === 1) return best?.passed ?? 0;
    const found = valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`;
    at.errors.push(junctorError(at, `validate one and only one schema (oneOf). ${found}`));
    if (valid === 0) at.errors.push(...(best?.errors ?? []));
    return best?.passed ?? 0;
  };
}

function allOf(parts: readonly Check[]): Check {
  return (value, at) => {
    const results = parts.map((part) => attempt(part, value, at));
    const failed = results.filter((result) => result.errors.length > 0);
    at.errors.push(...failed.flatMap((result) => result.errors));
    if (failed.length > 0) {
      const none = failed.length === results.length ? '. None validated' : '';
      at.errors.push(junctorError(at, `validate all the schemas (allOf)${none}`));
    }
    return results.reduce((sum, result) => sum + result.passed, 0);
  };
}

function not(refused: Check): Check {
  return (value, at) => {
    const result = attempt(refused, value, at);
    if (result.errors.length === 0) at.errors.push(junctorError(at, 'not validate the schema (not)'));
    return 0;
  };
}
