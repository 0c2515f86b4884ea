/** A set of Unicode code points. */
export type CharSet = (point: number) => boolean;

export const anyChar: CharSet = () => true;

export function range(low: number, high: number): CharSet {
  return low === high ? (point) => point === low : (point) => point >= low && point <= high;
}

export function union(sets: readonly CharSet[]): CharSet {
  const [only] = sets;
  return sets.length === 1 && only !== undefined ? only : (point) => sets.some((set) => set(point));
}

export function negate(set: CharSet): CharSet {
  return (point) => !set(point);
}

/** The set and the other cases of its members. */
export function foldCase(set: CharSet): CharSet {
  return (point) => {
    if (set(point)) return true;
    const char = String.fromCodePoint(point);
    return isOtherCase(set, char.toLowerCase(), point) || isOtherCase(set, char.toUpperCase(), point);
  };
}

function isOtherCase(set: CharSet, char: string, point: number): boolean {
  const other = char.codePointAt(0) ?? point;
  return other !== point && char.length === String.fromCodePoint(other).length && set(other);
}

const digit = range(48, 57);
const upper = range(65, 90);
const lower = range(97, 122);
const alpha = union([upper, lower]);
const alnum = union([alpha, digit]);
export const wordChar = union([alnum, range(95, 95)]);
const perlSpace: CharSet = (point) => point === 32 || point === 9 || point === 10 || point === 12 || point === 13;

/** \d \D \s \S \w \W: ASCII only, as in RE2. */
export function classEscape(letter: string): CharSet | undefined {
  switch (letter) {
    case 'd':
      return digit;
    case 'D':
      return negate(digit);
    case 's':
      return perlSpace;
    case 'S':
      return negate(perlSpace);
    case 'w':
      return wordChar;
    case 'W':
      return negate(wordChar);
    default:
      return undefined;
  }
}

const posix = new Map<string, CharSet>([
  ['alnum', alnum],
  ['alpha', alpha],
  ['ascii', range(0, 127)],
  ['blank', (point) => point === 32 || point === 9],
  ['cntrl', (point) => point < 32 || point === 127],
  ['digit', digit],
  ['graph', range(33, 126)],
  ['lower', lower],
  ['print', range(32, 126)],
  ['punct', union([range(33, 47), range(58, 64), range(91, 96), range(123, 126)])],
  ['space', (point) => point === 32 || (point >= 9 && point <= 13)],
  ['upper', upper],
  ['word', wordChar],
  ['xdigit', union([digit, range(65, 70), range(97, 102)])],
]);

/** The class inside [:name:]. */
export const posixClass = (name: string): CharSet | undefined => posix.get(name);

/** A Unicode general category ('L', 'Lu') or script ('Greek'); undefined for an unknown name. */
export function unicodeClass(name: string): CharSet | undefined {
  if (name === 'Any') return anyChar;
  const property = /^[A-Z][a-z&]?$/.test(name) ? `\\p{${name}}` : `\\p{Script=${name}}`;
  try {
    const matcher = new RegExp(property, 'u');
    return (point) => matcher.test(String.fromCodePoint(point));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
