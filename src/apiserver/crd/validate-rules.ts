import {
  CelError,
  compileCel,
  invalidValue,
  requiredValue,
  type Schema,
  type StatusCause,
  type ValidationRule,
} from '../../machinery/index.ts';
import { innerSchemas } from './walk.ts';

/** The errors of `x-kubernetes-validations`: rules that do not compile, messages that could not be shown. */
export function ruleErrors(schema: Schema, path: string): StatusCause[] {
  const own = (schema['x-kubernetes-validations'] ?? []).flatMap((rule, i) =>
    errorsOfRule(rule, `${path}.x-kubernetes-validations[${i}]`),
  );
  return [...own, ...innerSchemas(schema).flatMap(([where, inner]) => ruleErrors(inner, `${path}.${where}`))];
}

function errorsOfRule(rule: ValidationRule, at: string): StatusCause[] {
  const text = (rule.rule ?? '').trim();
  const message = rule.message?.trim();
  if (text === '') return [requiredValue(`${at}.rule`, 'rule is not specified')];
  if (message === '') return [invalidValue(`${at}.message`, rule.message, 'must be non-empty if specified')];
  if (message?.includes('\n')) return [invalidValue(`${at}.message`, rule.message, 'must not contain line breaks')];
  if (text.includes('\n') && message === undefined) {
    return [requiredValue(`${at}.message`, 'message must be specified if rule contains line breaks')];
  }
  return [
    ...compileErrors(rule, text, `${at}.rule`),
    ...compileErrors(rule, rule.messageExpression, `${at}.messageExpression`),
  ];
}

function compileErrors(rule: ValidationRule, expression: string | undefined, at: string): StatusCause[] {
  const error = expression === undefined ? undefined : compileError(expression);
  return error === undefined || isBeyondEvaluator(error)
    ? []
    : [invalidValue(at, rule, `compilation failed: ${error.message}`)];
}

function compileError(expression: string): CelError | undefined {
  try {
    compileCel(expression, { variables: ['self', 'oldSelf'] });
    return undefined;
  } catch (error) {
    if (error instanceof CelError) return error;
    throw error;
  }
}

/** True for what cel-go may well accept and this evaluator does not: a real CRD must not be refused for that. */
function isBeyondEvaluator(error: CelError): boolean {
  return /has\(\) invalid argument|unknown function|overload|not supported/i.test(error.message);
}

/** Why a rule is accepted and yet not enforced; undefined for a rule that is. */
export function unenforcedReason(rule: ValidationRule): string | undefined {
  if (rule.optionalOldSelf) return 'optionalOldSelf is not supported yet';
  return compileError(rule.rule)?.message;
}
