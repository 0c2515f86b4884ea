/**
 * JSON whose whole numbers keep all their digits, as Go's int64 does. What a JavaScript number cannot hold is a bigint:
 * it equals itself, and is written as the number that it was read from. Only texts with numbers of 16 digits or more pay
 * for that.
 */

/** What engines have and TypeScript does not know yet (the proposal JSON.parse source text access). */
interface SourceText {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): boolean;
}
const json = JSON as unknown as SourceText;

/** A bigint is written as a plain number: without this JSON.stringify would throw. */
Object.defineProperty(BigInt.prototype, 'toJSON', {
  value(this: bigint): unknown {
    return json.rawJSON(this.toString());
  },
  configurable: true,
  writable: true,
});

/** True for what a bigint becomes on its way into a text: a replacer of JSON.stringify must leave it alone. */
export function isRawJson(value: unknown): boolean {
  return json.isRawJSON(value);
}

const LONG_NUMBER = /\d{16}/;
const WHOLE_NUMBER = /^-?\d+$/;

/**
 * As JSON.parse, but for whole numbers of 64 bits beyond ±(2^53 - 1), which become bigints;
 * beyond 64 bits Go has a float as well. Throws SyntaxError.
 */
export function parseJson(text: string): unknown {
  if (!hasLongNumber(text)) return JSON.parse(text) as unknown;
  return json.parse(text, (_key, value, { source = '' }) => {
    const isLost = typeof value === 'number' && !Number.isSafeInteger(value) && WHOLE_NUMBER.test(source);
    return isLost ? integerOf(BigInt(source)) : value;
  });
}

/** Whether a text may hold a number that a JavaScript number would shorten. */
export function hasLongNumber(text: string): boolean {
  return LONG_NUMBER.test(text);
}

/** The number that an integer is, or itself where a number would lose digits of 64 bits. */
export function integerOf(value: bigint): number | bigint {
  const plain = Number(value);
  return Number.isSafeInteger(plain) || BigInt.asIntN(64, value) !== value ? plain : value;
}
