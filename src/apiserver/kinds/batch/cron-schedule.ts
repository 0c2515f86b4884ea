/** The fields of a schedule, in order, with their bounds and the names that they know. */
const FIELDS: readonly Bounds[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] },
  { min: 0, max: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
];

interface Bounds {
  min: number;
  max: number;
  /** Their numbers begin at `min`. */
  names: readonly string[];
}

const DESCRIPTORS = new Set(['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']);
const EVERY = '@every ';

/** What is wrong with a cron schedule, in the words of the parser that kube-apiserver uses (robfig/cron 3). */
export function scheduleError(schedule: string): string | undefined {
  const zoned = /^(?:CRON_)?TZ=(\S*) ?(.*)$/s.exec(schedule);
  const zone = zoned?.[1] ?? '';
  if (zoned && zone !== 'Local' && zoneError(zone)) return `provided bad location ${zone}: ${zoneError(zone)}`;
  const text = zoned ? (zoned[2] ?? '').trim() : schedule;
  if (text.startsWith('@')) return descriptorError(text);
  const fields = text.split(/\s+/).filter((field) => field !== '');
  if (fields.length !== FIELDS.length) {
    return `expected exactly ${FIELDS.length} fields, found ${fields.length}: [${fields.join(' ')}]`;
  }
  for (const [index, bounds] of FIELDS.entries()) {
    for (const range of (fields[index] ?? '').split(',')) {
      const error = range === '' ? undefined : rangeError(range, bounds);
      if (error !== undefined) return error;
    }
  }
  return undefined;
}

function descriptorError(text: string): string | undefined {
  if (DESCRIPTORS.has(text)) return undefined;
  if (!text.startsWith(EVERY)) return `unrecognized descriptor: ${text}`;
  const error = durationError(text.slice(EVERY.length));
  return error === undefined ? undefined : `failed to parse duration ${text}: ${error}`;
}

function rangeError(expression: string, { min, max, names }: Bounds): string | undefined {
  const [range = '', step, ...more] = expression.split('/');
  const [low = '', high, ...beyond] = range.split('-');
  const any = low === '*' || low === '?';
  const start = any ? min : numberOf(low, min, names);
  if (typeof start === 'string') return start;
  if (!any && beyond.length > 0) return `too many hyphens: ${expression}`;
  let end = any ? max : high === undefined ? start : numberOf(high, min, names);
  if (typeof end === 'string') return end;
  if (more.length > 0) return `too many slashes: ${expression}`;
  const every = step === undefined ? 1 : numberOf(step, 0, []);
  if (typeof every === 'string') return every;
  // 'N/step' is from N on.
  if (step !== undefined && high === undefined) end = max;
  if (start < min) return `beginning of range (${start}) below minimum (${min}): ${expression}`;
  if (end > max) return `end of range (${end}) above maximum (${max}): ${expression}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${expression}`;
  return every === 0 ? `step of range should be a positive number: ${expression}` : undefined;
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

const UNITS = new Set(['ns', 'us', 'µs', 'μs', 'ms', 's', 'm', 'h']);

/** What Go's time.ParseDuration says about a text. */
function durationError(text: string): string | undefined {
  let rest = text.replace(/^[-+]/, '');
  if (rest === '0') return undefined;
  const malformed = `time: invalid duration ${JSON.stringify(text)}`;
  if (rest === '') return malformed;
  while (rest !== '') {
    const number = /^(?:\d+(?:\.\d*)?|\.\d+)/.exec(rest)?.[0];
    if (number === undefined) return malformed;
    rest = rest.slice(number.length);
    const unit = /^[^.\d]*/.exec(rest)?.[0] ?? '';
    if (unit === '') return `time: missing unit in duration ${JSON.stringify(text)}`;
    if (!UNITS.has(unit)) {
      return `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`;
    }
    rest = rest.slice(unit.length);
  }
  return undefined;
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
