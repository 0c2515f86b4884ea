import type { Fields } from './object.ts';

/** True for a JSON object: neither null nor a list. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object's own field; undefined for what it merely inherits, such as 'constructor'. */
export function getOwn(fields: Readonly<Fields>, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}

/** Sets an own field, whatever its name: a plain assignment to '__proto__' would change the prototype instead. */
export function setOwn(fields: Fields, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(fields, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    fields[key] = value;
  }
}

/** A copy of the fields, one level deep. */
export function shallowCopy(fields: Readonly<Fields>): Fields {
  const copy: Fields = {};
  for (const key of Object.keys(fields)) setOwn(copy, key, fields[key]);
  return copy;
}

/** A deep copy of a JSON value. */
export function cloneJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(cloneJson) as T;
  const copy: Fields = {};
  for (const key of Object.keys(value)) setOwn(copy, key, cloneJson((value as Fields)[key]));
  return copy as T;
}

/** Deep equality of JSON values; the order of an object's keys does not matter, a missing key equals undefined. */
export function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => equalJson(item, b[index]));
  }
  return isFields(a) && isFields(b) && equalFields(a, b);
}

function equalFields(a: Fields, b: Fields): boolean {
  let shared = 0;
  for (const key of Object.keys(a)) {
    const value = a[key];
    if (value === undefined) continue;
    shared++;
    if (!Object.hasOwn(b, key) || !equalJson(value, b[key])) return false;
  }
  let total = 0;
  for (const key of Object.keys(b)) if (b[key] !== undefined) total++;
  return shared === total;
}
