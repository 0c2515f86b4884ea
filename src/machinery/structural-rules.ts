import { type CelProgram, compileCel } from './cel.ts';
import { CelError } from './cel-error.ts';
import { duplicateValue, forbiddenValue, invalidValue, requiredValue } from './field-error.ts';
import { equalJson } from './json.ts';
import type { Schema, ValidationRule } from './schema.ts';
import type { StatusCause } from './status.ts';

/** Evaluates a schema's `x-kubernetes-validations` on a value: the errors, worded as kube-apiserver does (KEP-2876). */
export type RuleCheck = (value: unknown, old: unknown, path: string) => StatusCause[];

/** The rules of a schema, compiled on first use; undefined when it has none. */
export function ruleCheck(schema: Schema): RuleCheck | undefined {
  // Optional oldSelf has no counterpart in a JSON value: such rules are not enforced, and the CRD's warnings say so.
  const rules = schema['x-kubernetes-validations']?.filter((rule) => !rule.optionalOldSelf) ?? [];
  if (rules.length === 0) return undefined;
  const type = schema.type ?? '';
  let compiled: RuleCheck[] | undefined;
  return (value, old, path) => {
    if (value === null) return [];
    compiled ??= rules.map((rule) => compileRule(rule, type));
    return compiled.flatMap((check) => check(value, old, path));
  };
}

function compileRule(rule: ValidationRule, type: string): RuleCheck {
  const program = compileOrError(rule.rule);
  // A CRD is accepted with such a rule only if this evaluator lacks what the rule needs; its warnings said so.
  if (program instanceof CelError) return () => [];
  const message = rule.messageExpression === undefined ? undefined : compileOrError(rule.messageExpression);
  const isTransition = program.references.some(([variable]) => variable === 'oldSelf');
  return (value, old, path) => {
    if (isTransition && old === undefined) return [];
    const variables = old === undefined ? { self: value } : { self: value, oldSelf: old };
    const failure = evaluateRule(program, rule, variables);
    if (failure === undefined || (!isTransition && old !== undefined && equalJson(value, old))) return [];
    if (failure !== 'false') return [invalidValue(path, type, failure)];
    const at = rule.fieldPath ? `${path}${rule.fieldPath}`.replace(/^\./, '') : path;
    return [causeOf(rule, at, type, messageOf(rule, message, variables))];
  };
}

function compileOrError(source: string): CelProgram | CelError {
  try {
    return compileCel(source, { variables: ['self', 'oldSelf'] });
  } catch (error) {
    if (error instanceof CelError) return error;
    throw error;
  }
}

/** undefined when the rule holds, 'false' when it does not, or why it could not be evaluated. */
function evaluateRule(program: CelProgram, rule: ValidationRule, variables: Record<string, unknown>) {
  try {
    return program.evaluate(variables) === true ? undefined : 'false';
  } catch (error) {
    if (error instanceof CelError) return `${error.message} evaluating rule: ${shown(rule)}`;
    throw error;
  }
}

const shown = (rule: ValidationRule): string => (rule.message || rule.rule).trim();

function messageOf(
  rule: ValidationRule,
  program: CelProgram | CelError | undefined,
  variables: Record<string, unknown>,
): string {
  const fixed = rule.message ? rule.message.trim() : `failed rule: ${rule.rule.trim()}`;
  if (program === undefined || program instanceof CelError) return fixed;
  try {
    const text = program.evaluate(variables);
    return typeof text === 'string' && text.trim() !== '' && !text.includes('\n') ? text.trim() : fixed;
  } catch (error) {
    if (error instanceof CelError) return fixed;
    throw error;
  }
}

function causeOf(rule: ValidationRule, path: string, type: string, detail: string): StatusCause {
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return forbiddenValue(path, detail);
    case 'FieldValueRequired':
      return requiredValue(path, detail);
    case 'FieldValueDuplicate':
      return duplicateValue(path, type);
    default:
      return invalidValue(path, type, detail);
  }
}
