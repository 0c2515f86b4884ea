import { isFields } from '../../machinery/index.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The index of a JSON string's closing quote; `start` is that of its opening one. */
export function endOfString(text: string, start: number): number {
  const quote = text.indexOf('"', start + 1);
  if (quote < 0) return text.length;
  // Few strings hold a quote of their own.
  if (text.charCodeAt(quote - 1) !== BACKSLASH) return quote;
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

export interface Shape {
  /** How deep objects and lists lie in one another. */
  depth: number;
  /** How many fields all objects have together, duplicates included. */
  fields: number;
}

/** The shape of a JSON text, from its punctuation alone, before anything recursive touches it. */
export function shapeOf(text: string): Shape {
  let deepest = 0;
  let depth = 0;
  let fields = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === 0x3a /* : */) fields++;
    else if (code === 0x7b /* { */ || code === 0x5b /* [ */) deepest = Math.max(deepest, ++depth);
    else if (code === 0x7d /* } */ || code === 0x5d /* ] */) depth--;
  }
  return { depth: deepest, fields };
}

function countFields(value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + countFields(item), 0);
  if (!isFields(value)) return 0;
  const keys = Object.keys(value);
  return keys.reduce((sum, key) => sum + countFields(value[key]), keys.length);
}

/**
 * The paths of the fields that a JSON text gives more than once: 'spec.containers[0].image'.
 * @param text well formed JSON; `value` is what it parses to, and `fields` how many fields its text has.
 */
export function duplicateFields(text: string, value: unknown, fields: number): string[] {
  // A field given twice is one less in the value: hardly any text has to be looked at twice.
  return countFields(value) === fields ? [] : findDuplicates(text);
}

/** An object or list around the place that is looked at. */
interface Level {
  path: string;
  /** The keys so far; undefined for a list. */
  keys: Set<string> | undefined;
  index: number;
  /** The path of the field whose value comes next. */
  field: string;
}

function findDuplicates(text: string): string[] {
  const found = new Set<string>();
  const levels: Level[] = [];
  const pathOf = (level: Level | undefined): string => {
    if (!level) return '';
    return level.keys ? level.field : `${level.path}[${level.index}]`;
  };
  for (let at = 0; at < text.length; at++) {
    const level = levels.at(-1);
    switch (text[at]) {
      case '{':
        levels.push({ path: pathOf(level), keys: new Set(), index: 0, field: '' });
        break;
      case '[':
        levels.push({ path: pathOf(level), keys: undefined, index: 0, field: '' });
        break;
      case '}':
      case ']':
        levels.pop();
        break;
      case ',':
        if (level) level.index++;
        break;
      case '"': {
        const end = endOfString(text, at);
        if (level?.keys && isKey(text, end)) enter(level, JSON.parse(text.slice(at, end + 1)) as string, found);
        at = end;
      }
    }
  }
  return [...found];
}

/** True for a string that a colon follows. */
function isKey(text: string, end: number): boolean {
  let at = end + 1;
  while (/\s/.test(text[at] ?? '')) at++;
  return text[at] === ':';
}

function enter(level: Level, key: string, found: Set<string>): void {
  level.field = level.path === '' ? key : `${level.path}.${key}`;
  if (level.keys?.has(key)) found.add(level.field);
  level.keys?.add(key);
}
