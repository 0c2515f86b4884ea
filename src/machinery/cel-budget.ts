import { type CelNode, childrenOf, isNode } from './cel-ast.ts';

/** Steps of comprehensions plus sizes of the lists and strings built, for one evaluation. */
const MAX_COST = 1_000_000;
/** The longest that one evaluation may take, in milliseconds. */
const MAX_MILLISECONDS = 500;

/** Thrown by the guards; compileCel turns it into a CelError with the expression. */
export class BudgetError extends Error {}

// Evaluation is synchronous, so there is never more than one running: one counter serves them all.
let cost = 0;
let deadline = 0;
let nextClock = 0;

/** Starts the count for one evaluation. */
export function startBudget(): void {
  cost = 0;
  nextClock = 256;
  deadline = performance.now() + MAX_MILLISECONDS;
}

/** Adds to the cost of the running evaluation. Throws BudgetError when it is too much. */
export function spend(units: number): void {
  cost += units;
  if (cost > MAX_COST) throw new BudgetError(`the expression costs too much to evaluate: more than ${MAX_COST} steps`);
  if (cost < nextClock) return;
  nextClock = cost + 256;
  if (performance.now() > deadline) {
    throw new BudgetError(`the expression takes too long to evaluate: more than ${MAX_MILLISECONDS} ms`);
  }
}

/**
 * Makes a checked tree count what it does: each step of a comprehension, and the size of what `+` and calls build.
 * CEL is not Turing complete, but nested comprehensions over a long list are as good as endless.
 */
export function guard(node: CelNode): void {
  if (node.meta.alternate) {
    guard(node.meta.alternate);
    return;
  }
  if (node.op === 'comprehension') {
    const parts = node.args as { iterable: CelNode; step: CelNode };
    count(parts.step, () => 1);
    guard(parts.iterable);
    guardStep(parts.step);
    return;
  }
  if (node.op === '+' || ((node.op === 'call' || node.op === 'rcall') && !node.meta.macro)) count(node, sizeOf);
  if (node.op === 'in' || node.op === '==' || node.op === '!=') count(node, () => 8);
  for (const child of childrenOf(node)) guard(child);
}

function guardStep(step: CelNode): void {
  for (const child of childrenOf(step)) guard(isNode(child) ? child : step);
}

function count(node: CelNode, price: (result: unknown) => number): void {
  const inner = node.meta.evaluate;
  if (!inner) return;
  node.setMeta('evaluate', (evaluator: unknown, at: CelNode, context: unknown) => {
    spend(1);
    const result = inner(evaluator, at, context);
    spend(price(result));
    return result;
  });
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length >> 4;
  return Array.isArray(value) ? value.length : 1;
}
