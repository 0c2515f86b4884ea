import {
  anyChar,
  type CharSet,
  classEscape,
  foldCase,
  negate,
  posixClass,
  range,
  unicodeClass,
  union,
} from './re2-chars.ts';

/** A parsed RE2 expression. */
export type Regex =
  | { kind: 'chars'; set: CharSet }
  | { kind: 'assert'; what: Assertion }
  | { kind: 'sequence'; items: Regex[] }
  | { kind: 'choice'; items: Regex[] }
  | { kind: 'repeat'; item: Regex; min: number; max: number; lazy: boolean };

export type Assertion = 'textStart' | 'textEnd' | 'lineStart' | 'lineEnd' | 'wordBoundary' | 'noWordBoundary';

/** Go's own limits (regexp/syntax): a repeat count, and how deeply groups nest. */
const maxRepeat = 1000;
const maxDepth = 1000;

interface Flags {
  ignoreCase: boolean;
  multiLine: boolean;
  dotAll: boolean;
  ungreedy: boolean;
}

interface Parser {
  readonly source: string;
  at: number;
  depth: number;
  flags: Flags;
}

/** Thrown for an expression that Go's regexp package refuses; the message is Go's. */
export class RegexSyntaxError extends Error {}

const fail = (what: string, where: string): never => {
  throw new RegexSyntaxError(`error parsing regexp: ${what}: \`${where}\``);
};

/**
 * Parses the RE2 syntax that Go's regexp package takes with Perl flags.
 * Source: https://github.com/google/re2/wiki/Syntax. Throws RegexSyntaxError.
 */
export function parseRe2(source: string): Regex {
  const parser: Parser = {
    source,
    at: 0,
    depth: 0,
    flags: { ignoreCase: false, multiLine: false, dotAll: false, ungreedy: false },
  };
  const regex = parseChoice(parser);
  if (parser.at < source.length) fail('unexpected )', source);
  return regex;
}

function parseChoice(parser: Parser): Regex {
  parser.depth++;
  if (parser.depth > maxDepth) fail('expression nests too deeply', parser.source);
  const items = [parseSequence(parser)];
  while (parser.source[parser.at] === '|') {
    parser.at++;
    items.push(parseSequence(parser));
  }
  parser.depth--;
  return items.length === 1 && items[0] !== undefined ? items[0] : { kind: 'choice', items };
}

function parseSequence(parser: Parser): Regex {
  const items: Regex[] = [];
  while (parser.at < parser.source.length) {
    const next = parser.source[parser.at];
    if (next === '|' || next === ')') break;
    if (parser.source.startsWith('\\Q', parser.at)) items.push(...parseQuoted(parser));
    else {
      const start = parser.at;
      const atom = parseAtom(parser);
      if (atom !== undefined) items.push(parseRepeats(parser, atom, start));
    }
  }
  return items.length === 1 && items[0] !== undefined ? items[0] : { kind: 'sequence', items };
}

function parseQuoted(parser: Parser): Regex[] {
  const start = parser.at + 2;
  const found = parser.source.indexOf('\\E', start);
  const end = found < 0 ? parser.source.length : found;
  parser.at = found < 0 ? end : end + 2;
  return Array.from(parser.source.slice(start, end), (char) => literal(parser, char.codePointAt(0) ?? 0));
}

/** One atom, or undefined for what matches nothing by itself: a group that only sets flags. */
function parseAtom(parser: Parser): Regex | undefined {
  const char = takeChar(parser);
  switch (char) {
    case '(':
      return parseGroup(parser);
    case '[':
      return { kind: 'chars', set: parseClass(parser) };
    case '.':
      return { kind: 'chars', set: parser.flags.dotAll ? anyChar : negate(range(10, 10)) };
    case '^':
      return { kind: 'assert', what: parser.flags.multiLine ? 'lineStart' : 'textStart' };
    case '$':
      return { kind: 'assert', what: parser.flags.multiLine ? 'lineEnd' : 'textEnd' };
    case '*':
    case '+':
    case '?':
      return fail('missing argument to repetition operator', char);
    case '\\':
      return parseEscape(parser);
    default:
      return literal(parser, char.codePointAt(0) ?? 0);
  }
}

function takeChar(parser: Parser): string {
  const point = parser.source.codePointAt(parser.at);
  if (point === undefined) return fail('unexpected end of pattern', parser.source);
  const char = String.fromCodePoint(point);
  parser.at += char.length;
  return char;
}

function literal(parser: Parser, point: number): Regex {
  const set = range(point, point);
  return { kind: 'chars', set: parser.flags.ignoreCase ? foldCase(set) : set };
}

function parseGroup(parser: Parser): Regex | undefined {
  const outer = parser.flags;
  if (parser.source[parser.at] === '?') {
    const named = /^\?P?<([^>]*)>/.exec(parser.source.slice(parser.at, parser.at + 1000));
    if (named !== null) {
      if (!/^\w+$/.test(named[1] ?? '')) fail('invalid named capture', `(${named[0]}`);
      parser.at += named[0].length;
    } else if (parseFlags(parser) === 'flags only') return undefined;
  }
  const inner = parseChoice(parser);
  if (parser.source[parser.at] !== ')') fail('missing closing )', parser.source);
  parser.at++;
  parser.flags = outer;
  return inner;
}

/** Reads '?i-s:' or '?i)' and sets the flags; says which of the two it was. */
function parseFlags(parser: Parser): 'group' | 'flags only' {
  const match = /^\?([imsU]*)(-[imsU]+)?([:)])/.exec(parser.source.slice(parser.at, parser.at + 20));
  if (match === null || match[0] === '?)') {
    return fail('invalid or unsupported Perl syntax', `(${parser.source.slice(parser.at, parser.at + 2)}`);
  }
  parser.at += match[0].length;
  const on = match[1] ?? '';
  const off = match[2] ?? '';
  const flag = (letter: string, before: boolean) => (on.includes(letter) || before) && !off.includes(letter);
  parser.flags = {
    ignoreCase: flag('i', parser.flags.ignoreCase),
    multiLine: flag('m', parser.flags.multiLine),
    dotAll: flag('s', parser.flags.dotAll),
    ungreedy: flag('U', parser.flags.ungreedy),
  };
  return match[3] === ')' ? 'flags only' : 'group';
}

const asserting: Record<string, Assertion> = {
  A: 'textStart',
  z: 'textEnd',
  b: 'wordBoundary',
  B: 'noWordBoundary',
};

function parseEscape(parser: Parser): Regex {
  const next = parser.source[parser.at];
  if (next === undefined) return fail('trailing backslash at end of expression', '');
  const assertion = asserting[next];
  if (assertion !== undefined) {
    parser.at++;
    return { kind: 'assert', what: assertion };
  }
  const set = parseClassEscape(parser);
  if (set !== undefined) return { kind: 'chars', set: parser.flags.ignoreCase ? foldCase(set) : set };
  return literal(parser, parseCharEscape(parser));
}

/** \d, \W, \pL, \P{Greek} after the backslash; undefined for an escape of one character. */
function parseClassEscape(parser: Parser): CharSet | undefined {
  const rest = parser.source.slice(parser.at, parser.at + 64);
  const perl = classEscape(rest[0] ?? '');
  if (perl !== undefined) {
    parser.at++;
    return perl;
  }
  const property = /^([pP])(?:\{(\^?)(\w+)\}|(\w))/.exec(rest);
  if (property === null) {
    return /^[pP]/.test(rest) ? fail('invalid character class range', `\\${rest.slice(0, 2)}`) : undefined;
  }
  parser.at += property[0].length;
  const set = unicodeClass(property[3] ?? property[4] ?? '');
  if (set === undefined) return fail('invalid character class range', `\\${property[0]}`);
  return (property[1] === 'P') !== (property[2] === '^') ? negate(set) : set;
}

const charEscapes: Record<string, number> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

function parseCharEscape(parser: Parser): number {
  const rest = parser.source.slice(parser.at, parser.at + 16);
  const hex = /^x(?:\{([0-9A-Fa-f]{1,8})\}|([0-9A-Fa-f]{2}))/.exec(rest);
  if (hex !== null) {
    const point = Number.parseInt(hex[1] ?? hex[2] ?? '', 16);
    if (point > 0x10ffff) fail('invalid escape sequence', `\\${hex[0]}`);
    parser.at += hex[0].length;
    return point;
  }
  const octal = /^(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest);
  if (octal !== null) {
    parser.at += octal[0].length;
    return Number.parseInt(octal[0], 8);
  }
  const char = takeChar(parser);
  const known = charEscapes[char];
  if (known !== undefined) return known;
  if (/[\w]/.test(char) || (char.codePointAt(0) ?? 0) > 127) fail('invalid escape sequence', `\\${char}`);
  return char.codePointAt(0) ?? 0;
}

function parseClass(parser: Parser): CharSet {
  const start = parser.at - 1;
  const negated = parser.source[parser.at] === '^';
  if (negated) parser.at++;
  const sets: CharSet[] = [];
  while (sets.length === 0 || parser.source[parser.at] !== ']') {
    if (parser.at >= parser.source.length) fail('missing closing ]', parser.source.slice(start));
    sets.push(parseClassItem(parser));
  }
  parser.at++;
  const set = parser.flags.ignoreCase ? foldCase(union(sets)) : union(sets);
  return negated ? negate(set) : set;
}

function parseClassItem(parser: Parser): CharSet {
  const posix = /^\[:(\^?)(\w+):\]/.exec(parser.source.slice(parser.at, parser.at + 20));
  if (posix !== null) {
    parser.at += posix[0].length;
    const set = posixClass(posix[2] ?? '');
    if (set === undefined) return fail('invalid character class range', posix[0]);
    return posix[1] === '^' ? negate(set) : set;
  }
  const start = parser.at;
  if (parser.source[parser.at] === '\\') {
    parser.at++;
    const set = parseClassEscape(parser);
    if (set !== undefined) return set;
    parser.at = start;
  }
  const low = parseClassChar(parser);
  if (parser.source[parser.at] !== '-' || parser.source[parser.at + 1] === ']') return range(low, low);
  parser.at++;
  const high = parseClassChar(parser);
  if (high < low) fail('invalid character class range', parser.source.slice(start, parser.at));
  return range(low, high);
}

function parseClassChar(parser: Parser): number {
  if (parser.at >= parser.source.length) fail('missing closing ]', parser.source);
  const char = takeChar(parser);
  return char === '\\' ? parseCharEscape(parser) : (char.codePointAt(0) ?? 0);
}

function parseRepeats(parser: Parser, atom: Regex, start: number): Regex {
  const first = takeRepeat(parser);
  if (first === undefined) return atom;
  const operatorStart = first.at;
  const second = takeRepeat(parser);
  if (second !== undefined) {
    fail('invalid nested repetition operator', parser.source.slice(operatorStart, parser.at));
  }
  if (first.min > maxRepeat || (first.max > maxRepeat && first.max !== Infinity) || first.min > first.max) {
    fail('invalid repeat count', parser.source.slice(operatorStart, parser.at) || parser.source.slice(start));
  }
  return { kind: 'repeat', item: atom, min: first.min, max: first.max, lazy: first.lazy !== parser.flags.ungreedy };
}

/** Reads one repetition operator with its lazy mark; a '{' that is none is an ordinary character. */
function takeRepeat(parser: Parser): { min: number; max: number; lazy: boolean; at: number } | undefined {
  const at = parser.at;
  const match = /^(?:([*+?])|\{(\d{1,9})(?:(,)(\d{0,9}))?\})(\??)/.exec(parser.source.slice(at, at + 24));
  if (match === null) return undefined;
  parser.at += match[0].length;
  const lazy = match[5] === '?';
  if (match[1] === '*') return { min: 0, max: Infinity, lazy, at };
  if (match[1] === '+') return { min: 1, max: Infinity, lazy, at };
  if (match[1] === '?') return { min: 0, max: 1, lazy, at };
  const min = Number(match[2]);
  if (match[3] === undefined) return { min, max: min, lazy, at };
  return { min, max: match[4] === '' ? Infinity : Number(match[4]), lazy, at };
}
