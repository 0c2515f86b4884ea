import type { CelType } from './type.ts';

/** A node of an expression. `at` is where its operator, name or bracket stands, in UTF-16 units: where cel-go points. */
export type Expr = (
  | { kind: 'const'; value: unknown }
  | { kind: 'ident'; name: string }
  | { kind: 'select'; operand: Expr; field: string; test: boolean; optional: boolean }
  | { kind: 'call'; name: string; target: Expr | undefined; args: Expr[]; overloads?: readonly Overload[] }
  | { kind: 'list'; items: { value: Expr; optional: boolean }[] }
  | { kind: 'map'; entries: { key: Expr; value: Expr; optional: boolean }[] }
  | { kind: 'struct'; name: string; fields: { name: string; value: Expr; optional: boolean }[] }
  | Comprehension
) & { readonly at: number; type?: CelType };

/** What every comprehension macro becomes, as in cel-go: a loop over a range with an accumulator. */
export interface Comprehension {
  kind: 'comprehension';
  range: Expr;
  variable: string;
  variable2: string | undefined;
  accumulator: string;
  initial: Expr;
  condition: Expr;
  step: Expr;
  result: Expr;
}

/** One way to call a function: what it takes and gives, and what it does. */
export interface Overload {
  /** 'startsWith', or with its namespace 'sets.contains'. */
  readonly name: string;
  /** Whether the first parameter stands before the dot. */
  readonly member: boolean;
  readonly parameters: readonly CelType[];
  readonly result: CelType;
  /** Strict: called with values; an error of an argument is the call's own. */
  readonly call: (...args: never[]) => unknown;
}

/** A comprehension's own variables begin so: no source text can name them. */
export const ACCUMULATOR = '@result';

export const isIdent = (node: Expr, name: string): boolean => node.kind === 'ident' && node.name === name;

/** `a.b.c` → 'a.b.c'; undefined for anything that is not a plain chain of names. */
export function qualifiedName(node: Expr): string | undefined {
  if (node.kind === 'ident') return node.name;
  if (node.kind !== 'select' || node.test || node.optional) return undefined;
  const left = qualifiedName(node.operand);
  return left === undefined ? undefined : `${left}.${node.field}`;
}

/** The nodes directly below one, in the order in which they are evaluated. */
export function childrenOf(node: Expr): Expr[] {
  switch (node.kind) {
    case 'select':
      return [node.operand];
    case 'call':
      return node.target ? [node.target, ...node.args] : node.args;
    case 'list':
      return node.items.map(({ value }) => value);
    case 'map':
      return node.entries.flatMap(({ key, value }) => [key, value]);
    case 'struct':
      return node.fields.map(({ value }) => value);
    case 'comprehension':
      return [node.range, node.initial, node.condition, node.step, node.result];
    default:
      return [];
  }
}

/** A variable read in an expression, with the member path read from it and where it stands. */
export interface Reference {
  path: readonly string[];
  position: number;
}

/** Every read of a free variable, in source order. An index or a call ends a path. */
export function referencesIn(root: Expr): Reference[] {
  const references: Reference[] = [];
  const walk = (node: Expr, bound: ReadonlySet<string>): void => {
    const path = memberPath(node);
    if (path) {
      const [variable = ''] = path.names;
      if (!bound.has(variable)) references.push({ path: path.names, position: path.position });
      return;
    }
    if (node.kind !== 'comprehension') {
      for (const child of childrenOf(node)) walk(child, bound);
      return;
    }
    const inside = new Set(bound).add(node.variable).add(node.accumulator);
    if (node.variable2 !== undefined) inside.add(node.variable2);
    walk(node.range, bound);
    walk(node.initial, bound);
    for (const part of [node.condition, node.step, node.result]) walk(part, inside);
  };
  walk(root, new Set());
  return references;
}

/** `a.b.?c` → a, b, c; undefined for anything that is not a plain chain of members of a variable. */
export function memberPath(node: Expr): { names: string[]; position: number } | undefined {
  const names: string[] = [];
  let at = node;
  while (at.kind === 'select') {
    names.push(at.field);
    at = at.operand;
  }
  return at.kind === 'ident' ? { names: [at.name, ...names.reverse()], position: at.at } : undefined;
}
