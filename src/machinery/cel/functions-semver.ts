import { CelFault } from './fault.ts';
import type { CelFunctions } from './signature.ts';

/** Numbers and words of a version, by semver.org 2.0.0; build metadata has no part in the order. */
class CelSemver {
  static readonly celType = 'kubernetes.Semver';
  readonly numbers: readonly bigint[];
  readonly prerelease: readonly string[];
  constructor(text: string) {
    const parts = VERSION.exec(text.slice(0, MAX_LENGTH + 1));
    if (!parts || text.length > MAX_LENGTH)
      throw new CelFault(`semver parse error: ${JSON.stringify(text.slice(0, 60))}`);
    this.numbers = parts.slice(1, 4).map(BigInt);
    this.prerelease = parts[4]?.split('.') ?? [];
  }
  equals(other: CelSemver): boolean {
    return order(this, other) === 0;
  }
}

const MAX_LENGTH = 256;
const NUMBER = '(0|[1-9]\\d*)';
const WORD = '(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)';
const VERSION = new RegExp(
  `^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-(${WORD}(?:\\.${WORD})*))?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$`,
);

const read = (text: string, tolerant = false): CelSemver => new CelSemver(tolerant ? normalized(text) : text);
const canRead = (text: string, tolerant = false): boolean =>
  VERSION.test(tolerant ? normalized(text) : text.slice(0, MAX_LENGTH + 1));
const part =
  (index: number) =>
  ({ numbers }: CelSemver): bigint =>
    numbers[index] ?? 0n;

/** The semver library that Kubernetes adds to CEL (https://kubernetes.io/docs/reference/using-api/cel/). */
export const semvers: CelFunctions = {
  'semver(string): kubernetes.Semver': read,
  'semver(string, bool): kubernetes.Semver': read,
  'isSemver(string): bool': canRead,
  'isSemver(string, bool): bool': canRead,
  '(kubernetes.Semver).major(): int': part(0),
  '(kubernetes.Semver).minor(): int': part(1),
  '(kubernetes.Semver).patch(): int': part(2),
  '(kubernetes.Semver).compareTo(kubernetes.Semver): int': (a: CelSemver, b: CelSemver) => BigInt(order(a, b)),
  '(kubernetes.Semver).isGreaterThan(kubernetes.Semver): bool': (a: CelSemver, b: CelSemver) => order(a, b) > 0,
  '(kubernetes.Semver).isLessThan(kubernetes.Semver): bool': (a: CelSemver, b: CelSemver) => order(a, b) < 0,
};

/** 'v01.2-rc.1' as '1.2.0-rc.1': without the v, with three numbers, none with zeros before it. */
function normalized(text: string): string {
  const [, numbers = '', rest = ''] = /^v?([\d.]*)(.*)$/s.exec(text.slice(0, 257)) ?? [];
  const given = numbers.split('.').map((number) => number.replace(/^0+(?=\d)/, ''));
  return [...given, '0', '0'].slice(0, Math.max(3, given.length)).join('.') + rest;
}

function order(a: CelSemver, b: CelSemver): -1 | 0 | 1 {
  for (const [index, number] of a.numbers.entries()) {
    const other = b.numbers[index] ?? 0n;
    if (number !== other) return number < other ? -1 : 1;
  }
  // A version comes after its own prereleases.
  if (a.prerelease.length === 0 || b.prerelease.length === 0) {
    return signOf(b.prerelease.length - a.prerelease.length);
  }
  for (const [index, word] of a.prerelease.entries()) {
    const other = b.prerelease[index];
    if (other === undefined) return 1;
    const step = orderOfWords(word, other);
    if (step !== 0) return step;
  }
  return signOf(a.prerelease.length - b.prerelease.length);
}

/** Numbers come before words; numbers by size, words by their bytes. */
function orderOfWords(a: string, b: string): -1 | 0 | 1 {
  const [isNumber, isOtherNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumber !== isOtherNumber) return isNumber ? -1 : 1;
  if (isNumber) return signOf(Number(BigInt(a) - BigInt(b)));
  return a < b ? -1 : a > b ? 1 : 0;
}

const signOf = (number: number): -1 | 0 | 1 => (number < 0 ? -1 : number > 0 ? 1 : 0);
