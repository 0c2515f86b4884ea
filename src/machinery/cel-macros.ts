import type { Environment } from '@marcbachmann/cel-js';
import type { CelNode } from './cel-ast.ts';
import { spend } from './cel-budget.ts';

/** The library's scope of variables while an expression is checked and evaluated. */
export interface MacroScope {
  forkWithVariable(name: string, type: unknown): MacroScope;
  reuse(parent: MacroScope): MacroScope;
  setIterValue(value: unknown, evaluator: MacroEvaluator): MacroScope;
}

export interface MacroChecker {
  check(node: CelNode, scope: MacroScope): unknown;
  getType(name: string): unknown;
  createError(code: string, message: string, node: CelNode): Error;
}

export interface MacroEvaluator {
  run(node: CelNode, scope: MacroScope): unknown;
}

/** What the library hands to a macro that is being parsed. */
export interface MacroCall {
  receiver: CelNode;
  args: CelNode[];
}

/** One entry of what a macro goes over: the key or index, and the value. */
type Entry = readonly [key: unknown, value: unknown];

/** What an expression of the macro gives for an entry. */
type ResultOf = (entry: Entry) => unknown;

/** A macro such as `all(k, v, predicate)`. */
interface EntryMacro {
  /** The variables that it introduces: the value's, or the key's and the value's. */
  variables: 1 | 2;
  /** Whether a condition stands before its expression: only entries of which it is true count. */
  filtered: boolean;
  type: 'bool' | 'dyn';
  result(entries: readonly Entry[], resultOf: ResultOf): unknown;
}

/**
 * Comprehensions over keys and values (cel-go's ext.TwoVarComprehensions) and `sortBy` (ext.Lists), which the library
 * lacks.
 */
export function addMacros(environment: Environment): void {
  const add = (name: string, macro: EntryMacro) => {
    const parameters = Array.from({ length: macro.variables + (macro.filtered ? 2 : 1) }, () => 'ast').join(', ');
    environment.registerFunction(`list.${name}(${parameters}): dyn`, (call: MacroCall) => expand(name, macro, call));
  };
  for (const [name, result] of Object.entries(quantifiers)) {
    add(name, { variables: 2, filtered: false, type: 'bool', result });
  }
  for (const [name, result] of Object.entries(transforms)) {
    for (const filtered of [false, true]) add(name, { variables: 2, filtered, type: 'dyn', result });
  }
  add('sortBy', { variables: 1, filtered: false, type: 'dyn', result: sortedBy });
}

const isOne: EntryMacro['result'] = (entries, resultOf) =>
  entries.filter((entry) => isOn(resultOf(entry))).length === 1;

const quantifiers: Record<string, EntryMacro['result']> = {
  all: (entries, resultOf) => entries.every((entry) => isOn(resultOf(entry))),
  exists: (entries, resultOf) => entries.some((entry) => isOn(resultOf(entry))),
  existsOne: isOne,
  exists_one: isOne,
};

const transforms: Record<string, EntryMacro['result']> = {
  transformList: (entries, resultOf) => entries.map(resultOf),
  transformMap: (entries, resultOf) => new Map(entries.map((entry) => [entry[0], resultOf(entry)])),
  transformMapEntry: (entries, resultOf) => merged(entries.map(resultOf)),
};

function isOn(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new Error('the condition of a comprehension must be true or false');
}

/** One map of many with one entry each; that two have the same key is an error, as in cel-go. */
function merged(maps: readonly unknown[]): Map<unknown, unknown> {
  const all = new Map<unknown, unknown>();
  for (const [key, value] of maps.flatMap((map) => [...entriesOf(map)])) {
    if (all.has(key)) throw new Error(`two entries have the key ${String(key)}`);
    all.set(key, value);
  }
  return all;
}

function sortedBy(entries: readonly Entry[], resultOf: ResultOf): unknown[] {
  return entries
    .map((entry) => ({ value: entry[1], by: resultOf(entry) }))
    .sort((a, b) => compareValues(a.by, b.by))
    .map(({ value }) => value);
}

/** The order of strings, numbers and booleans. Throws Error for anything else. */
export function compareValues(a: unknown, b: unknown): number {
  const isOrdered = (value: unknown) => ['string', 'bigint', 'number', 'boolean'].includes(typeof value);
  if (!isOrdered(a) || !isOrdered(b)) throw new Error('list elements cannot be compared');
  const [x, y] = [a as string, b as string];
  return x < y ? -1 : x > y ? 1 : 0;
}

function* entriesOf(value: unknown): Generator<Entry> {
  if (typeof value !== 'object' || value === null) throw new Error('expected a list or a map');
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield [BigInt(index), item];
  else if (value instanceof Map) yield* value;
  else yield* Object.entries(value);
}

function expand(name: string, macro: EntryMacro, { receiver, args }: MacroCall) {
  const variables = args.slice(0, macro.variables);
  const expressions = args.slice(macro.variables);
  let scopes: MacroScope[] = [];

  function typeCheck(checker: MacroChecker, _: unknown, scope: MacroScope): unknown {
    checker.check(receiver, scope);
    let at = scope;
    scopes = variables.map((variable) => {
      if (variable.op !== 'id') {
        throw checker.createError('invalid_macro_argument', `${name}(…) begins with the names of variables`, variable);
      }
      at = at.forkWithVariable(String(variable.args), checker.getType('dyn'));
      return at;
    });
    for (const expression of expressions) checker.check(expression, at);
    return checker.getType(macro.type);
  }

  function evaluate(evaluator: MacroEvaluator, _: unknown, scope: MacroScope): unknown {
    const over = evaluator.run(receiver, scope);
    const resultOf =
      (expression: CelNode | undefined): ResultOf =>
      (entry) => {
        spend(1);
        const values = macro.variables === 1 ? [entry[1]] : entry;
        let at = scope;
        for (const [index, own] of scopes.entries()) at = own.reuse(at).setIterValue(values[index], evaluator);
        return expression && evaluator.run(expression, at);
      };
    const condition = macro.filtered ? resultOf(expressions[0]) : undefined;
    const entries = [...entriesOf(over)].filter((entry) => !condition || isOn(condition(entry)));
    return macro.result(entries, resultOf(expressions.at(-1)));
  }

  return { typeCheck, evaluate, async: false };
}
