import { endOfString } from '../rest/duplicates.ts';
import type { Piece } from './shapes.ts';

/**
 * JSON on lines of its own for people to read, as it comes: a long list is never held whole.
 * @param pieces JSON text without white space, cut between tokens if anywhere.
 */
export function* indented(pieces: Iterable<Piece>): Iterable<string> {
  let line = '\n';
  /** True right after an opening bracket: what is empty stays on its line. */
  let empty = false;

  function indentedPiece(text: string): string {
    let out = '';
    let from = 0;
    /** Takes over the text up to a place, and a line break behind it. */
    const breakAt = (end: number): void => {
      out += text.slice(from, end) + line;
      from = end;
    };
    for (let at = 0; at < text.length; at++) {
      const char = text[at];
      const closes = char === '}' || char === ']';
      if (closes) line = line.slice(0, -2);
      if (closes !== empty) breakAt(at);
      empty = char === '{' || char === '[';
      if (empty) line += '  ';
      else if (char === '"') at = endOfString(text, at);
      else if (char === ',') breakAt(at + 1);
      else if (char === ':') {
        out += `${text.slice(from, at)}: `;
        from = at + 1;
      }
    }
    return out + text.slice(from);
  }

  // Lists end with a line break; inside of strings there is none.
  for (const piece of pieces) yield indentedPiece(piece.toString().trimEnd());
  yield '\n';
}
