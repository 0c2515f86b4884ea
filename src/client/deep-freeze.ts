/**
 * Freezes a JSON value all the way down and returns it. Tests freeze what a Client hands out, so that a caller who
 * changes a shared object in place fails at that line instead of corrupting another reader.
 */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const child of Object.values(value)) deepFreeze(child);
  return value;
}
