import {
  type Fields,
  invalidValue,
  labelValueErrors,
  type StatusCause,
  unsupportedValue,
} from '../../machinery/index.ts';
import { labelNameErrors } from './checks.ts';
import { textAt } from './fields.ts';

const operators = ['Equal', 'Exists'];
const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

/** What is wrong with a list of tolerations (core validation.ValidateTolerations). */
export function tolerationErrors(tolerations: readonly Fields[], path: string): StatusCause[] {
  return tolerations.flatMap((toleration, index) => {
    const at = `${path}[${index}]`;
    const [key, operator, effect] = ['key', 'operator', 'effect'].map((name) => textAt(toleration, name));
    const errors = key ? labelNameErrors(key, `${at}.key`) : [];
    if (!key && operator !== 'Exists') {
      const detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
      errors.push(invalidValue(`${at}.operator`, operator, detail));
    }
    if (toleration['tolerationSeconds'] !== undefined && effect !== 'NoExecute') {
      errors.push(invalidValue(`${at}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    }
    errors.push(...operatorErrors(toleration, `${at}.operator`));
    if (effect && !effects.includes(effect)) errors.push(unsupportedValue(`${at}.effect`, effect, effects));
    return errors;
  });
}

function operatorErrors(toleration: Fields, path: string): StatusCause[] {
  const [operator, value] = [textAt(toleration, 'operator'), textAt(toleration, 'value')];
  if (operator === 'Exists') {
    if (value === '') return [];
    return [invalidValue(path, value, "value must be empty when `operator` is 'Exists'")];
  }
  if (operator !== '' && operator !== 'Equal') return [unsupportedValue(path, operator, operators)];
  const wrong = labelValueErrors(value);
  return wrong.length > 0 ? [invalidValue(path, value, wrong.join(';'))] : [];
}
