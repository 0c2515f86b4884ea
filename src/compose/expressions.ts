/** A piece of a template's string: text as it stands, or the source of a CEL expression. */
export type Piece = { text: string } | { expression: string };

/**
 * Splits a string at its `${…}` expressions. Braces and quotes inside an expression are understood, so that it may
 * hold map literals and strings with braces. Throws Error for one that is not closed or that holds another `${`.
 */
export function splitExpressions(text: string): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (let start = text.indexOf('${'); start >= 0; start = text.indexOf('${', from)) {
    if (start > from) pieces.push({ text: text.slice(from, start) });
    const end = endOfExpression(text, start + 2);
    const expression = text.slice(start + 2, end).trim();
    if (expression === '') throw new Error('empty expression: ${}');
    pieces.push({ expression });
    from = end + 1;
  }
  if (from < text.length) pieces.push({ text: text.slice(from) });
  return pieces;
}

/** The index of the brace that closes an expression which begins at `from`. */
function endOfExpression(text: string, from: number): number {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === '"' || char === "'") at = endOfString(text, at) - 1;
    else if (char === '{') depth++;
    else if (char === '}' && --depth === 0) return at;
    else if (char === '$' && text[at + 1] === '{')
      throw new Error('an expression cannot hold another: "${" inside "${…}"');
  }
  throw new Error(`expression is not closed: "${text.slice(from - 2, from + 40)}"`);
}

/** The index after a CEL string literal: single or triple quotes, raw if an r stands before them. */
function endOfString(text: string, from: number): number {
  const quote = text[from] ?? '';
  const close = text.startsWith(quote.repeat(3), from) ? quote.repeat(3) : quote;
  const raw = /[rR]/.test(text[from - 1] ?? '') && !/\w/.test(text[from - 2] ?? '');
  for (let at = from + close.length; at < text.length; at++) {
    if (text[at] === '\\' && !raw) at++;
    else if (text.startsWith(close, at)) return at + close.length;
  }
  throw new Error(`string is not closed: ${text.slice(from, from + 40)}`);
}
