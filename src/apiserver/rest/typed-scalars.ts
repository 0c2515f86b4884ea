/**
 * What Go's decoders make of the texts that stand for something else: times, bytes and quantities. Each returns the
 * value as Go writes it again, or throws an Error with the words of Go's.
 */
import { canonicalQuantity, quantityError } from '../../machinery/index.ts';

const CANONICAL_TIME = /^[1-9]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/;
const CANONICAL_MICRO_TIME =
  /^[1-9]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$/;
/** Go's zero time, which it writes as null. */
const ZERO_TIME = '0001-01-01T00:00:00';

/** A meta.v1.Time: any time of RFC 3339, cut to the second and in UTC. undefined for Go's zero time. */
export function goTime(text: string): string | undefined {
  return CANONICAL_TIME.test(text) ? text : parseTime(text, '2006-01-02T15:04:05Z07:00', '');
}

/** A meta.v1.MicroTime, which must have its six digits. */
export function goMicroTime(text: string): string | undefined {
  return CANONICAL_MICRO_TIME.test(text) ? text : parseTime(text, '2006-01-02T15:04:05.000000Z07:00', '.000000');
}

/** The parts of a layout in order: a literal, or a number of so many digits with its bounds and its name in errors. */
const PARTS: readonly (string | { as: string; digits: number; from: number; to: number; name: string })[] = [
  { as: '2006', digits: 4, from: 0, to: 9999, name: 'year' },
  '-',
  { as: '01', digits: 2, from: 1, to: 12, name: 'month' },
  '-',
  { as: '02', digits: 2, from: 0, to: 99, name: 'day' },
  'T',
  { as: '15', digits: 2, from: 0, to: 23, name: 'hour' },
  ':',
  { as: '04', digits: 2, from: 0, to: 59, name: 'minute' },
  ':',
  { as: '05', digits: 2, from: 0, to: 59, name: 'second' },
];

function parseTime(text: string, layout: string, fraction: '' | '.000000'): string | undefined {
  const fail = (at: number, as: string): Error => {
    const [whole, wanted, rest, part] = [text, layout, text.slice(at), as].map((each) => JSON.stringify(each));
    return new Error(`parsing time ${whole} as ${wanted}: cannot parse ${rest} as ${part}`);
  };
  const numbers = readClock(text, fail);
  const begin = CLOCK_LENGTH;
  const given = (fraction === '' ? /^(?:[.,]\d+)?/ : /^[.,]\d{6}/).exec(text.slice(begin))?.[0];
  if (given === undefined) throw fail(begin, fraction);
  const end = begin + given.length;
  const zone = /^(?:Z|([+-])(\d\d):(\d\d))/.exec(text.slice(end));
  if (!zone) throw fail(end, 'Z07:00');
  const rest = text.slice(end + zone[0].length);
  if (rest !== '') throw new Error(`parsing time ${JSON.stringify(text)}: extra text: ${JSON.stringify(rest)}`);
  const seconds = inUtc(text, numbers, zone);
  if (seconds === ZERO_TIME && !/[1-9]/.test(given)) return undefined;
  return `${seconds}${fraction === '' ? '' : given.replace(',', '.')}Z`;
}

const CLOCK_LENGTH = '2006-01-02T15:04:05'.length;

const outOfRange = (text: string, what: string): Error =>
  new Error(`parsing time ${JSON.stringify(text)}: ${what} out of range`);

/** The numbers of the date and the time of day, at the beginning of the text. */
function readClock(text: string, fail: (at: number, as: string) => Error): number[] {
  const numbers: number[] = [];
  let at = 0;
  for (const part of PARTS) {
    if (typeof part === 'string') {
      if (text[at] !== part) throw fail(at, part);
      at += 1;
      continue;
    }
    const digits = text.slice(at, at + part.digits);
    if (digits.length < part.digits || !/^\d+$/.test(digits)) throw fail(at, part.as);
    const number = Number(digits);
    if (number < part.from || number > part.to) throw outOfRange(text, part.name);
    numbers.push(number);
    at += part.digits;
  }
  return numbers;
}

/** '2026-01-31T22:00:00' */
function inUtc(text: string, numbers: readonly number[], zone: RegExpExecArray): string {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = numbers;
  if (day < 1 || day > daysIn(year, month)) throw outOfRange(text, 'day');
  const [, sign, hours = '0', minutes = '0'] = zone;
  if (Number(hours) > 24 || Number(minutes) > 60) throw outOfRange(text, 'time zone offset');
  const offset = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -1 : 1);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute - offset, second);
  if (date.getUTCFullYear() < 0 || date.getUTCFullYear() > 9999) throw outOfRange(text, 'year');
  return date.toISOString().slice(0, CLOCK_LENGTH);
}

const daysIn = (year: number, month: number): number => {
  const last = new Date(0);
  last.setUTCFullYear(year, month, 0);
  return last.getUTCDate();
};

/** Bytes in base64 (RFC 4648, padded; line breaks are passed over), written without line breaks and stray bits. */
export function goBytes(text: string): string {
  const again = Buffer.from(text, 'base64').toString('base64');
  if (again === text) return text;
  const at = wrongBase64(text);
  if (at !== undefined) throw new Error(`illegal base64 data at input byte ${at}`);
  return again;
}

const isLineBreak = (text: string, at: number): boolean => text[at] === '\n' || text[at] === '\r';

/** Where Go's strict decoder stops, if it does. */
function wrongBase64(text: string): number | undefined {
  let inGroup = 0;
  for (let at = 0; at < text.length; at++) {
    if (isLineBreak(text, at)) continue;
    if (text[at] === '=') return wrongPadding(text, at, inGroup);
    if (!/[A-Za-z0-9+/]/.test(text[at] ?? '')) return at;
    inGroup = (inGroup + 1) % 4;
  }
  return inGroup === 0 ? undefined : text.length - inGroup;
}

function wrongPadding(text: string, first: number, inGroup: number): number | undefined {
  if (inGroup < 2) return first;
  let at = first + 1;
  const skipLineBreaks = (): void => {
    while (isLineBreak(text, at)) at++;
  };
  if (inGroup === 2) {
    skipLineBreaks();
    if (at === text.length) return at;
    if (text[at] !== '=') return at - 1;
    at++;
  }
  skipLineBreaks();
  return at < text.length ? at : undefined;
}

/** Quantities that were spelled out before: there are few that anyone uses. */
const quantities = new Map<unknown, string>();
const MAX_QUANTITIES = 1000;

/** A quantity, given as text or as a number, in the one way of writing it that Go has. */
export function goQuantity(value: unknown): string {
  const known = quantities.get(value);
  if (known !== undefined) return known;
  const text = typeof value === 'string' ? value.trim() : value;
  const wrong = quantityError(text);
  if (wrong !== undefined) throw new Error(wrong);
  const canonical = canonicalQuantity(text as string | number);
  if (quantities.size < MAX_QUANTITIES) quantities.set(value, canonical);
  return canonical;
}
