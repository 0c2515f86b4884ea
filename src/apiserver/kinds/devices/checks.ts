import {
  dnsLabelErrors,
  duplicateValue,
  type Fields,
  invalidValue,
  labelValueErrors,
  requiredValue,
  type StatusCause,
  tooLong,
  tooMany,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { invalidAll, labelNameErrors } from '../checks.ts';
import { textAt } from '../fields.ts';
import { driverNameErrors } from '../storage/csi.ts';

/** How many requests a claim can have. */
export const maxRequests = 32;
const maxId = 32;
const identifierPattern = '[A-Za-z_][A-Za-z0-9_]*';
const identifier = new RegExp(`^${identifierPattern}$`);
const effects = ['NoExecute', 'NoSchedule'];
const operators = ['Equal', 'Exists'];

function identifierErrors(id: string, path: string): StatusCause[] {
  const errors = id.length > maxId ? [tooLong(path, maxId)] : [];
  if (identifier.test(id)) return errors;
  const detail =
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or " +
    `'_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '${identifierPattern}')`;
  return [...errors, invalidValue(path, id, detail)];
}

/** The name of an attribute or capacity of a device, with the domain of its driver or without. */
export function qualifiedDeviceNameErrors(name: string, path: string): StatusCause[] {
  if (name === '') return [requiredValue(path, 'name required')];
  const [first = '', second, ...more] = name.split('/');
  if (second === undefined) return identifierErrors(first, path);
  if (more.length > 0) return [];
  return [
    ...(first === '' ? [requiredValue(path, 'the domain must not be empty')] : driverNameErrors(first, path)),
    ...(second === '' ? [requiredValue(path, 'the name must not be empty')] : identifierErrors(second, path)),
  ];
}

/** As above, with a domain that must be there. */
export function fullyQualifiedNameErrors(name: string, path: string): StatusCause[] {
  const errors = qualifiedDeviceNameErrors(name, path);
  if (name === '' || name.includes('/')) return errors;
  return [...errors, invalidValue(path, name, 'must include a domain')];
}

export function deviceTaintErrors(taint: Fields, path: string): StatusCause[] {
  const [key, value, effect] = [textAt(taint, 'key'), textAt(taint, 'value'), textAt(taint, 'effect')];
  const errors = labelNameErrors(key, `${path}.key`);
  if (value !== '') errors.push(...invalidAll(`${path}.value`, value, labelValueErrors(value)));
  if (effect === '') return [...errors, requiredValue(`${path}.effect`)];
  return effects.includes(effect) ? errors : [...errors, unsupportedValue(`${path}.effect`, effect, effects)];
}

export function deviceTolerationErrors(toleration: Fields, path: string): StatusCause[] {
  const [key, value] = [textAt(toleration, 'key'), textAt(toleration, 'value')];
  const [operator, effect] = [textAt(toleration, 'operator'), textAt(toleration, 'effect')];
  const errors = key === '' ? [] : labelNameErrors(key, `${path}.key`);
  if (operator === '') errors.push(requiredValue(`${path}.operator`));
  else if (!operators.includes(operator)) errors.push(unsupportedValue(`${path}.operator`, operator, operators));
  else if (operator === 'Equal') errors.push(...invalidAll(`${path}.value`, value, labelValueErrors(value)));
  else if (value !== '') errors.push(invalidValue(`${path}.value`, value, 'must be empty for operator `Exists`'));
  if (effect === '' || effects.includes(effect)) return errors;
  return [...errors, unsupportedValue(`${path}.effect`, effect, effects)];
}

/** A list of names of requests: each once, and of requests that there are. */
export function referencesErrors(
  references: readonly string[],
  path: string,
  names: ReadonlySet<string>,
): StatusCause[] {
  return [
    ...references.flatMap((name, index) => referenceErrors(name, `${path}[${index}]`, names)),
    ...(references.length > maxRequests ? [tooMany(path, references.length, maxRequests)] : []),
    ...references.flatMap((name, index) =>
      references.indexOf(name) < index ? [duplicateValue(`${path}[${index}]`, name)] : [],
    ),
  ];
}

/** The name of a request, or of one of its alternatives. */
export function referenceErrors(name: string, path: string, names: ReadonlySet<string>): StatusCause[] {
  const detail =
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  const unknown = invalidValue(path, name, detail);
  const segments = name.split('/');
  if (segments.length > 2) return [unknown];
  const errors = segments.flatMap((segment) => invalidAll(path, segment, dnsLabelErrors(segment)));
  return names.has(name) ? errors : [...errors, unknown];
}
