import type { Meter } from './budget.ts';
import { BudgetFault, CelFault, MissingFault } from './fault.ts';
import { callCost } from './runtime-cost.ts';
import { isKnown, takes } from './runtime-type.ts';
import { ACCUMULATOR, type Comprehension, type Expr } from './syntax.ts';
import type { ObjectType } from './type.ts';
import { CelMap, CelObject, CelOptional, entriesOf, fromCel, keyOf } from './value.ts';

/** One evaluation: the variables by name, the values of the variables of loops, and what it has cost. */
export interface Frame {
  readonly variable: (name: string) => unknown;
  readonly slots: unknown[];
  readonly meter: Meter;
}

export type Evaluate = (frame: Frame) => unknown;

interface Context {
  /** Where the variables of loops are kept. */
  readonly locals: ReadonlyMap<string, number>;
  readonly slots: { count: number };
  readonly struct: (name: string) => ObjectType | undefined;
}

const LIST_COST = 10;
const MAP_COST = 30;
const STRUCT_COST = 40;

/** Makes a checked expression a function. It throws CelFault for an error of the expression, BudgetFault when it costs too much. */
export function compileExpr(root: Expr, struct: Context['struct']): { evaluate: Evaluate; slots: number } {
  const slots = { count: 0 };
  const evaluate = compile(root, { locals: new Map(), slots, struct });
  return { evaluate, slots: slots.count };
}

function compile(node: Expr, context: Context): Evaluate {
  switch (node.kind) {
    case 'const': {
      const { value } = node;
      return () => value;
    }
    case 'ident':
      return compileIdent(node, context);
    case 'select':
      return compileSelect(node, context);
    case 'call':
      return compileCall(node, context);
    case 'list':
      return compileList(node, context);
    case 'map':
      return compileMap(node, context);
    case 'struct':
      return compileStruct(node, context);
    case 'comprehension':
      return compileLoop(node, context);
  }
}

/** An error that a lenient loop holds in its accumulator until something makes up for it. */
class Held {
  readonly error: unknown;
  constructor(error: unknown) {
    this.error = error;
  }
}

function compileIdent({ name, at }: Expr & { kind: 'ident' }, { locals }: Context): Evaluate {
  const slot = locals.get(name);
  if (slot !== undefined) {
    return ({ slots, meter }) => {
      meter.spend(1);
      const value = slots[slot];
      if (value instanceof Held) throw value.error;
      return value;
    };
  }
  return ({ variable, meter }) => {
    meter.spend(1);
    const value = variable(name);
    if (value === undefined) throw placed(new MissingFault(`no such attribute(s): ${name}`, [name]), at);
    return value;
  };
}

function placed(error: unknown, at: number): unknown {
  if (error instanceof CelFault) error.position ??= at;
  return error;
}

function compileSelect(node: Expr & { kind: 'select' }, context: Context): Evaluate {
  const operand = compile(node.operand, context);
  const { field, test, optional, at } = node;
  return (frame) => {
    const from = operand(frame);
    if (!test) frame.meter.spend(1);
    const inOptional = from instanceof CelOptional;
    const of = inOptional ? from.value : from;
    const value = of === undefined ? undefined : fieldOf(of, field, at);
    if (test) return value !== undefined;
    if (inOptional || optional) {
      if (value instanceof CelOptional) return value;
      return value === undefined ? CelOptional.none : new CelOptional(value);
    }
    if (value !== undefined) return value;
    throw placed(new MissingFault(`no such key: ${field}`, [...pathOf(node.operand), field]), at);
  };
}

function fieldOf(from: unknown, field: string, at: number): unknown {
  if (from instanceof CelObject || from instanceof CelMap) return from.get(field);
  throw placed(new CelFault('no such overload'), at);
}

/** The path that is read, as far as it is plain: for the error of what is missing. */
function pathOf(node: Expr): string[] {
  if (node.kind === 'ident') return [node.name];
  if (node.kind === 'select') return [...pathOf(node.operand), node.field];
  if (node.kind !== 'call' || !node.name.startsWith('_[')) return [];
  const [of, key] = node.args;
  return [...(of ? pathOf(of) : []), key?.kind === 'const' ? String(key.value) : '?'];
}

function compileList(node: Expr & { kind: 'list' }, context: Context): Evaluate {
  const items = node.items.map(({ value, optional }) => ({ evaluate: compile(value, context), optional }));
  return (frame) => {
    frame.meter.spend(LIST_COST);
    const list: unknown[] = [];
    for (const { evaluate, optional } of items) {
      const value = evaluate(frame);
      if (!optional) list.push(value);
      else if (value instanceof CelOptional && value.value !== undefined) list.push(value.value);
    }
    return list;
  };
}

function compileMap(node: Expr & { kind: 'map' }, context: Context): Evaluate {
  const entries = node.entries.map(({ key, value, optional }) => ({
    key: compile(key, context),
    value: compile(value, context),
    optional,
    at: key.at,
  }));
  return (frame) => {
    frame.meter.spend(MAP_COST);
    const map = new CelMap();
    for (const { key, value, optional, at } of entries) {
      const name = keyOf(key(frame));
      if (name === undefined) throw placed(new CelFault('unsupported key type'), at);
      const item = value(frame);
      if (optional && !(item instanceof CelOptional && item.value !== undefined)) continue;
      if (map.entries.has(name)) throw placed(new CelFault(`Failed with repeated key: ${String(name)}`), at);
      map.entries.set(name, optional ? (item as CelOptional).value : item);
    }
    return map;
  };
}

function compileStruct(node: Expr & { kind: 'struct' }, context: Context): Evaluate {
  const fields = node.fields.map(({ name, value, optional }) => ({
    name,
    evaluate: compile(value, context),
    optional,
  }));
  const type = context.struct(node.name);
  return (frame) => {
    frame.meter.spend(STRUCT_COST);
    if (!type) throw placed(new CelFault(`unknown type: ${node.name}`), node.at);
    const json: Record<string, unknown> = {};
    for (const { name, evaluate, optional } of fields) {
      const value = evaluate(frame);
      if (optional && value instanceof CelOptional && value.value === undefined) continue;
      json[type.jsonName?.(name) ?? name] = fromCel(value);
    }
    return new CelObject(type, json);
  };
}

function compileLoop(node: Expr & Comprehension, outer: Context): Evaluate {
  const take = () => outer.slots.count++;
  const range = compile(node.range, outer);
  const initial = compile(node.initial, outer);
  const accumulator = take();
  const held = { ...outer, locals: new Map(outer.locals).set(node.accumulator, accumulator) };
  const variable = take();
  const variable2 = node.variable2 === undefined ? undefined : take();
  const locals = new Map(held.locals).set(node.variable, variable);
  if (node.variable2 !== undefined && variable2 !== undefined) locals.set(node.variable2, variable2);
  const inside = { ...outer, locals };
  const lenient = node.condition.kind === 'call';
  const goesOn = lenient ? compile(node.condition, inside) : undefined;
  const step = compile(node.step, inside);
  const result = compile(node.result, held);
  const never = node.condition.kind === 'const' && node.condition.value === false;

  function turn(frame: Frame): void {
    try {
      frame.slots[accumulator] = step(frame);
    } catch (error) {
      if (!lenient || error instanceof BudgetFault) throw error;
      frame.slots[accumulator] = new Held(error);
    }
  }

  function run(frame: Frame, entries: Iterable<readonly [unknown, unknown]>, single: 0 | 1): void {
    for (const entry of entries) {
      if (goesOn && goesOn(frame) === false) return;
      frame.slots[variable] = variable2 === undefined ? entry[single] : entry[0];
      if (variable2 !== undefined) frame.slots[variable2] = entry[1];
      turn(frame);
    }
  }

  return (frame) => {
    if (never) {
      frame.slots[accumulator] = initial(frame);
      return result(frame);
    }
    const over = range(frame);
    frame.slots[accumulator] = initial(frame);
    if (Array.isArray(over)) run(frame, indexed(over), 1);
    else {
      const map = entriesOf(over);
      if (!map) throw placed(new CelFault('no such overload'), node.range.at);
      run(frame, map, 0);
    }
    return result(frame);
  };
}

function* indexed(list: readonly unknown[]): Generator<readonly [bigint, unknown]> {
  for (let at = 0; at < list.length; at++) yield [BigInt(at), list[at]];
}

function compileCall(node: Expr & { kind: 'call' }, context: Context): Evaluate {
  const args = [...(node.target ? [node.target] : []), ...node.args].map((arg) => compile(arg, context));
  const [first, second, third] = args;
  switch (node.name) {
    case '_&&_':
      return shortCircuit(first, second, false, node.at);
    case '_||_':
      return shortCircuit(first, second, true, node.at);
    case '_?_:_':
      return (frame) => {
        const condition = first?.(frame);
        if (condition === true) return second?.(frame);
        if (condition === false) return third?.(frame);
        throw placed(new CelFault('no such overload'), node.at);
      };
    case '@not_strictly_false':
      return notFalse(first);
    default:
      return growing(node, context, args) ?? strict(node, args);
  }
}

/** `&&` and `||`: an operand that decides alone makes up for an error of the other. */
function shortCircuit(
  first: Evaluate | undefined,
  second: Evaluate | undefined,
  decides: boolean,
  at: number,
): Evaluate {
  return (frame) => {
    let error: unknown;
    for (const operand of [first, second]) {
      try {
        const value = operand?.(frame);
        if (value === decides) return decides;
        if (value !== !decides) error ??= placed(new CelFault('no such overload'), at);
      } catch (caught) {
        if (caught instanceof BudgetFault) throw caught;
        error ??= caught;
      }
    }
    if (error !== undefined) throw error;
    return !decides;
  };
}

function notFalse(of: Evaluate | undefined): Evaluate {
  return (frame) => {
    try {
      return of?.(frame) !== false;
    } catch (error) {
      if (error instanceof BudgetFault) throw error;
      return true;
    }
  };
}

/** `@result + [item]` of a loop that gathers: the list is the loop's own, so it grows where it is. */
function growing(node: Expr & { kind: 'call' }, { locals }: Context, args: Evaluate[]): Evaluate | undefined {
  const [list, added] = node.args;
  const slot = locals.get(ACCUMULATOR);
  if (node.name !== '_+_' || slot === undefined || list?.kind !== 'ident' || list.name !== ACCUMULATOR)
    return undefined;
  if (added?.kind !== 'list' || added.items.length !== 1) return undefined;
  return (frame) => {
    const made = args[1]?.(frame);
    frame.meter.spend(2);
    const { [slot]: grown } = frame.slots;
    if (Array.isArray(grown) && Array.isArray(made)) grown.push(made[0]);
    return grown;
  };
}

function strict(node: Expr & { kind: 'call' }, args: readonly Evaluate[]): Evaluate {
  const overloads = node.overloads ?? [];
  const [only] = overloads;
  const types = [...(node.target ? [node.target] : []), ...node.args].map(({ type }) => type);
  const certain = overloads.length === 1 && only !== undefined && types.every(isKnown);
  const cost = callCost(node.name);
  return (frame) => {
    const values = args.map((arg) => arg(frame));
    // What is refused must be refused before it is done.
    frame.meter.spend(1);
    try {
      const overload = certain ? only : overloads.find((candidate) => takes(candidate, values));
      if (!overload) throw new CelFault('no such overload');
      const result = (overload.call as (...values: unknown[]) => unknown)(...values);
      if (cost) frame.meter.spend(Math.max(0, cost(values, result) - 1));
      return result;
    } catch (error) {
      throw placed(withPath(error, node), node.at);
    }
  };
}

/** A missing key of `a.b["c"]` is told with the whole path. */
function withPath(error: unknown, node: Expr): unknown {
  if (!(error instanceof MissingFault) || error.path.length !== 1) return error;
  const path = pathOf(node).slice(0, -1);
  return path.length === 0 ? error : new MissingFault(error.message, [...path, ...error.path]);
}
