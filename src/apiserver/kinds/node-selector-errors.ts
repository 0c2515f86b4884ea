import {
  dnsSubdomainErrors,
  type Fields,
  forbiddenValue,
  invalidValue,
  labelValueErrors,
  requiredValue,
  type StatusCause,
} from '../../machinery/index.ts';
import { invalidAll, labelNameErrors } from './checks.ts';
import { objectsAt, textAt, textsAt } from './fields.ts';

/** What is wrong with a NodeSelector (core validation.ValidateNodeSelector). */
export function nodeSelectorErrors(selector: Fields, path: string): StatusCause[] {
  const terms = objectsAt(selector, 'nodeSelectorTerms');
  const at = `${path}.nodeSelectorTerms`;
  if (terms.length === 0) return [requiredValue(at, 'must have at least one node selector term')];
  return terms.flatMap((term, index) => nodeSelectorTermErrors(term, `${at}[${index}]`));
}

/** What is wrong with one term of a NodeSelector. The values of a mere preference are not checked: they never were. */
export function nodeSelectorTermErrors(term: Fields, path: string, isPreference = false): StatusCause[] {
  return [
    ...objectsAt(term, 'matchExpressions').flatMap((item, i) =>
      expressionErrors(item, `${path}.matchExpressions[${i}]`, isPreference),
    ),
    ...objectsAt(term, 'matchFields').flatMap((item, i) => fieldErrors(item, `${path}.matchFields[${i}]`)),
  ];
}

function expressionErrors(expression: Fields, path: string, isPreference: boolean): StatusCause[] {
  const values = textsAt(expression, 'values');
  const checked = isPreference ? [] : values;
  return [
    ...valueCountErrors(textAt(expression, 'operator'), values.length, path),
    ...labelNameErrors(textAt(expression, 'key'), `${path}.key`),
    ...checked.flatMap((value, index) => invalidAll(`${path}.values[${index}]`, value, labelValueErrors(value))),
  ];
}

function valueCountErrors(operator: string, count: number, path: string): StatusCause[] {
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (count > 0) return [];
      return [requiredValue(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'")];
    case 'Exists':
    case 'DoesNotExist':
      if (count === 0) return [];
      return [forbiddenValue(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
    case 'Gt':
    case 'Lt':
      if (count === 1) return [];
      return [requiredValue(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")];
    default:
      return [invalidValue(`${path}.operator`, operator, 'not a valid selector operator')];
  }
}

function fieldErrors(expression: Fields, path: string): StatusCause[] {
  const [operator, key] = [textAt(expression, 'operator'), textAt(expression, 'key')];
  const values = textsAt(expression, 'values');
  const errors: StatusCause[] = [];
  if (operator !== 'In' && operator !== 'NotIn') {
    errors.push(invalidValue(`${path}.operator`, operator, 'not a valid selector operator'));
  } else if (values.length !== 1) {
    const detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.push(requiredValue(`${path}.values`, detail));
  }
  if (key !== 'metadata.name') return [...errors, invalidValue(`${path}.key`, key, 'not a valid field selector key')];
  return [
    ...errors,
    ...values.flatMap((value, index) => invalidAll(`${path}.values[${index}]`, value, dnsSubdomainErrors(value))),
  ];
}
