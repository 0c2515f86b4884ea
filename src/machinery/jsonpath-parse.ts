export type JsonPathStep =
  | { kind: 'field'; name: string }
  | { kind: 'all' }
  | { kind: 'descend' }
  | { kind: 'slice'; single: boolean; start?: number; end?: number; step: number }
  | { kind: 'filter'; filter: Filter }
  | { kind: 'union'; choices: JsonPathStep[] };

/** left operator right; without an operator, whether left exists. */
export interface Filter {
  left: JsonPathStep[];
  operator?: string;
  right?: { value: unknown } | { path: JsonPathStep[] };
}

/** Thrown for a text that is no JSONPath; the message says where. */
export class JsonPathError extends Error {}

const maxLength = 4096;

/** Parses a JSONPath expression; see compileJsonPath for the dialect. */
export function parseJsonPath(source: string): JsonPathStep[] {
  if (source.length > maxLength) throw new JsonPathError(`a JSONPath may not be longer than ${maxLength} characters`);
  const trimmed = source.trim();
  const bare = trimmed.startsWith('{') && trimmed.endsWith('}') ? trimmed.slice(1, -1).trim() : trimmed;
  return parseSteps(/^[$@]/.test(bare) ? bare.slice(1) : bare, source);
}

function parseSteps(path: string, source: string): JsonPathStep[] {
  const steps: JsonPathStep[] = [];
  for (let at = 0; at < path.length; ) {
    if (path.startsWith('..', at)) {
      steps.push({ kind: 'descend' });
      at += 2;
      if (path[at] === '[') continue;
      at = parseName(path, at, steps, source);
    } else if (path[at] === '.') {
      at++;
      if (at < path.length && path[at] !== '[') at = parseName(path, at, steps, source);
    } else if (path[at] === '[') {
      const end = closingBracket(path, at, source);
      steps.push(parseBracket(path.slice(at + 1, end).trim(), source));
      at = end + 1;
    } else if (at === 0) {
      at = parseName(path, at, steps, source);
    } else {
      throw new JsonPathError(`unexpected '${path[at]}' in JSONPath '${source}'`);
    }
  }
  return steps;
}

/** A field's name, in which a backslash makes the next character plain: .metadata.annotations.example\.com/x. */
function parseName(path: string, start: number, steps: JsonPathStep[], source: string): number {
  if (path[start] === '*') {
    steps.push({ kind: 'all' });
    return start + 1;
  }
  let name = '';
  let at = start;
  for (; at < path.length && path[at] !== '.' && path[at] !== '['; at++) {
    if (path[at] === '\\' && at + 1 < path.length) at++;
    name += path[at];
  }
  if (name === '') throw new JsonPathError(`a field name is missing in JSONPath '${source}'`);
  steps.push({ kind: 'field', name });
  return at;
}

function closingBracket(path: string, open: number, source: string): number {
  let depth = 0;
  let quote = '';
  for (let at = open; at < path.length; at++) {
    const char = path[at] ?? '';
    if (quote !== '') {
      if (char === '\\') at++;
      else if (char === quote) quote = '';
    } else if (char === "'" || char === '"') quote = char;
    else if (char === '[') depth++;
    else if (char === ']' && --depth === 0) return at;
  }
  throw new JsonPathError(`unterminated array in JSONPath '${source}'`);
}

function parseBracket(inside: string, source: string): JsonPathStep {
  if (inside === '*') return { kind: 'all' };
  const filter = /^\?\s*\((.*)\)$/s.exec(inside);
  if (filter !== null) return { kind: 'filter', filter: parseFilter((filter[1] ?? '').trim(), source) };
  const parts = splitOutsideQuotes(inside, ',');
  if (parts.length > 1) return { kind: 'union', choices: parts.map((part) => parseBracket(part.trim(), source)) };
  const name = quoted(inside);
  if (name !== undefined) return { kind: 'field', name };
  const slice = /^(-?\d{1,9})?(?:(:)(-?\d{1,9})?(?::(\d{1,9})?)?)?$/.exec(inside);
  if (slice === null || inside === '') throw new JsonPathError(`invalid array index ${inside} in JSONPath '${source}'`);
  const step = slice[4] === undefined ? 1 : Number(slice[4]);
  if (step < 1) throw new JsonPathError(`step must be > 0 in JSONPath '${source}'`);
  return {
    kind: 'slice',
    single: slice[2] === undefined,
    step,
    ...(slice[1] === undefined ? {} : { start: Number(slice[1]) }),
    ...(slice[3] === undefined ? {} : { end: Number(slice[3]) }),
  };
}

/** The positions of a text that are not inside quotes, quotes themselves left out. */
function* outsideQuotes(text: string): Generator<number> {
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if (quote !== '') {
      if (char === '\\') at++;
      else if (char === quote) quote = '';
    } else if (char === "'" || char === '"') quote = char;
    else yield at;
  }
}

/** Splits at a separator that is not inside quotes. */
function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (const at of outsideQuotes(text)) {
    if (text[at] !== separator) continue;
    parts.push(text.slice(start, at));
    start = at + 1;
  }
  return [...parts, text.slice(start)];
}

/** The text inside quotes with escapes resolved; undefined when it is not a quoted text. */
function quoted(text: string): string | undefined {
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || text.at(-1) !== quote) return undefined;
  return text.slice(1, -1).replace(/\\(.)/gs, '$1');
}

function parseFilter(text: string, source: string): Filter {
  const at = operatorPosition(text);
  if (at < 0) return { left: parseOperandPath(text, source) };
  const operator = /^(==|!=|<=|>=|<|>)/.exec(text.slice(at))?.[0] ?? '';
  const left = parseOperandPath(text.slice(0, at).trim(), source);
  return { left, operator, right: parseOperand(text.slice(at + operator.length).trim(), source) };
}

function operatorPosition(text: string): number {
  for (const at of outsideQuotes(text)) {
    const char = text[at];
    if (char === '<' || char === '>' || ((char === '=' || char === '!') && text[at + 1] === '=')) return at;
  }
  return -1;
}

function parseOperand(text: string, source: string): { value: unknown } | { path: JsonPathStep[] } {
  const name = quoted(text);
  if (name !== undefined) return { value: name };
  if (/^-?\d+(\.\d+)?$/.test(text)) return { value: Number(text) };
  if (text === 'true' || text === 'false') return { value: text === 'true' };
  return { path: parseOperandPath(text, source) };
}

function parseOperandPath(text: string, source: string): JsonPathStep[] {
  if (!/^[@$.[]/.test(text)) throw new JsonPathError(`unrecognized identifier ${text} in JSONPath '${source}'`);
  return parseSteps(/^[@$]/.test(text) ? text.slice(1) : text, source);
}
