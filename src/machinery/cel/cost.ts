import { countPoints } from './functions-standard.ts';
import { REGEX_FACTOR, TEXT_FACTOR } from './runtime-cost.ts';
import { ACCUMULATOR, type Comprehension, type Expr } from './syntax.ts';
import { type CelType, isDyn } from './type.ts';

/** The least and the most of something. What is beyond a uint64 upstream is Infinity here. */
interface Range {
  readonly min: number;
  readonly max: number;
}

const fixed = (value: number): Range => ({ min: value, max: value });
const NOTHING = fixed(0);
const ONE = fixed(1);
const UNKNOWN: Range = { min: 0, max: Number.POSITIVE_INFINITY };

const product = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);
const add = (...ranges: readonly Range[]): Range => ({
  min: ranges.reduce((total, { min }) => total + min, 0),
  max: ranges.reduce((total, { max }) => total + max, 0),
});
const times = (a: Range, b: Range): Range => ({ min: product(a.min, b.min), max: product(a.max, b.max) });
const scale = ({ min, max }: Range, factor: number): Range => ({
  min: Math.ceil(min * factor),
  max: Math.ceil(max * factor),
});
const union = (a: Range, b: Range): Range => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) });
const text = (size: Range): Range => scale(size, TEXT_FACTOR);

/** A loop's variable: whether it is a part of a declared variable, and its size where that is known. */
interface Local {
  readonly declared: boolean;
  readonly size: Range | undefined;
}

/** A call that is being priced: its receiver and arguments, and what evaluating the arguments costs. */
interface Call {
  readonly node: Expr & { kind: 'call' };
  readonly target: Expr | undefined;
  readonly args: readonly Expr[];
  readonly argCosts: readonly Range[];
}

interface Estimate {
  readonly cost: Range;
  readonly size?: Range;
}

/**
 * What an expression costs at most, before it is run, in kube-apiserver's units: from the sizes that its variables' types
 * declare (cel-go's checker/cost.go and the tables of apiserver's cel/library/cost.go). Infinity when nothing bounds it.
 */
export function estimateCost(root: Expr): number {
  const sizes = new Map<Expr, Range>();
  const locals = new Map<string, Local[]>();
  const local = (name: string): Local | undefined => locals.get(name)?.at(-1);
  const within = (name: string, value: Local): (() => void) => {
    const stack = locals.get(name) ?? [];
    locals.set(name, stack);
    stack.push(value);
    return () => void stack.pop();
  };

  /** Whether a value is a part of a declared variable, so that its type says how big it can be. */
  function isDeclared(node: Expr): boolean {
    switch (node.kind) {
      case 'ident':
        return local(node.name)?.declared ?? true;
      case 'select':
        return !node.test && isDeclared(node.operand);
      case 'call':
        return node.name === '_[_]' && node.args[0] !== undefined && isDeclared(node.args[0]);
      default:
        return false;
    }
  }

  function sizeOf(node: Expr): Range {
    const known = sizes.get(node) ?? literalSize(node);
    if (known) return known;
    if (isDeclared(node)) return { min: 0, max: maxOf(node.type) };
    if (isScalar(node.type)) return ONE;
    return (node.kind === 'ident' ? local(node.name)?.size : undefined) ?? UNKNOWN;
  }

  function cost(node: Expr): Range {
    switch (node.kind) {
      case 'const':
        return NOTHING;
      case 'ident':
        return ONE;
      case 'select': {
        const operand = cost(node.operand);
        const { kind } = node.operand.type ?? { kind: 'dyn' };
        return node.test || (kind !== 'map' && kind !== 'object') ? operand : add(operand, ONE);
      }
      case 'list':
        return add(fixed(10), ...node.items.map(({ value }) => cost(value)));
      case 'map':
        return add(fixed(30), ...node.entries.flatMap(({ key, value }) => [cost(key), cost(value)]));
      case 'struct':
        return add(fixed(40), ...node.fields.map(({ value }) => cost(value)));
      case 'comprehension':
        return isBind(node) ? bindCost(node) : loopCost(node);
      case 'call':
        return costOfCall(node);
    }
  }

  function bindCost(node: Expr & Comprehension): Range {
    const before = add(cost(node.range), cost(node.initial));
    const leave = within(node.accumulator, { declared: isDeclared(node.initial), size: sizeOf(node.initial) });
    const result = cost(node.result);
    sizes.set(node, sizeOf(node.result));
    leave();
    return add(before, result);
  }

  function loopCost(node: Expr & Comprehension): Range {
    const before = add(cost(node.range), cost(node.initial));
    const leave = [within(node.accumulator, { declared: false, size: sizeOf(node.initial) })];
    const entry: Local = { declared: isDeclared(node.range), size: undefined };
    const inner = [within(node.variable, entry)];
    if (node.variable2 !== undefined) inner.push(within(node.variable2, entry));
    const turn = add(cost(node.condition), cost(node.step));
    for (const end of inner) end();
    const after = cost(node.result);
    for (const end of leave) end();
    const count = sizeOf(node.range);
    if (node.initial.kind === 'list' || node.initial.kind === 'map') sizes.set(node, count);
    return add(before, after, times(count, turn));
  }

  function costOfCall(node: Expr & { kind: 'call' }): Range {
    const { target, args } = node;
    const argCosts = args.map(cost);
    const before = target ? cost(target) : NOTHING;
    const call: Call = { node, target, args, argCosts };
    const special = controlCost(call, sizeOf);
    const estimate =
      special ?? (Object.hasOwn(estimators, node.name) ? estimators[node.name]?.(call, sizeOf) : undefined);
    if (estimate?.size) sizes.set(node, estimate.size);
    if (special) return add(before, special.cost);
    return add(before, ...argCosts, estimate?.cost ?? ONE);
  }

  return cost(root).max;
}

const isBind = (node: Comprehension): boolean =>
  node.condition.kind === 'const' && node.condition.value === false && node.accumulator !== ACCUMULATOR;

function literalSize(node: Expr): Range | undefined {
  if (node.kind === 'list') return fixed(node.items.length);
  if (node.kind === 'map') return fixed(node.entries.length);
  if (node.kind !== 'const') return undefined;
  if (typeof node.value === 'string') return fixed(countPoints(node.value));
  return fixed(node.value instanceof Uint8Array ? node.value.length : 1);
}

function maxOf(type: CelType | undefined): number {
  return type && 'max' in type ? (type.max ?? 0) : type && isDyn(type) ? Number.POSITIVE_INFINITY : 0;
}

const scalars = new Set(['bool', 'int', 'uint', 'double', 'timestamp', 'duration', 'null', 'type']);
const isScalar = (type: CelType | undefined): boolean => type !== undefined && scalars.has(type.kind);

type SizeOf = (node: Expr) => Range;

/** Calls whose arguments need not all be evaluated. */
function controlCost({ node, args, argCosts }: Call, sizeOf: SizeOf): Estimate | undefined {
  const [first = NOTHING, second = NOTHING, third = NOTHING] = argCosts;
  if (node.name === '_&&_' || node.name === '_||_') return { cost: { min: first.min, max: first.max + second.max } };
  if (node.name !== '_?_:_') return undefined;
  const [, yes, no] = args;
  const size = yes && no ? union(sizeOf(yes), sizeOf(no)) : UNKNOWN;
  return { cost: add(first, union(second, third)), size };
}

type Estimator = (call: Call, sizeOf: SizeOf) => Estimate | undefined;

const sizesOf = (call: Call, sizeOf: SizeOf): Range[] =>
  (call.target ? [call.target, ...call.args] : call.args).map(sizeOf);

/** An estimator that looks at the sizes of the receiver and the arguments. */
const bySizes =
  (estimate: (...sizes: Range[]) => Range | Estimate): Estimator =>
  (call, sizeOf) => {
    const found = estimate(...sizesOf(call, sizeOf));
    return 'cost' in found ? found : { cost: found };
  };

/** The price of going through the receiver; the result is as long. */
const through = bySizes((size = UNKNOWN) => ({ cost: text(size), size }));
const ofFirst = bySizes((size = UNKNOWN) => text(size));
const ofSecond = bySizes((_, size = UNKNOWN) => text(size));
const perRegex = (size: Range, pattern: Range): Range => times(text(add(size, ONE)), scale(pattern, REGEX_FACTOR));

/** Comparing two texts takes as long as the shorter one. */
const comparison = bySizes((a = UNKNOWN, b = UNKNOWN) => {
  const max = Math.min(a.max, b.max);
  return text({ min: max > 0 ? 1 : 0, max });
});

/** A comparison of anything but texts and bytes costs 1. */
const order: Estimator = (call, sizeOf) => {
  const kind = call.args[0]?.type?.kind;
  return kind === 'string' || kind === 'bytes' || kind === 'dyn' ? comparison(call, sizeOf) : undefined;
};

/** Functions that go over a list: each item once, and texts through. */
const overItems: Estimator = ({ target }, sizeOf) => {
  if (!target) return undefined;
  const { type } = target;
  if (type?.kind !== 'list') return { cost: text(sizeOf(target)) };
  const isText = type.of.kind === 'string' || type.of.kind === 'bytes';
  const item: Range = { min: 0, max: 'max' in type.of ? (type.of.max ?? 0) : Number.POSITIVE_INFINITY };
  return { cost: times(sizeOf(target), isText ? add(ONE, text(item)) : ONE) };
};

const plus: Estimator = (call, sizeOf) => {
  const { kind } = call.node.type ?? { kind: 'dyn' };
  if (kind !== 'string' && kind !== 'bytes' && kind !== 'list' && kind !== 'dyn') return undefined;
  const size = add(...sizesOf(call, sizeOf));
  return { cost: kind === 'list' ? ONE : text(size), size };
};

function replaced(size: Range, from: Range, to: Range): Range {
  const grown =
    from.min === 0 ? product(size.max + 1, to.max) + size.max : product(Math.ceil(size.max / from.min), to.max);
  return { min: 0, max: from.min > 0 && to.max <= from.min ? size.max : grown };
}

const joined: Estimator = (call, sizeOf) => {
  const [list = UNKNOWN, separator] = sizesOf(call, sizeOf);
  const { type } = call.target ?? {};
  const item: Range = {
    min: 0,
    max: type?.kind === 'list' && 'max' in type.of ? (type.of.max ?? 0) : Number.POSITIVE_INFINITY,
  };
  const between: Range = { min: Math.max(0, list.min - 1), max: Math.max(0, list.max - 1) };
  const size = add(times(list, item), separator ? times(separator, between) : NOTHING);
  return { cost: text(size), size };
};

const found = bySizes((size = UNKNOWN, pattern = UNKNOWN) => ({
  cost: perRegex(size, pattern),
  size: { min: 0, max: size.max },
}));

const sets = bySizes((a = UNKNOWN, b = UNKNOWN) => add(times(a, b), ONE));

const estimators: Readonly<Record<string, Estimator>> = {
  check: () => ({ cost: fixed(350_000) }),
  isSorted: overItems,
  sum: overItems,
  min: overItems,
  max: overItems,
  indexOf: overItems,
  lastIndexOf: overItems,
  url: ofFirst,
  lowerAscii: through,
  upperAscii: through,
  substring: through,
  trim: through,
  replace: bySizes((size = UNKNOWN, from = UNKNOWN, to = UNKNOWN) => ({
    cost: scale(size, 2 * TEXT_FACTOR),
    size: replaced(size, from, to),
  })),
  split: bySizes((size = UNKNOWN) => ({ cost: scale(size, 2 * TEXT_FACTOR), size: { min: 0, max: size.max } })),
  join: joined,
  find: found,
  findAll: found,
  format: ofFirst,
  'strings.quote': bySizes((size = UNKNOWN) => ({
    cost: text(size),
    size: { min: size.min + 2, max: size.max * 2 + 2 },
  })),
  bytes: bySizes((size = UNKNOWN) => ({ cost: text(size), size: { min: size.min, max: size.max * 4 } })),
  string: (call, sizeOf) => (call.args[0]?.type?.kind === 'bytes' ? ofFirst(call, sizeOf) : undefined),
  startsWith: ofSecond,
  endsWith: ofSecond,
  '@in': (call, sizeOf) => {
    const [, list] = call.args;
    return list?.type?.kind === 'map' || !list ? undefined : { cost: sizeOf(list) };
  },
  matches: bySizes((size = UNKNOWN, pattern = UNKNOWN) => perRegex(size, pattern)),
  contains: bySizes((size = UNKNOWN, part = UNKNOWN) => times(text(size), text(part))),
  '_+_': plus,
  '_<_': order,
  '_<=_': order,
  '_>_': order,
  '_>=_': order,
  '_==_': comparison,
  '_!=_': comparison,
  'sets.contains': sets,
  'sets.equivalent': sets,
  'sets.intersects': sets,
  containsIP: bySizes((_, other = UNKNOWN) => add(fixed(4), text(other))),
  containsCIDR: bySizes((_, other = UNKNOWN) => add(fixed(7), text(other))),
  validate: bySizes((_, size = UNKNOWN) => times(text(add(size, ONE)), fixed(32))),
};
