import {
  compareText,
  type Fields,
  forbiddenValue,
  invalidValue,
  isFields,
  labelValueErrors,
  parseQuantity,
  portNameErrors,
  portNumberErrors,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
  tooLong,
  unsupportedValue,
} from '../../machinery/index.ts';
import { mapAt, numberAt, objectsAt, textAt, textsAt } from './fields.ts';

const MAX_ANNOTATIONS_BYTES = 256 * 1024;

/** Turns what is wrong with a value into causes at its field. */
export function invalidAll(field: string, value: unknown, details: readonly string[]): StatusCause[] {
  return details.map((detail) => invalidValue(field, value, detail));
}

/** The key of a label, of a taint, of a topology. */
export function labelNameErrors(name: string, path: string): StatusCause[] {
  return invalidAll(path, name, qualifiedNameErrors(name));
}

const standardFinalizers = ['kubernetes', 'orphan', 'foregroundDeletion'];

/** A finalizer says who it is of, as "example.com/name", unless it is one of those that upstream had from the start. */
export function unqualifiedFinalizer(name: string, path: string): StatusCause[] {
  if (name.includes('/') || standardFinalizers.includes(name)) return [];
  return [invalidValue(path, name, 'name is neither a standard finalizer name nor is it fully qualified')];
}

/** An amount that may not be negative. */
export function quantityErrors(value: unknown, path: string): StatusCause[] {
  if (nanosOf(value) >= 0n) return [];
  return [invalidValue(path, String(value), 'must be greater than or equal to 0')];
}

/** An amount in billionths; 0 for none. */
export function nanosOf(value: unknown): bigint {
  return value === undefined ? 0n : parseQuantity(String(value)).nanos;
}

/** A number that may not be negative; one that is not there is fine. */
export function nonNegative(fields: Fields | undefined, key: string, path: string): StatusCause[] {
  const value = numberAt(fields, key);
  return value !== undefined && value < 0
    ? [invalidValue(`${path}.${key}`, value, 'must be greater than or equal to 0')]
    : [];
}

/** A field that must be one of a few values. */
export function oneOf(
  fields: Fields | undefined,
  key: string,
  path: string,
  supported: readonly string[],
): StatusCause[] {
  const value = textAt(fields, key);
  if (value === '') return [requiredValue(`${path}.${key}`)];
  return supported.includes(value) ? [] : [unsupportedValue(`${path}.${key}`, value, supported)];
}

/** The syntax of labels, and of maps that select by them. */
export function labelErrors(labels: Readonly<Record<string, string>>, path: string): StatusCause[] {
  return Object.entries(labels).flatMap(([key, value]) => [
    ...invalidAll(path, key, qualifiedNameErrors(key)),
    ...invalidAll(path, value, labelValueErrors(value)),
  ]);
}

/** The syntax of a LabelSelector. */
export function selectorErrors(selector: Fields, path: string): StatusCause[] {
  const errors = labelErrors(mapAt(selector, 'matchLabels'), `${path}.matchLabels`);
  objectsAt(selector, 'matchExpressions').forEach((expression, index) => {
    errors.push(...expressionErrors(expression, `${path}.matchExpressions[${index}]`));
  });
  return errors;
}

function expressionErrors(expression: Fields, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  const operator = textAt(expression, 'operator');
  const values = textsAt(expression, 'values');
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) {
      errors.push(requiredValue(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    }
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) {
      const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
      errors.push(forbiddenValue(`${path}.values`, detail));
    }
  } else errors.push(invalidValue(`${path}.operator`, operator, 'not a valid selector operator'));
  const key = textAt(expression, 'key');
  errors.push(...invalidAll(`${path}.key`, key, qualifiedNameErrors(key)));
  values.forEach((value, index) => {
    errors.push(...invalidAll(`${path}.values[${index}]`, value, labelValueErrors(value)));
  });
  return errors;
}

/** A port given by its number or name. */
export function portErrors(port: unknown, path: string): StatusCause[] {
  if (typeof port === 'string') return invalidAll(path, port, portNameErrors(port));
  const number = typeof port === 'number' ? port : 0;
  return invalidAll(path, number, portNumberErrors(number));
}

/** A map as Go prints it. */
export function inKeyOrder<T>(map: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => compareText(a, b)));
}

/** What is wrong with annotations: their keys, and their size all together. */
export function annotationErrors(annotations: Readonly<Record<string, string>>, path: string): StatusCause[] {
  let size = 0;
  const errors = Object.entries(annotations).flatMap(([key, value]) => {
    size += key.length + String(value).length;
    return invalidAll(path, key, qualifiedNameErrors(key.toLowerCase()));
  });
  return size > MAX_ANNOTATIONS_BYTES ? [...errors, tooLong(path, MAX_ANNOTATIONS_BYTES)] : errors;
}

/** True if the value is there and not an empty list, map or string. */
export function isGiven(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return !isFields(value) || Object.keys(value).length > 0;
}
