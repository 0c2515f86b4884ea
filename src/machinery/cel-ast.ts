import type { ASTNode } from '@marcbachmann/cel-js';

/** A node of the library's syntax tree, with the members that we use and its type declarations leave out. */
export interface CelNode {
  readonly op: string;
  args: unknown;
  readonly start: number;
  readonly meta: {
    evaluate?: (evaluator: unknown, node: CelNode, context: unknown) => unknown;
    alternate?: CelNode;
    macro?: unknown;
  };
  setMeta(key: string, value: unknown): CelNode;
}

/** The library's tree as ours. `ASTNode` is a subset of what is really there (version pinned; cel.test.ts guards it). */
export function nodeOf(ast: ASTNode): CelNode {
  return ast as unknown as CelNode;
}

export function isNode(value: unknown): value is CelNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'meta' in value;
}

/** The nodes directly below one, in source order, before macros are expanded. */
export function childrenOf(node: CelNode): CelNode[] {
  if (node.op === 'value' || node.op === 'id') return [];
  const found: CelNode[] = [];
  const collect = (value: unknown): void => {
    if (isNode(value)) found.push(value);
    else if (Array.isArray(value)) for (const item of value) collect(item);
  };
  collect(node.args);
  return found;
}

/** The parts of a method call `receiver.name(args)`, or undefined for any other node. */
export function methodOf(node: CelNode): { name: string; receiver: CelNode; args: CelNode[] } | undefined {
  if (node.op !== 'rcall' || !Array.isArray(node.args)) return undefined;
  const [name, receiver, args] = node.args;
  return typeof name === 'string' && isNode(receiver) && Array.isArray(args)
    ? { name, receiver, args: args.filter(isNode) }
    : undefined;
}

/** How many arguments come after the variables of a macro that goes over values, and of one over keys and values. */
const comprehensions: Record<string, { over1?: readonly number[]; over2?: readonly number[] }> = {
  all: { over1: [1], over2: [1] },
  exists: { over1: [1], over2: [1] },
  exists_one: { over1: [1], over2: [1] },
  existsOne: { over2: [1] },
  filter: { over1: [1] },
  map: { over1: [1, 2] },
  sortBy: { over1: [1] },
  transformList: { over2: [1, 2] },
  transformMap: { over2: [1, 2] },
  transformMapEntry: { over2: [1, 2] },
};

/** The variables that a macro introduces, and which of the call's arguments can see them. */
function boundBy(node: CelNode): { variables: string[]; outer: CelNode[]; inner: CelNode[] } | undefined {
  const call = methodOf(node);
  if (!call) return undefined;
  const { name, receiver, args } = call;
  const isBind = name === 'bind' && receiver.op === 'id' && receiver.args === 'cel';
  const count = isBind ? 1 : variablesOf(name, args.length);
  const variables = args.slice(0, count).map((arg) => (arg.op === 'id' ? String(arg.args) : undefined));
  if (variables.length === 0 || !variables.every((variable) => variable !== undefined)) return undefined;
  return isBind
    ? { variables, outer: args.slice(1, 2), inner: args.slice(2) }
    : { variables, outer: [receiver], inner: args.slice(count) };
}

function variablesOf(macro: string, args: number): number {
  const { over1 = [], over2 = [] } = Object.hasOwn(comprehensions, macro) ? (comprehensions[macro] ?? {}) : {};
  if (over1.includes(args - 1)) return 1;
  return over2.includes(args - 2) ? 2 : 0;
}

/** A condition's map, `{type: 'Ready', "status": s}`: the values by their names, which need no quotes there. */
export function bareEntriesOf(map: CelNode | undefined): [name: string, value: CelNode][] {
  const entries: unknown[] = map?.op === 'map' && Array.isArray(map.args) ? map.args : [];
  return entries.flatMap((entry) => {
    const [key, value]: unknown[] = Array.isArray(entry) ? entry : [];
    return isNode(key) && isNode(value) ? [[String(key.args), value] as [string, CelNode]] : [];
  });
}

/** The map that `runtime.newCondition` is given. */
function conditionMapOf(node: CelNode): CelNode | undefined {
  const call = methodOf(node);
  const isCondition = call?.name === 'newCondition' && call.receiver.op === 'id' && call.receiver.args === 'runtime';
  return isCondition ? call.args[0] : undefined;
}

/** A variable read in an expression, with the member path read from it and where it stands. */
export interface Reference {
  path: readonly string[];
  position: number;
}

/**
 * Every read of a free variable: comprehension variables and the library's own names (`cel`, `random`) are left out.
 * An index or a call ends a path.
 */
export function referencesIn(root: CelNode, reserved: ReadonlySet<string>): Reference[] {
  const references: Reference[] = [];
  const walk = (node: CelNode, bound: ReadonlySet<string>): void => {
    const path = memberPath(node);
    if (path) {
      const [variable = ''] = path;
      if (!bound.has(variable) && !reserved.has(variable)) references.push({ path, position: node.start });
      return;
    }
    const condition = conditionMapOf(node);
    if (condition) {
      for (const [, value] of bareEntriesOf(condition)) walk(value, bound);
      return;
    }
    const binding = boundBy(node);
    if (binding) {
      for (const part of binding.outer) walk(part, bound);
      const within = new Set([...bound, ...binding.variables]);
      for (const part of binding.inner) walk(part, within);
      return;
    }
    for (const child of childrenOf(node)) walk(child, bound);
  };
  walk(root, new Set());
  return references;
}

/** `a.b.?c` → ['a', 'b', 'c']; undefined for anything that is not a plain chain of members of a variable. */
export function memberPath(node: CelNode): string[] | undefined {
  const names: string[] = [];
  let at = node;
  while (at.op === '.' || at.op === '.?') {
    const [left, name] = at.args as [CelNode, string];
    names.push(name);
    at = left;
  }
  if (at.op !== 'id') return undefined;
  return [String(at.args), ...names.reverse()];
}

/** The names of the methods and functions that an expression calls, with where. */
export function callsIn(root: CelNode): { name: string; position: number }[] {
  const calls: { name: string; position: number }[] = [];
  const walk = (node: CelNode): void => {
    if ((node.op === 'call' || node.op === 'rcall') && Array.isArray(node.args)) {
      calls.push({ name: String(node.args[0]), position: node.start });
    }
    for (const child of childrenOf(node)) walk(child);
  };
  walk(root);
  return calls;
}

/** Makes every call of one method call another. */
export function renameCalls(root: CelNode, from: string, to: string): void {
  if (root.op === 'rcall' && Array.isArray(root.args) && root.args[0] === from) root.args[0] = to;
  for (const child of childrenOf(root)) renameCalls(child, from, to);
}
