import { type ParsedFields, type Schedule, scheduleEvery, scheduleOf } from './schedule.ts';
import { zoneOf } from './zone.ts';

/** The fields of a schedule, in order, with their bounds and the names that they know. */
const FIELDS = {
  minute: { min: 0, max: 59, names: [] },
  hour: { min: 0, max: 23, names: [] },
  dayOfMonth: { min: 1, max: 31, names: [] },
  month: {
    min: 1,
    max: 12,
    names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  },
  dayOfWeek: { min: 0, max: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
} as const satisfies Record<keyof ParsedFields, Bounds>;

interface Bounds {
  min: number;
  max: number;
  /** Their numbers begin at `min`. */
  names: readonly string[];
}

const MACROS: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
]);
const EVERY = '@every ';

/**
 * A cron schedule as the parser reads it that kube-apiserver and kube-controller-manager use (robfig/cron 3, ParseStandard).
 * A text says what is wrong, in that parser's words.
 * @param timeZone a name of the IANA database; the schedule may name one itself (`TZ=…`), without either this process' own
 * counts.
 */
export function parseCron(schedule: string, timeZone?: string): Schedule | string {
  const zoned = /^(?:CRON_)?TZ=(\S*) ?(.*)$/s.exec(schedule);
  const zone = (zoned ? zoned[1] : timeZone) ?? 'Local';
  const wrong = zone === 'Local' ? undefined : zoneError(zone);
  if (wrong) return `provided bad location ${zone}: ${wrong}`;
  const text = zoned ? (zoned[2] ?? '').trim() : schedule;
  if (text.startsWith(EVERY)) {
    const delay = parseDuration(text.slice(EVERY.length));
    return typeof delay === 'string' ? `failed to parse duration ${text}: ${delay}` : scheduleEvery(delay);
  }
  if (text.startsWith('@') && !MACROS.has(text)) return `unrecognized descriptor: ${text}`;
  const parsed = parseFields(MACROS.get(text) ?? text);
  return typeof parsed === 'string' ? parsed : scheduleOf(parsed, zoneOf(zone === 'Local' ? undefined : zone || 'UTC'));
}

function parseFields(text: string): ParsedFields | string {
  const texts = text.split(/\s+/).filter((field) => field !== '');
  const bounds = Object.entries(FIELDS);
  if (texts.length !== bounds.length) {
    return `expected exactly ${bounds.length} fields, found ${texts.length}: [${texts.join(' ')}]`;
  }
  const fields: [string, ParsedFields['minute']][] = [];
  for (const [index, [name, bound]] of bounds.entries()) {
    const field = parseField(texts[index] ?? '', bound);
    if (typeof field === 'string') return field;
    fields.push([name, field]);
  }
  return Object.fromEntries(fields) as unknown as ParsedFields;
}

function parseField(text: string, bounds: Bounds): ParsedFields['minute'] | string {
  const values = new Set<number>();
  let any = false;
  for (const expression of text.split(',')) {
    const range = expression === '' ? undefined : parseRange(expression, bounds);
    if (typeof range === 'string') return range;
    if (!range) continue;
    any ||= range.any;
    for (let value = range.start; value <= range.end; value += range.step) values.add(value);
  }
  return { values, any };
}

interface Range {
  start: number;
  end: number;
  step: number;
  /** Whether the range is all that there is, said in so many words. */
  any: boolean;
}

function parseRange(expression: string, { min, max, names }: Bounds): Range | string {
  const [range = '', stepText, ...more] = expression.split('/');
  const [low = '', high, ...beyond] = range.split('-');
  const any = low === '*' || low === '?';
  const start = any ? min : numberOf(low, min, names);
  if (typeof start === 'string') return start;
  if (!any && beyond.length > 0) return `too many hyphens: ${expression}`;
  let end = any ? max : high === undefined ? start : numberOf(high, min, names);
  if (typeof end === 'string') return end;
  if (more.length > 0) return `too many slashes: ${expression}`;
  const step = stepText === undefined ? 1 : numberOf(stepText, 0, []);
  if (typeof step === 'string') return step;
  // 'N/step' is from N on.
  if (stepText !== undefined && high === undefined) end = max;
  if (start < min) return `beginning of range (${start}) below minimum (${min}): ${expression}`;
  if (end > max) return `end of range (${end}) above maximum (${max}): ${expression}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${expression}`;
  if (step === 0) return `step of range should be a positive number: ${expression}`;
  return { start, end, step, any: any && step === 1 };
}

/** The number of a text; a text says what is wrong with it. */
function numberOf(text: string, first: number, names: readonly string[]): number | string {
  const named = names.indexOf(text.toLowerCase());
  if (named >= 0) return first + named;
  if (!/^[+-]?\d+$/.test(text)) {
    return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
  }
  const number = Number(text);
  if (Math.abs(number) > Number.MAX_SAFE_INTEGER) {
    return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: value out of range`;
  }
  return number < 0 ? `negative number (${number}) not allowed: ${text}` : number;
}

/** Milliseconds in the units of a duration. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['μs', 1e-3],
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/** Milliseconds; a text says what Go's time.ParseDuration says about what it cannot read. */
function parseDuration(text: string): number | string {
  let rest = text.replace(/^[-+]/, '');
  if (rest === '0') return 0;
  const malformed = `time: invalid duration ${JSON.stringify(text)}`;
  if (rest === '') return malformed;
  let total = 0;
  while (rest !== '') {
    const number = /^(?:\d+(?:\.\d*)?|\.\d+)/.exec(rest)?.[0];
    if (number === undefined) return malformed;
    rest = rest.slice(number.length);
    const name = /^[^.\d]*/.exec(rest)?.[0] ?? '';
    if (name === '') return `time: missing unit in duration ${JSON.stringify(text)}`;
    const unit = UNITS.get(name);
    if (unit === undefined) {
      return `time: unknown unit ${JSON.stringify(name)} in duration ${JSON.stringify(text)}`;
    }
    total += Number(number) * unit;
    rest = rest.slice(name.length);
  }
  return text.startsWith('-') ? -total : total;
}

/** What is wrong with the name of a time zone of the IANA database. */
export function zoneError(zone: string): string | undefined {
  if (zone === '' || zone === 'UTC') return undefined;
  const unknown = `unknown time zone ${zone}`;
  if (!/^[A-Za-z]/.test(zone)) return unknown;
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions();
    // Names are files: their case matters.
    return timeZone !== zone && timeZone.toLowerCase() === zone.toLowerCase() ? unknown : undefined;
  } catch (error) {
    if (error instanceof RangeError) return unknown;
    throw error;
  }
}
