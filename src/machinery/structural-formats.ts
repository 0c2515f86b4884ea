import { isIP } from 'node:net';

/**
 * The string formats that CRD schemas enforce (apiextensions-apiserver, supportedVersionedFormats of v1.34). Any other
 * format is accepted and ignored, as upstream does. Every check here is linear in the length of the value.
 */
const checks: Record<string, (value: string) => boolean> = {
  bsonobjectid: (value) => /^[0-9a-fA-F]{24}$/.test(value),
  uri: isUri,
  email: isEmail,
  hostname: isHostname,
  ipv4: (value) => isIP(value) === 4,
  ipv6: (value) => isIP(value) === 6 && !value.includes('%'),
  cidr: isCidr,
  mac: (value) => /^([0-9a-fA-F]{2}([:-]))([0-9a-fA-F]{2}\2){4}[0-9a-fA-F]{2}$/.test(value),
  uuid: (value) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(value),
  uuid3: (value) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(value),
  uuid4: (value) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i.test(value),
  uuid5: (value) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i.test(value),
  isbn: (value) => isIsbn10(value) || isIsbn13(value),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: (value) => /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(value),
  hexcolor: (value) => /^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/.test(value),
  rgbcolor: isRgbColor,
  byte: (value) => value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value),
  password: () => true,
  date: isDate,
  duration: isDuration,
  datetime: isDateTime,
};

/** The check of a format ('date-time' and 'datetime' are the same), or undefined for a format that is not enforced. */
export function formatCheck(format: string): ((value: string) => boolean) | undefined {
  const name = format.replaceAll('-', '');
  return Object.hasOwn(checks, name) ? checks[name] : undefined;
}

function isUri(value: string): boolean {
  if (value.startsWith('/')) return !/\s/.test(value);
  return /^[A-Za-z][A-Za-z0-9+.-]*:/.test(value) && URL.canParse(value);
}

function isEmail(value: string): boolean {
  const at = value.lastIndexOf('@');
  if (at <= 0 || at === value.length - 1 || value.length > 320) return false;
  const local = value.slice(0, at);
  return /^[^\s<>()[\]\\,;:@"]+$/.test(local) && !local.includes('..') && isHostname(value.slice(at + 1));
}

function isHostname(value: string): boolean {
  if (value.length === 0 || value.length > 255) return false;
  return value
    .replace(/\.$/, '')
    .split('.')
    .every((label) => /^[\p{L}\p{N}_]([\p{L}\p{N}_-]{0,61}[\p{L}\p{N}_])?$/u.test(label));
}

function isCidr(value: string): boolean {
  const slash = value.indexOf('/');
  const family = isIP(value.slice(0, slash));
  const bits = value.slice(slash + 1);
  return slash > 0 && family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}

function isIsbn10(value: string): boolean {
  const digits = value.replace(/[\s-]/g, '');
  if (!/^\d{9}[\dXx]$/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < 10; i++) sum += (10 - i) * (/[Xx]/.test(digits[i] ?? '') ? 10 : Number(digits[i]));
  return sum % 11 === 0;
}

function isIsbn13(value: string): boolean {
  const digits = value.replace(/[\s-]/g, '');
  if (!/^\d{13}$/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < 13; i++) sum += Number(digits[i]) * (i % 2 === 0 ? 1 : 3);
  return sum % 10 === 0;
}

function isCreditCard(value: string): boolean {
  const digits = value.replace(/\D/g, '');
  if (!/^\d{13,16}$/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const weighted = i % 2 === 0 ? digit : digit * 2;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}

function isRgbColor(value: string): boolean {
  const match = /^rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)$/.exec(value.slice(0, 100));
  return match !== null && value.length <= 100 && match.slice(1).every((part) => Number(part) <= 255);
}

function isDate(value: string): boolean {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(value);
  if (match === null) return false;
  const [, year, month, day] = match.map(Number);
  const date = new Date(Date.UTC(year ?? 0, (month ?? 0) - 1, day));
  return date.getUTCMonth() + 1 === month && date.getUTCDate() === day;
}

function isDateTime(value: string): boolean {
  const match = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:?\d{2})?$/.exec(value);
  if (match === null || !isDate(match[1] ?? '')) return false;
  return Number(match[2]) < 24 && Number(match[3]) < 60 && Number(match[4]) <= 60;
}

// Longer names first: an alternation takes the first that fits.
const durationUnit =
  'nano(?:second)?s?|micro(?:second)?s?|milli(?:second)?s?|seconds?|sec|minutes?|min|hours?|hr|days?|weeks?|wk|ns|us|µs|μs|ms|s|m|h|d|w';
const durationPart = new RegExp(`^(\\d+\\.?\\d*|\\.\\d+)\\s*(${durationUnit})\\s*`, 'i');

/** A Go duration ('1h30m', '1.5s') or the spaced form that go-openapi takes as well ('3 days'). */
function isDuration(value: string): boolean {
  if (value.length > 256) return false;
  let rest = value.trim().replace(/^[+-]/, '');
  if (rest === '0') return true;
  if (rest === '') return false;
  while (rest !== '') {
    const part = durationPart.exec(rest);
    if (part === null) return false;
    rest = rest.slice(part[0].length);
  }
  return true;
}
