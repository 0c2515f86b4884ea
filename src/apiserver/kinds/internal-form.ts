import { type Fields, isFields } from '../../machinery/index.ts';

/**
 * How a type of kube-apiserver's own is printed in an error: the fields in its order, by their names there. Each is a
 * field of ours, 'count' (null if it is not there) or 'name=""' (with the JSON of another value for that), or one with
 * a shape of its own, alone or in a list.
 */
export interface Shape {
  readonly [name: string]: string | readonly [field: string, shape: Shape];
}

/** Fields as kube-apiserver prints them. */
export function internalForm(fields: Fields, shape: Shape): Fields {
  return Object.fromEntries(Object.entries(shape).map(([name, part]) => [name, printed(fields, part)]));
}

function printed(fields: Fields, part: Shape[string]): unknown {
  if (typeof part === 'string') {
    const [field = '', zero = 'null'] = part.split('=', 2);
    return fields[field] ?? (JSON.parse(zero) as unknown);
  }
  const [field, shape] = part;
  const value = fields[field];
  if (Array.isArray(value)) return value.map((item: unknown) => (isFields(item) ? internalForm(item, shape) : item));
  return isFields(value) ? internalForm(value, shape) : null;
}
