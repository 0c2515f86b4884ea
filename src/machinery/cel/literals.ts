import { cachedRe2 } from '../re2.ts';
import { RegexSyntaxError } from '../re2-parse.ts';
import { parseDuration, parseTimestamp } from './value.ts';

const literals: Record<string, (text: string) => boolean> = {
  matches: isRegex,
  find: isRegex,
  findAll: isRegex,
  duration: (text) => parseDuration(text) !== undefined,
  timestamp: (text) => parseTimestamp(text) !== undefined,
};

function isRegex(text: string): boolean {
  try {
    cachedRe2(text);
    return true;
  } catch (error) {
    if (error instanceof RegexSyntaxError) return false;
    throw error;
  }
}

/** Whether the last argument of a call, a literal, is what the function reads: that need not wait for a value. */
export function isValidLiteral(name: string, value: unknown): boolean {
  const isValid = Object.hasOwn(literals, name) ? literals[name] : undefined;
  return isValid === undefined || typeof value !== 'string' || isValid(value);
}
