import { invalidValue, type StatusCause } from '../../machinery/index.ts';

const pattern = '[0-9]+%';

/** A number that is not negative, or a percentage ('25%'). */
export function intOrPercentErrors(value: unknown, path: string): StatusCause[] {
  if (typeof value === 'number') {
    return value < 0 ? [invalidValue(path, value, 'must be greater than or equal to 0')] : [];
  }
  if (/^[0-9]+%$/.test(String(value))) return [];
  const what = "a valid percent string must be a numeric string followed by an ending '%'";
  return [invalidValue(path, value, `${what} (e.g. '1%',  or '93%', regex used for validation is '${pattern}')`)];
}

/** The number before the sign of a percentage, or the number itself; 0 for what is neither. */
export function amountOf(value: unknown): number {
  const amount = Number.parseInt(String(value), 10);
  return Number.isNaN(amount) ? 0 : amount;
}

/** A percentage is of all there are. */
export function atMostAllErrors(value: unknown, path: string): StatusCause[] {
  const tooMany = typeof value === 'string' && /^[0-9]+%$/.test(value) && amountOf(value) > 100;
  return tooMany ? [invalidValue(path, value, 'must not be greater than 100%')] : [];
}
