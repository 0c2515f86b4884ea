import { CelError } from '../cel-error.ts';
import { CelUint } from './value.ts';

export interface Token {
  /** 'ident', 'const', 'end', or the operator itself. */
  readonly kind: string;
  readonly value: unknown;
  readonly start: number;
}

const operators = ['&&', '||', '==', '!=', '<=', '>=', ...'+-*/%<>!()[]{}.,:?'];
const space = /(?:[ \t\n\r\f]|\/\/[^\n]*)*/y;
const identifier = /[A-Za-z_][A-Za-z0-9_]*/y;
const quotedIdentifier = /`([A-Za-z0-9_.\-/ ]+)`/y;
const number = /(?:0x([0-9a-fA-F]+)|(\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)|(\d+))([uU]?)/y;
const opening = /([rR]?[bB]?|[bB][rR])("""|'''|"|')/y;

/** The tokens of an expression (cel-spec, doc/langdef.md, "Syntax"). Throws CelError. */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(source);
  };
  for (;;) {
    at += match(space)?.[0].length ?? 0;
    if (at >= source.length) return [...tokens, { kind: 'end', value: undefined, start: source.length }];
    const start = at;
    const text = match(opening);
    const digits = text ? null : match(number);
    const name = text || digits ? null : (match(identifier) ?? match(quotedIdentifier));
    if (text) {
      const { value, end } = readText(source, at, text);
      tokens.push({ kind: 'const', value, start });
      at = end;
    } else if (digits) {
      tokens.push({ kind: 'const', value: readNumber(source, start, digits), start });
      at += digits[0].length;
    } else if (name) {
      tokens.push({ kind: name[1] === undefined ? 'ident' : 'quoted', value: name[1] ?? name[0], start });
      at += name[0].length;
    } else {
      const operator = operators.find((candidate) => source.startsWith(candidate, at));
      if (operator === undefined) {
        const character = String.fromCodePoint(source.codePointAt(at) ?? 0);
        throw new CelError(`Syntax error: token recognition error at: '${character}'`, {
          expression: source,
          position: at,
        });
      }
      tokens.push({ kind: operator, value: undefined, start });
      at += operator.length;
    }
  }
}

/** Ints are kept without their sign: the parser takes a minus before one into it, as -2⁶³ has no positive twin. */
function readNumber(source: string, start: number, [, hex, double, decimal, suffix]: RegExpExecArray): unknown {
  if (double !== undefined) return Number(double);
  const value = BigInt(hex === undefined ? (decimal ?? '0') : `0x${hex}`);
  if (!suffix) return value;
  if (value < 2n ** 64n) return new CelUint(value);
  throw new CelError('invalid uint literal', { expression: source, position: start });
}

const simple: Record<string, string> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '?': '?',
  '"': '"',
  "'": "'",
  '`': '`',
};

function readText(source: string, start: number, [opened, prefix = '', quote = '']: RegExpExecArray) {
  const fail = (position: number): never => {
    throw new CelError(`Syntax error: token recognition error at: '${source.slice(start, start + 40)}'`, {
      expression: source,
      position,
    });
  };
  const [raw, bytes] = [/r/i.test(prefix), /b/i.test(prefix)];
  const parts: (string | number)[] = [];
  let at = start + opened.length;
  while (!source.startsWith(quote, at)) {
    const character = source[at];
    if (character === undefined || (quote.length === 1 && (character === '\n' || character === '\r'))) fail(start);
    if (character === '\\' && !raw) {
      const { value, length } = readEscape(source, at, bytes) ?? fail(at);
      parts.push(value);
      at += length;
    } else {
      parts.push(character ?? '');
      at++;
    }
  }
  const end = at + quote.length;
  if (!bytes) return { value: parts.map((part) => (typeof part === 'number' ? codePoint(part) : part)).join(''), end };
  const value = new Uint8Array(Buffer.concat(joined(parts).map((part) => Buffer.from(part))));
  return { value, end };
}

/** Runs of text as one (a pair of surrogates must stay together); numbers as the bytes that they are. */
function joined(parts: readonly (string | number)[]): (string | number[])[] {
  const runs: (string | number[])[] = [];
  for (const part of parts) {
    const last = runs.at(-1);
    if (typeof part === 'number') runs.push([part]);
    else if (typeof last === 'string') runs[runs.length - 1] = last + part;
    else runs.push(part);
  }
  return runs;
}

const codePoint = (value: number): string => String.fromCodePoint(value);

const numeric = /\\(?:[xX]([0-9a-fA-F]{2})|([0-3][0-7]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y;

function readEscape(
  source: string,
  at: number,
  bytes: boolean,
): { value: string | number; length: number } | undefined {
  const plain = simple[source[at + 1] ?? ''];
  if (plain !== undefined) return { value: plain, length: 2 };
  numeric.lastIndex = at;
  const found = numeric.exec(source);
  if (!found) return undefined;
  const [text, hex, octal, short, long] = found;
  if (bytes && (short ?? long) !== undefined) return undefined;
  const value = octal === undefined ? Number.parseInt(hex ?? short ?? long ?? '', 16) : Number.parseInt(octal, 8);
  if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return undefined;
  return { value, length: text.length };
}
