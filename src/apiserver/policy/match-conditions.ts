import {
  celType,
  duplicateValue,
  type Fields,
  invalidValue,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
  tooMany,
} from '../../machinery/index.ts';
import { invalidAll } from '../kinds/checks.ts';
import { textAt } from '../kinds/fields.ts';
import { compileExpression, type Evaluation, evaluateExpression } from './expressions.ts';

const MAX_CONDITIONS = 64;
/** What all conditions may cost together, in CEL's units (upstream's RuntimeCELCostBudgetMatchConditions). */
const BUDGET = 2_500_000;

/** Whether all conditions hold; `error` says why that cannot be told, where failing means to refuse. */
export type MatchConditions = (evaluation: () => Evaluation) => { matches: boolean; error?: string };

/**
 * The matchConditions of a webhook or policy. One that is false decides; otherwise one that cannot be evaluated does, as
 * the failurePolicy says.
 */
export function compileConditions(
  conditions: readonly Fields[],
  ignoreFailure: boolean,
  params = false,
): MatchConditions {
  if (conditions.length === 0) return () => ({ matches: true });
  const compiled = conditions.map((condition) => {
    const source = textAt(condition, 'expression').trim();
    return { source, expression: compileExpression(source, { params }, [celType.bool]) };
  });
  return (evaluation) => {
    const variables = evaluation();
    const budget = { left: BUDGET };
    const errors: string[] = [];
    for (const { source, expression } of compiled) {
      const { value, error } = evaluateExpression(expression, source, variables, budget);
      if (error !== undefined) errors.push(error);
      else if (value !== true) return { matches: false };
    }
    if (errors.length === 0) return { matches: true };
    if (ignoreFailure) return { matches: false };
    return { matches: false, error: errors.length === 1 ? (errors[0] ?? '') : `[${errors.join(', ')}]` };
  };
}

/** What is wrong with matchConditions. @param params true if the expressions may read `params`. */
export function matchConditionErrors(conditions: readonly Fields[], path: string, params: boolean): StatusCause[] {
  const errors = conditions.length > MAX_CONDITIONS ? [tooMany(path, conditions.length, MAX_CONDITIONS)] : [];
  const names = new Set<string>();
  conditions.forEach((condition, index) => {
    const at = `${path}[${index}]`;
    const expression = textAt(condition, 'expression').trim();
    const name = textAt(condition, 'name');
    if (expression === '') errors.push(requiredValue(`${at}.expression`));
    else {
      const { error } = compileExpression(expression, { params }, [celType.bool]);
      if (error !== undefined) errors.push(invalidValue(`${at}.expression`, expression, error));
    }
    if (name === '') errors.push(requiredValue(`${at}.name`));
    else errors.push(...invalidAll(`${at}.name`, name, qualifiedNameErrors(name)));
    if (name !== '' && names.has(name)) errors.push(duplicateValue(`${at}.name`, name));
    names.add(name);
  });
  return errors;
}
