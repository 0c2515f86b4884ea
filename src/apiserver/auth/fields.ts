import type { Fields } from '../../machinery/index.ts';

/** The fields of what should be a JSON object; none if it is anything else. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** The strings of what should be a list of strings. */
export function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** A string, or '' for what is none. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
