import { isFields } from './json.ts';
import { type Filter, type JsonPathStep, parseJsonPath } from './jsonpath-parse.ts';

/** Values that one path may give; a recursive descent over a hostile object ends here. */
const maxResults = 100_000;

/**
 * Compiles a path in the dialect that kubectl and CRD printer columns share: .spec.a, ['a.b'], [0], [-1], [1:3], [*],
 * ..name and filters [?(@.type=="Ready")]. Outer braces and a leading '$' are allowed. A missing field gives no value.
 * Source: https://kubernetes.io/docs/reference/kubectl/jsonpath. Throws JsonPathError for what is no path.
 */
export function compileJsonPath(path: string): (object: unknown) => unknown[] {
  const steps = parseJsonPath(path);
  return (object) => evaluate(steps, object);
}

function evaluate(steps: readonly JsonPathStep[], object: unknown): unknown[] {
  let values = [object];
  for (const step of steps) {
    const next: unknown[] = [];
    for (const value of values) {
      applyStep(step, value, next);
      if (next.length > maxResults) return next.slice(0, maxResults);
    }
    values = next;
  }
  return values;
}

function applyStep(step: JsonPathStep, value: unknown, into: unknown[]): void {
  switch (step.kind) {
    case 'field':
      if (isFields(value) && Object.hasOwn(value, step.name)) into.push(value[step.name]);
      return;
    case 'all':
      for (const item of childrenOf(value)) into.push(item);
      return;
    case 'slice':
      if (Array.isArray(value)) takeSlice(value, step, into);
      return;
    case 'descend':
      descend(value, into);
      return;
    case 'filter':
      for (const item of Array.isArray(value) ? value : []) if (passes(step.filter, item)) into.push(item);
      return;
    case 'union':
      for (const choice of step.choices) applyStep(choice, value, into);
  }
}

const childrenOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : isFields(value) ? Object.values(value) : [];

function takeSlice(items: readonly unknown[], step: JsonPathStep & { kind: 'slice' }, into: unknown[]): void {
  const position = (index: number) => (index < 0 ? items.length + index : index);
  const start = position(step.start ?? 0);
  if (step.single) {
    if (start >= 0 && start < items.length) into.push(items[start]);
    return;
  }
  const end = Math.min(position(step.end ?? items.length), items.length);
  for (let i = Math.max(start, 0); i < end; i += step.step) into.push(items[i]);
}

/** The value and everything below it, without recursion: depth is the object's choice. */
function descend(value: unknown, into: unknown[]): void {
  const pending = [value];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    into.push(next);
    if (into.length > maxResults) return;
    const below = childrenOf(next);
    for (let i = below.length - 1; i >= 0; i--) pending.push(below[i]);
  }
}

function passes(filter: Filter, item: unknown): boolean {
  const left = evaluate(filter.left, item);
  if (filter.operator === undefined) return left.length > 0;
  const right =
    filter.right === undefined
      ? []
      : 'value' in filter.right
        ? [filter.right.value]
        : evaluate(filter.right.path, item);
  if (left.length === 0 || right.length === 0) return false;
  return compare(left[0], filter.operator, right[0]);
}

function compare(left: unknown, operator: string, right: unknown): boolean {
  if (operator === '==') return left === right;
  if (operator === '!=') return left !== right;
  const ordered =
    (typeof left === 'number' && typeof right === 'number') || (typeof left === 'string' && typeof right === 'string');
  if (!ordered) return false;
  switch (operator) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    default:
      return left >= right;
  }
}
