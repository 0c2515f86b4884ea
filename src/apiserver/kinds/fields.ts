import { type Fields, isFields } from '../../machinery/index.ts';

/** The object at a key; undefined if there is none. */
export function objectAt(fields: Fields | undefined, key: string): Fields | undefined {
  const value = fields?.[key];
  return isFields(value) ? value : undefined;
}

/** The objects of the list at a key; empty if there is none. */
export function objectsAt(fields: Fields | undefined, key: string): readonly Fields[] {
  const value = fields?.[key];
  if (!Array.isArray(value)) return NONE;
  return value.every(isFields) ? value : value.filter(isFields);
}

const NONE: readonly Fields[] = [];

/** The strings of the list at a key; empty if there is none. */
export function textsAt(fields: Fields | undefined, key: string): string[] {
  const value = fields?.[key];
  return Array.isArray(value) ? value.map(String) : [];
}

/** The string at a key; '' if there is none, as in Go. */
export function textAt(fields: Fields | undefined, key: string): string {
  const value = fields?.[key];
  return typeof value === 'string' ? value : '';
}

/** The number at a key. */
export function numberAt(fields: Fields | undefined, key: string): number | undefined {
  const value = fields?.[key];
  return typeof value === 'number' ? value : undefined;
}

/** The string values of the map at a key. */
export function mapAt(fields: Fields | undefined, key: string): Record<string, string> {
  const value = objectAt(fields, key) ?? {};
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]));
}

/** The object at a key, put there if there is none. */
export function ensureObject(fields: Fields, key: string): Fields {
  const known = objectAt(fields, key);
  if (known) return known;
  const made: Fields = {};
  fields[key] = made;
  return made;
}

/** Sets a value where there is none, or Go's zero value of its type. */
export function setDefault(fields: Fields, key: string, value: unknown): void {
  const current = fields[key];
  if (current === undefined || current === null || current === '') fields[key] = value;
}
