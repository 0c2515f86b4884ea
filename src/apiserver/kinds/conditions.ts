import {
  duplicateValue,
  type Fields,
  invalidValue,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
  tooLong,
  unsupportedValue,
} from '../../machinery/index.ts';
import { invalidAll } from './checks.ts';
import { numberAt, textAt } from './fields.ts';

const statuses = ['False', 'True', 'Unknown'];
const reasonFormat = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';
const reasonPattern = new RegExp(`^${reasonFormat}$`);
const maxReasonLength = 1024;
const maxMessageLength = 32 * 1024;

/** What is wrong with conditions of the common type (meta/v1 Condition). */
export function conditionErrors(conditions: readonly Fields[], path: string): StatusCause[] {
  const types = new Set<string>();
  return conditions.flatMap((condition, index) => {
    const at = `${path}[${index}]`;
    const type = textAt(condition, 'type');
    const repeated = types.has(type) ? [duplicateValue(`${at}.type`, type)] : [];
    types.add(type);
    return [...repeated, ...oneConditionErrors(condition, at)];
  });
}

function oneConditionErrors(condition: Fields, path: string): StatusCause[] {
  const [type, status] = [textAt(condition, 'type'), textAt(condition, 'status')];
  const errors = invalidAll(`${path}.type`, type, qualifiedNameErrors(type));
  if (!statuses.includes(status)) errors.push(unsupportedValue(`${path}.status`, status, statuses));
  const generation = numberAt(condition, 'observedGeneration') ?? 0;
  if (generation < 0) {
    errors.push(invalidValue(`${path}.observedGeneration`, generation, 'must be greater than or equal to zero'));
  }
  if (textAt(condition, 'lastTransitionTime') === '') errors.push(requiredValue(`${path}.lastTransitionTime`));
  errors.push(...reasonErrors(textAt(condition, 'reason'), `${path}.reason`));
  if (textAt(condition, 'message').length > maxMessageLength) {
    errors.push(tooLong(`${path}.message`, maxMessageLength));
  }
  return errors;
}

function reasonErrors(reason: string, path: string): StatusCause[] {
  if (reason === '') return [requiredValue(path)];
  const errors: StatusCause[] = [];
  if (!reasonPattern.test(reason)) {
    const what =
      "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'";
    const examples = "e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB'";
    errors.push(invalidValue(path, reason, `${what} (${examples}, regex used for validation is '${reasonFormat}')`));
  }
  if (reason.length > maxReasonLength) errors.push(tooLong(path, maxReasonLength));
  return errors;
}
