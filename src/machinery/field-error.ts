import type { StatusCause } from './status.ts';

/** How kube-apiserver prints a bad value: strings quoted, other values as JSON that is safe inside of HTML. */
function printed(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  // Go's JSON keeps these out of HTML.
  const escaped = (char: string): string => `\\u00${char.charCodeAt(0).toString(16)}`;
  return value === undefined ? 'null' : JSON.stringify(value).replace(/[<>&]/g, escaped);
}

const withDetail = (text: string, detail: string): string => (detail === '' ? text : `${text}: ${detail}`);

/** A field that must be given and is not. */
export function requiredValue(field: string, detail = ''): StatusCause {
  return { reason: 'FieldValueRequired', message: withDetail('Required value', detail), field };
}

/** A malformed value. */
export function invalidValue(field: string, value: unknown, detail: string): StatusCause {
  return { reason: 'FieldValueInvalid', message: withDetail(`Invalid value: ${printed(value)}`, detail), field };
}

/** A value of the wrong JSON type. */
export function wrongType(field: string, value: unknown, detail: string): StatusCause {
  return { reason: 'FieldValueTypeInvalid', message: withDetail(`Invalid value: ${printed(value)}`, detail), field };
}

/** A value that must be unique and is not. */
export function duplicateValue(field: string, value: unknown): StatusCause {
  return { reason: 'FieldValueDuplicate', message: `Duplicate value: ${printed(value)}`, field };
}

/** A value outside an enumeration. */
export function unsupportedValue(field: string, value: unknown, supported: readonly string[]): StatusCause {
  const detail = supported.length === 0 ? '' : `supported values: ${supported.map(printed).join(', ')}`;
  return {
    reason: 'FieldValueNotSupported',
    message: withDetail(`Unsupported value: ${printed(value)}`, detail),
    field,
  };
}

/** A reference to something that the object does not have. */
export function valueNotFound(field: string, value: unknown): StatusCause {
  return { reason: 'FieldValueNotFound', message: `Not found: ${printed(value)}`, field };
}

/** A value that is well formed but not allowed here. */
export function forbiddenValue(field: string, detail: string): StatusCause {
  return { reason: 'FieldValueForbidden', message: withDetail('Forbidden', detail), field };
}

/** A string or document over `max` bytes. */
export function tooLong(field: string, max: number): StatusCause {
  return {
    reason: 'FieldValueTooLong',
    message: `Too long: may not be more than ${max} ${max === 1 ? 'byte' : 'bytes'}`,
    field,
  };
}

/** A list of more than `max` items. */
export function tooMany(field: string, actual: number, max: number): StatusCause {
  return {
    reason: 'FieldValueTooMany',
    message: `Too many: ${actual}: must have at most ${max} ${max === 1 ? 'item' : 'items'}`,
    field,
  };
}
