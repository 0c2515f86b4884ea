import { isRawJson } from './exact-json.ts';
import { isFields } from './json.ts';

/** A text that is the same for equal JSON values, whatever the order of keys: for sets of values. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isFields(inner) && !isRawJson(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)))
      : inner,
  );
}
