import { badRequest } from './status.ts';

/** A requirement of a field selector: `metadata.name=x`. */
export interface FieldRequirement {
  field: string;
  operator: '=' | '!=';
  value: string;
}

/**
 * Parses a field selector: comma-separated `field=value`, `field==value`, `field!=value`, where `\`, `,` and `=` in
 * values are escaped by a backslash (apimachinery fields.ParseSelector). Throws ApiError 400.
 */
export function parseFieldSelector(text: string): FieldRequirement[] {
  const requirements: FieldRequirement[] = [];
  for (const term of splitTerms(text).sort()) {
    if (term === '') continue;
    const found = /!=|==?/.exec(term);
    if (!found) return refuse(`invalid selector: '${text}'; can't understand '${term}'`);
    const value = unescapeValue(term.slice(found.index + found[0].length));
    const field = term.slice(0, found.index);
    // Upstream takes a lone operator for "everything".
    if (field !== '' || value !== '') requirements.push({ field, operator: found[0] === '!=' ? '!=' : '=', value });
  }
  return requirements;
}

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return [...terms, text.slice(start)];
}

function unescapeValue(escaped: string): string {
  let value = '';
  for (let i = 0; i < escaped.length; i++) {
    const char = escaped.charAt(i);
    if (char === '\\') {
      const following = escaped.charAt(++i);
      if (!['\\', ',', '='].includes(following)) {
        refuse(`invalid field selector: invalid escape sequence: \\${following}`);
      }
      value += following;
    } else if (char === ',' || char === '=') {
      refuse(`invalid field selector: unescaped character in value: ${char.charCodeAt(0)}`);
    } else value += char;
  }
  return value;
}

function refuse(message: string): never {
  throw badRequest(message);
}
