/** One marker of a SimpleSchema field: `minimum=1` after the `|`. */
export interface Marker {
  name: string;
  value: string;
}

/**
 * Reads the markers of a SimpleSchema field: `required=true default="a b" enum="x,y" default={"a": 1}`. A value is a
 * word, a quoted string, or JSON in braces or brackets. Throws Error saying what cannot be read.
 */
export function parseMarkers(text: string): Marker[] {
  const markers: Marker[] = [];
  let at = skipSpace(text, 0);
  while (at < text.length) {
    const name = /^[A-Za-z][A-Za-z0-9]*/.exec(text.slice(at, at + 64))?.[0];
    if (!name) throw new Error(`a marker is expected at "${text.slice(at, at + 20)}"`);
    at += name.length;
    if (text[at] !== '=') throw new Error(`marker "${name}" has no value: write ${name}=…`);
    const end = endOfValue(text, at + 1, name);
    const raw = text.slice(at + 1, end);
    if (raw === '') throw new Error(`marker "${name}" has no value: write ${name}=…`);
    markers.push({ name, value: raw.startsWith('"') ? unquote(raw) : raw });
    at = skipSpace(text, end);
  }
  return markers;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && /\s/.test(text[at] ?? '')) at++;
  return at;
}

function endOfValue(text: string, from: number, name: string): number {
  const first = text[from];
  if (first === '"') return endOfString(text, from, name);
  if (first !== '{' && first !== '[') {
    const space = text.slice(from).search(/\s/);
    return space < 0 ? text.length : from + space;
  }
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at, name) - 1;
    else if (char === '{' || char === '[') depth++;
    else if ((char === '}' || char === ']') && --depth === 0) return at + 1;
  }
  throw new Error(`the value of marker "${name}" is not closed`);
}

function endOfString(text: string, from: number, name: string): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  throw new Error(`the value of marker "${name}" has no closing quote`);
}

/** JSON's escapes where they are valid; else the text as it stands, so that a pattern such as "\d+" needs no doubling. */
function unquote(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    // Not JSON: a backslash that escapes nothing is itself.
    return quoted.slice(1, -1).replace(/\\(["\\])/g, '$1');
  }
}
