import { ACCUMULATOR, type Expr, isIdent } from './syntax.ts';

/** A macro that is used wrongly, and the argument that is wrong. */
export class MacroError extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

export interface MacroCall {
  name: string;
  target: Expr | undefined;
  args: Expr[];
  at: number;
}

/**
 * What a call of a macro stands for; undefined for a call of a function. The expansions are cel-go's.
 * @param extended whether kro's macros are known as well, which Kubernetes does not have.
 */
export function expandMacro(call: MacroCall, extended: boolean): Expr | undefined {
  const { name, target, args, at } = call;
  if (!target) return name === 'has' && args.length === 1 ? presence(args[0], at) : undefined;
  if (name === 'optMap' || name === 'optFlatMap') return args.length === 2 ? optional(call, target) : undefined;
  const extension = extended ? expandExtension(call, target) : undefined;
  if (extension) return extension;
  const shape = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
  const variables = shape?.[args.length];
  return shape && variables ? comprehension(call, target, variables) : undefined;
}

function expandExtension(call: MacroCall, target: Expr): Expr | undefined {
  const { name, args, at } = call;
  if (isIdent(target, 'cel')) return name === 'bind' && args.length === 3 ? bind(args, at) : undefined;
  if (isIdent(target, 'runtime')) return name === 'newCondition' ? condition(call) : undefined;
  return name === 'sortBy' && args.length === 2 ? sortBy(call, target) : undefined;
}

const node = {
  value: (value: unknown, at: number): Expr => ({ kind: 'const', value, at }),
  name: (name: string, at: number): Expr => ({ kind: 'ident', name, at }),
  call: (name: string, args: Expr[], at: number, target?: Expr): Expr => ({ kind: 'call', name, target, args, at }),
  list: (items: Expr[], at: number): Expr => ({
    kind: 'list',
    items: items.map((value) => ({ value, optional: false })),
    at,
  }),
};

function presence(of: Expr | undefined, at: number): Expr {
  if (of?.kind !== 'select' || of.test) throw new MacroError('invalid argument to has() macro', of?.at ?? at);
  return { ...of, test: true, at };
}

function variableOf(node: Expr | undefined, at: number): string {
  if (node?.kind === 'ident' && node.name !== ACCUMULATOR) return node.name;
  throw new MacroError('argument must be a simple name', node?.at ?? at);
}

/** A value under a name: a loop that never turns, whose accumulator is the value. */
function bind([variable, value, inner]: Expr[], at: number): Expr {
  if (!value || !inner) throw new MacroError('cel.bind() takes a variable name, a value and an expression', at);
  if (variable?.kind !== 'ident')
    throw new MacroError('cel.bind() variable names must be simple identifiers', variable?.at ?? at);
  return {
    kind: 'comprehension',
    range: node.list([], at),
    variable: '#unused',
    variable2: undefined,
    accumulator: variable.name,
    initial: value,
    condition: node.value(false, at),
    step: node.name(variable.name, at),
    result: inner,
    at,
  };
}

/** The fields of kro's `runtime.newCondition({type: 'Ready', status: s})` need no quotes. */
function condition({ args, at, target }: MacroCall): Expr | undefined {
  const [map] = args;
  if (map?.kind !== 'map' || args.length !== 1) return undefined;
  const entries = map.entries.map((entry) =>
    entry.key.kind === 'ident' ? { ...entry, key: node.value(entry.key.name, entry.key.at) } : entry,
  );
  return node.call('newCondition', [{ ...map, entries }], at, target);
}

/** `o.optMap(v, e)`: an empty optional stays empty, and e of a value is put in an optional again (not so in optFlatMap). */
function optional({ name, args, at }: MacroCall, target: Expr): Expr {
  const [variable, inner] = args;
  if (variable?.kind !== 'ident' || !inner)
    throw new MacroError(`${name}() variable name must be a simple identifier`, variable?.at ?? at);
  const value = bind([variable, node.call('value', [], at, target), inner], at);
  const some = name === 'optMap' ? node.call('optional.of', [value], at) : value;
  return node.call('_?_:_', [node.call('hasValue', [], at, target), some, node.call('optional.none', [], at)], at);
}

function sortBy({ args, at }: MacroCall, target: Expr): Expr {
  const input = node.name('@sortByInput', at);
  const keys = expandMacro({ name: 'map', target: input, args, at }, true);
  if (!keys) throw new MacroError('sortBy() takes a variable name and an expression', at);
  return bind([input, target, node.call('@sortByAssociatedKeys', [keys], at, input)], at);
}

/** How many variables each macro has, by its number of arguments. */
const shapes: Record<string, Record<number, 1 | 2>> = {
  all: { 2: 1, 3: 2 },
  exists: { 2: 1, 3: 2 },
  exists_one: { 2: 1, 3: 2 },
  existsOne: { 2: 1, 3: 2 },
  filter: { 2: 1 },
  map: { 2: 1, 3: 1 },
  transformList: { 3: 2, 4: 2 },
  transformMap: { 3: 2, 4: 2 },
  transformMapEntry: { 3: 2, 4: 2 },
};

function comprehension({ name, args, at }: MacroCall, range: Expr, variables: 1 | 2): Expr {
  const variable = variableOf(args[0], at);
  const variable2 = variables === 2 ? variableOf(args[1], at) : undefined;
  if (variable === variable2) throw new MacroError(`duplicate variable name: ${variable}`, args[1]?.at ?? at);
  const [first, second] = args.slice(variables);
  if (!first) throw new MacroError('an expression is missing', at);
  const loop = loopOf(name, first, second, variable, at);
  return { kind: 'comprehension', range, variable, variable2, accumulator: ACCUMULATOR, ...loop, at };
}

interface Loop {
  initial: Expr;
  condition: Expr;
  step: Expr;
  result: Expr;
}

function loopOf(macro: string, first: Expr, second: Expr | undefined, variable: string, at: number): Loop {
  const accumulator = () => node.name(ACCUMULATOR, at);
  const yes = node.value(true, at);
  const unless = (value: Expr) => node.call('@not_strictly_false', [value], at);
  /** Only entries of which the first expression is true, when there are two. */
  const when = (filter: Expr | undefined, step: Expr) =>
    filter ? node.call('_?_:_', [filter, step, accumulator()], at) : step;
  const gather = (initial: Expr, step: Expr): Loop => ({
    initial,
    condition: yes,
    step: when(macro === 'filter' || second ? first : undefined, step),
    result: accumulator(),
  });
  const plus = (value: Expr) => node.call('_+_', [accumulator(), node.list([value], at)], at);
  const empty: Expr = { kind: 'map', entries: [], at };
  const key = node.name(variable, at);
  switch (macro) {
    case 'all':
      return {
        initial: yes,
        condition: unless(accumulator()),
        step: node.call('_&&_', [accumulator(), first], at),
        result: accumulator(),
      };
    case 'exists':
      return {
        initial: node.value(false, at),
        condition: unless(node.call('!_', [accumulator()], at)),
        step: node.call('_||_', [accumulator(), first], at),
        result: accumulator(),
      };
    case 'exists_one':
    case 'existsOne':
      return {
        initial: node.value(0n, at),
        condition: yes,
        step: when(first, node.call('_+_', [accumulator(), node.value(1n, at)], at)),
        result: node.call('_==_', [accumulator(), node.value(1n, at)], at),
      };
    case 'filter':
      return gather(node.list([], at), plus(key));
    case 'transformMap':
      return gather(empty, node.call('cel.@mapInsert', [accumulator(), key, second ?? first], at));
    case 'transformMapEntry':
      return gather(empty, node.call('cel.@mapInsert', [accumulator(), second ?? first], at));
    default:
      return gather(node.list([], at), plus(second ?? first));
  }
}
