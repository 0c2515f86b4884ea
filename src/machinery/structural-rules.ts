import type { CelBudget } from './cel/budget.ts';
import { estimateCost } from './cel/cost.ts';
import { celTypeOfSchema, minSize } from './cel/schema-type.ts';
import { type CelType, celType } from './cel/type.ts';
import { CelOptional, toCel } from './cel/value.ts';
import { CelBudgetError, type CelProgram, compileCel } from './cel.ts';
import { CelError, CelMissingError } from './cel-error.ts';
import { duplicateValue, forbiddenValue, invalidValue, requiredValue } from './field-error.ts';
import { equalJson } from './json.ts';
import type { Schema, ValidationRule } from './schema.ts';
import { schemaFieldAt } from './schema-path.ts';
import type { StatusCause } from './status.ts';

/** Evaluates a schema's `x-kubernetes-validations` on a value: the errors, worded as kube-apiserver does (KEP-2876). */
export type RuleCheck = (value: unknown, old: unknown, path: string, budget: CelBudget) => StatusCause[];

/** What the rules of one object may cost together, in cel-go's units. */
export const RULE_BUDGET = 10_000_000;

/** The rules of a schema, compiled on first use; undefined when it has none. */
export function ruleCheck(schema: Schema): RuleCheck | undefined {
  const rules = schema['x-kubernetes-validations'] ?? [];
  if (rules.length === 0) return undefined;
  const type = schema.type ?? '';
  let compiled: CompiledRule[] | undefined;
  return (value, old, path, budget) => {
    if (value === null || budget.left < 0) return [];
    compiled ??= rules.map((rule) => compileRule(rule, schema));
    const errors: StatusCause[] = [];
    for (const rule of compiled) {
      if (budget.left < 0) break;
      errors.push(...checkRule(rule, { value, old, path, type, budget }));
    }
    return errors;
  };
}

/** What is left of a budget when no further rules are to be run. */
const STOPPED = -1;

const OUT_OF_BUDGET = 'validation failed due to running out of cost budget, no further validation rules will be run';

export interface CompiledRule {
  readonly rule: ValidationRule;
  readonly self: CelType;
  /** Where its error is, below the value, as `fieldPath` says; empty for the value itself. */
  readonly at: string;
  /** The fewest bytes of a value in JSON: how often one can occur in an object at most. */
  readonly minSize: number;
  readonly program: CelProgram | CelError;
  /** Whether it reads oldSelf: then it says something of changes only. */
  readonly isTransition: boolean;
  /** What one evaluation costs at most. */
  readonly cost: number;
  readonly message: CelProgram | CelError | undefined;
  readonly messageCost: number;
}

/** Whether a schema is that of a whole resource: of a custom resource, or one embedded in it. */
const resourceRoots = new WeakSet<Schema>();

/** Marks the schema of a custom resource: its rules may read apiVersion, kind, metadata.name and metadata.generateName. */
export function markResourceRoot(schema: Schema): Schema {
  resourceRoots.add(schema);
  return schema;
}

const isRoot = (schema: Schema): boolean =>
  resourceRoots.has(schema) || schema['x-kubernetes-embedded-resource'] === true;

/** A rule against the type of its schema. What is wrong with it is in the result: nothing is thrown. */
export function compileRule(rule: ValidationRule, schema: Schema, root = isRoot(schema)): CompiledRule {
  const self = celTypeOfSchema(schema, root) ?? celType.dyn;
  const variables = { self, oldSelf: rule.optionalOldSelf ? celType.optional(self) : self };
  const program = attempt(rule.rule, variables, celType.bool);
  const message =
    rule.messageExpression === undefined ? undefined : attempt(rule.messageExpression, variables, celType.string);
  return {
    rule,
    self,
    at: fieldOf(rule, schema),
    minSize: minSize(schema),
    program,
    message,
    isTransition: !(program instanceof CelError) && program.references.some(([variable]) => variable === 'oldSelf'),
    cost: costOf(program),
    messageCost: costOf(message),
  };
}

function fieldOf({ fieldPath = '' }: ValidationRule, schema: Schema): string {
  const field = schemaFieldAt(fieldPath, schema, true);
  return typeof field === 'string' ? '' : field.path;
}

const costOf = (program: CelProgram | CelError | undefined): number =>
  program === undefined || program instanceof CelError ? 0 : estimateCost(program.root);

function attempt(source: string, variables: Record<string, CelType>, result: CelType): CelProgram | CelError {
  try {
    return compileCel(source, { variables, result });
  } catch (error) {
    if (error instanceof CelError) return error;
    throw error;
  }
}

interface Place {
  value: unknown;
  old: unknown;
  path: string;
  type: string;
  budget: CelBudget;
}

function checkRule(compiled: CompiledRule, { value, old, path: place, type, budget }: Place): StatusCause[] {
  const path = place === '' ? '<nil>' : place;
  const { rule, program, self, isTransition } = compiled;
  if (program instanceof CelError) return [invalidValue(path, type, `rule compile error: ${compilation(program)}`)];
  if (isTransition && old === undefined && !rule.optionalOldSelf) return [];
  const variables: Record<string, unknown> = { self: value };
  if (rule.optionalOldSelf) {
    variables['oldSelf'] = old === undefined ? CelOptional.none : new CelOptional(toCel(old, self));
  } else if (old !== undefined) variables['oldSelf'] = old;
  const failure = evaluateRule(program, rule, variables, budget);
  if (failure === undefined) return [];
  if (failure !== 'false') return [invalidValue(path, type, failure)];
  if (!isTransition && old !== undefined && equalJson(value, old)) return [];
  const at = place === '' || compiled.at === '' ? `${place}${compiled.at}` || path : `${place}.${compiled.at}`;
  return [causeOf(rule, at, type, messageOf(compiled, variables, budget))];
}

/** The words for a rule or a message that does not compile. */
export const compilation = (error: CelError): string =>
  error.issues.length === 1 && error.problem.startsWith('cel expression must')
    ? error.problem
    : `compilation failed: ${error.report}`;

/** undefined when the rule holds, 'false' when it does not, or why it could not be evaluated. */
function evaluateRule(
  program: CelProgram,
  rule: ValidationRule,
  variables: Record<string, unknown>,
  budget: CelBudget,
): string | undefined {
  try {
    return program.evaluate(variables, budget) === true ? undefined : 'false';
  } catch (error) {
    if (error instanceof CelBudgetError) {
      const isOver = budget.left <= 0;
      budget.left = STOPPED;
      if (isOver) return OUT_OF_BUDGET;
      const cancelled = 'operation cancelled: actual cost limit exceeded';
      return `'${cancelled}': no further validation rules will be run due to call cost exceeds limit for rule: ${shown(rule)}`;
    }
    if (!(error instanceof CelError)) throw error;
    const reason = error instanceof CelMissingError ? error.reason : error.problem;
    if (!reason.startsWith('no such overload')) return `${reason} evaluating rule: ${shown(rule)}`;
    const what = 'call arguments did not match a supported operator, function or macro signature';
    return `'${reason}': ${what} for rule: ${shown(rule)}`;
  }
}

const shown = (rule: ValidationRule): string => (rule.message || rule.rule).trim();

function messageOf({ rule, message }: CompiledRule, variables: Record<string, unknown>, budget: CelBudget): string {
  const plain = rule.message ? rule.message.trim() : `failed rule: ${rule.rule.trim()}`;
  if (message === undefined || message instanceof CelError) return plain;
  try {
    const text = message.evaluate(variables, budget);
    const isUsable = typeof text === 'string' && text.trim() !== '' && !/[\r\n]/.test(text) && text.length <= 5 * 1024;
    return isUsable ? text.trim() : plain;
  } catch (error) {
    if (error instanceof CelError) return plain;
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
