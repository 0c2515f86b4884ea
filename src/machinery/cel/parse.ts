import { CelError } from '../cel-error.ts';
import { type Token, tokensOf } from './lex.ts';
import { expandMacro, MacroError } from './macros.ts';
import type { Expr } from './syntax.ts';

/** How deeply an expression may nest; cel-go stops at 250 calls of its own parser, which count about the same. */
const MAX_DEPTH = 200;

/** Words that CEL keeps for languages around it: no variable can be called so. */
const reserved = new Set(
  'as break const continue else for function if import let loop package namespace return var void while'.split(' '),
);
const literals = new Map<unknown, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

const levels: readonly (readonly string[])[] = [
  ['<', '<=', '>=', '>', '==', '!=', 'in'],
  ['+', '-'],
  ['*', '/', '%'],
];
/** What cel-go calls an operator inside, and names it in errors. */
const functionOf = (operator: string): string => (operator === 'in' ? '@in' : `_${operator}_`);

/**
 * Parses an expression (cel-spec v0.25, doc/langdef.md) and expands its macros.
 * @param extended whether kro's macros are known as well.
 * @throws CelError with the position of what is wrong.
 */
export function parseCel(source: string, extended: boolean): Expr {
  const tokens = tokensOf(source);
  let next = 0;
  let depth = 0;

  const peek = (): Token => tokens[next] ?? { kind: 'end', value: undefined, start: source.length };
  const fail = (problem: string, position: number): never => {
    throw new CelError(problem, { expression: source, position });
  };
  const unexpected = ({ kind, value, start }: Token, wanted: string): never => {
    const shown = kind === 'end' ? '<EOF>' : kind === 'ident' || kind === 'quoted' ? String(value) : kind;
    return fail(`Syntax error: mismatched input '${shown}' expecting ${wanted}`, start);
  };
  function accept(kind: string): Token | undefined {
    if (peek().kind !== kind) return undefined;
    return tokens[next++];
  }
  function expect(kind: string): Token {
    return accept(kind) ?? unexpected(peek(), `'${kind}'`);
  }
  function nested<T>(read: () => T): T {
    if (++depth > MAX_DEPTH) fail('the expression is nested too deeply', peek().start);
    const result = read();
    depth--;
    return result;
  }

  function expression(): Expr {
    return nested(() => {
      const condition = logical('||');
      const question = accept('?');
      if (!question) return condition;
      const yes = logical('||');
      expect(':');
      return call('_?_:_', [condition, yes, expression()], question.start);
    });
  }

  /** cel-go balances long chains of && and ||, so that a thousand of them do not nest a thousand deep. */
  function logical(operator: '||' | '&&'): Expr {
    const read = () => (operator === '||' ? logical('&&') : binary(0));
    const operands = [read()];
    const positions: number[] = [];
    for (let token = accept(operator); token; token = accept(operator)) {
      positions.push(token.start);
      operands.push(read());
    }
    const join = (from: number, to: number): Expr => {
      const only = operands[from];
      if (from === to && only) return only;
      const middle = (from + to) >> 1;
      return call(`_${operator}_`, [join(from, middle), join(middle + 1, to)], positions[middle] ?? 0);
    };
    return join(0, operands.length - 1);
  }

  function operatorIn(level: number): string | undefined {
    const { kind, value } = peek();
    const name = kind === 'ident' ? value : kind;
    return levels[level]?.find((operator) => operator === name);
  }

  function binary(level: number): Expr {
    const read = () => (level + 1 < levels.length ? binary(level + 1) : unary());
    let left = read();
    for (let operator = operatorIn(level); operator !== undefined; operator = operatorIn(level)) {
      const { start } = peek();
      next++;
      left = call(functionOf(operator), [left, read()], start);
    }
    return left;
  }

  function unary(): Expr {
    const token = accept('!') ?? accept('-');
    if (!token) return member();
    const literal = token.kind === '-' ? negated(peek(), token.start) : undefined;
    if (literal) {
      next++;
      return members(literal);
    }
    return nested(() => call(token.kind === '!' ? '!_' : '-_', [unary()], token.start));
  }

  function negated({ kind, value }: Token, at: number): Expr | undefined {
    if (kind !== 'const') return undefined;
    if (typeof value === 'number') return { kind: 'const', value: -value, at };
    if (typeof value !== 'bigint') return undefined;
    if (value > 2n ** 63n) fail('invalid int literal', at);
    return { kind: 'const', value: -value, at };
  }

  const member = (): Expr => members(primary());

  function members(start: Expr): Expr {
    let at = start;
    for (let length = 0; ; length++) {
      if (length > 1000) fail('the expression is nested too deeply', peek().start);
      const token =
        accept('.') ?? accept('[') ?? (at.kind === 'ident' || at.kind === 'select' ? accept('{') : undefined);
      if (!token) return at;
      if (token.kind === '.') at = selection(at, token);
      else if (token.kind === '[') at = index(at, token);
      else at = struct(at, token);
    }
  }

  function selection(operand: Expr, dot: Token): Expr {
    const optional = accept('?') !== undefined;
    const name = accept('ident') ?? accept('quoted') ?? unexpected(peek(), 'IDENTIFIER');
    const field = String(name.value);
    const open = optional || name.kind === 'quoted' ? undefined : accept('(');
    if (open) return expanded(field, operand, list(')'), open.start);
    return { kind: 'select', operand, field, test: false, optional, at: dot.start };
  }

  function index(operand: Expr, bracket: Token): Expr {
    const optional = accept('?') !== undefined;
    const key = expression();
    expect(']');
    return call(optional ? '_[?_]' : '_[_]', [operand, key], bracket.start);
  }

  /** The arguments of a call, up to its closing bracket. */
  function list(end: string): Expr[] {
    const items: Expr[] = [];
    while (!accept(end)) {
      items.push(expression());
      if (!accept(',')) {
        expect(end);
        break;
      }
    }
    return items;
  }

  function primary(): Expr {
    const token = peek();
    next++;
    const at = token.start;
    if (token.kind === 'const') return constant(token);
    if (token.kind === '(') {
      const inner = expression();
      expect(')');
      return inner;
    }
    if (token.kind === '[') return { kind: 'list', items: items(), at };
    if (token.kind === '{') return { kind: 'map', entries: entries(), at };
    if (token.kind === '.') return identifier(expect('ident'), at);
    if (token.kind === 'ident') return identifier(token, at);
    return unexpected(
      token,
      "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
    );
  }

  function constant({ value, start }: Token): Expr {
    if (typeof value === 'bigint' && value >= 2n ** 63n) fail('invalid int literal', start);
    return { kind: 'const', value, at: start };
  }

  function identifier({ value }: Token, at: number): Expr {
    const name = String(value);
    if (literals.has(name)) return { kind: 'const', value: literals.get(name), at };
    if (reserved.has(name) || name === 'in') fail(`reserved identifier: ${name}`, at);
    const open = accept('(');
    return open ? expanded(name, undefined, list(')'), open.start) : { kind: 'ident', name, at };
  }

  function items(): { value: Expr; optional: boolean }[] {
    const found: { value: Expr; optional: boolean }[] = [];
    while (!accept(']')) {
      const optional = accept('?') !== undefined;
      found.push({ value: expression(), optional });
      if (!accept(',')) {
        expect(']');
        break;
      }
    }
    return found;
  }

  function entries(): { key: Expr; value: Expr; optional: boolean }[] {
    const found: { key: Expr; value: Expr; optional: boolean }[] = [];
    while (!accept('}')) {
      const optional = accept('?') !== undefined;
      const key = expression();
      expect(':');
      found.push({ key, value: expression(), optional });
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    return found;
  }

  function struct(name: Expr, brace: Token): Expr {
    const path: string[] = [];
    let at = name;
    for (; at.kind === 'select' && !at.optional; at = at.operand) path.unshift(at.field);
    if (at.kind !== 'ident') return fail("Syntax error: mismatched input '{' expecting <EOF>", brace.start);
    const fields: { name: string; value: Expr; optional: boolean }[] = [];
    while (!accept('}')) {
      const optional = accept('?') !== undefined;
      const field = accept('ident') ?? accept('quoted') ?? unexpected(peek(), 'IDENTIFIER');
      expect(':');
      fields.push({ name: String(field.value), value: expression(), optional });
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    return { kind: 'struct', name: [at.name, ...path].join('.'), fields, at: brace.start };
  }

  function expanded(name: string, target: Expr | undefined, args: Expr[], at: number): Expr {
    try {
      return expandMacro({ name, target, args, at }, extended) ?? { kind: 'call', name, target, args, at };
    } catch (error) {
      if (error instanceof MacroError) return fail(error.message, error.at);
      throw error;
    }
  }

  const root = expression();
  if (peek().kind !== 'end') unexpected(peek(), '<EOF>');
  return root;
}

const call = (name: string, args: Expr[], at: number): Expr => ({ kind: 'call', name, target: undefined, args, at });
