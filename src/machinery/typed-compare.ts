import { type FieldSet, fieldSet, leaf, union } from './field-set.ts';
import { equalJson, getOwn, isFields } from './json.ts';
import type { Schema } from './schema.ts';
import { type Atom, appliedItemsOf, atomOf, fieldOf, isNothing, itemsOf } from './typed.ts';

/** What differs between two values: paths that are new or have another value, and paths that are gone. */
export interface Comparison {
  changed?: FieldSet;
  removed?: FieldSet;
}

const same: Comparison = {};

/**
 * Compares two values field by field, as far as their schema lets them merge (structured-merge-diff typed.Compare).
 * undefined stands for a value that is not there.
 */
export function compare(before: unknown, after: unknown, schema: Schema | undefined): Comparison {
  if (before === after) return same;
  const [was, is] = [before, after].map((value) => (value === undefined ? undefined : atomOf(schema, value)));
  if (was !== undefined && is !== undefined && was !== is) return compareKinds(before, after, schema);
  const atom: Atom = is ?? was ?? 'leaf';
  if (atom === 'leaf' || (isNothing(before) && isNothing(after))) return compareLeaves(before, after);
  const inner = atom === 'map' ? compareMaps(before, after, schema) : compareLists(before, after, schema ?? {});
  if (before === undefined) return { ...inner, changed: union(inner.changed, leaf) };
  if (after === undefined) return { ...inner, removed: union(inner.removed, leaf) };
  return inner;
}

function compareLeaves(before: unknown, after: unknown): Comparison {
  if (after === undefined) return { removed: leaf };
  return before === undefined || !equalJson(before, after) ? { changed: leaf } : same;
}

/** A map became a scalar, say: the value itself changed, everything inside the one went, inside the other came. */
function compareKinds(before: unknown, after: unknown, schema: Schema | undefined): Comparison {
  const { removed } = compare(before, undefined, schema);
  const { changed } = compare(undefined, after, schema);
  return { changed: union(changed, leaf), removed: fieldSet(false, removed?.children) };
}

/** Collects the comparisons of a value's children, allocating nothing while there is no difference. */
function collector(): { add(element: string, comparison: Comparison): void; result(): Comparison } {
  let changed: Map<string, FieldSet> | undefined;
  let removed: Map<string, FieldSet> | undefined;
  return {
    add(element, comparison) {
      if (comparison.changed) {
        changed ??= new Map();
        changed.set(element, comparison.changed);
      }
      if (comparison.removed) {
        removed ??= new Map();
        removed.set(element, comparison.removed);
      }
    },
    result: () =>
      changed || removed ? { changed: fieldSet(false, changed), removed: fieldSet(false, removed) } : same,
  };
}

function compareMaps(before: unknown, after: unknown, schema: Schema | undefined): Comparison {
  const [was, is] = [isFields(before) ? before : {}, isFields(after) ? after : {}];
  const found = collector();
  for (const key of Object.keys(was)) {
    const value = was[key];
    const now = getOwn(is, key);
    if (value !== now) found.add(`f:${key}`, compare(value, now, fieldOf(schema, key).schema));
  }
  for (const key of Object.keys(is)) {
    if (getOwn(was, key) !== undefined) continue;
    found.add(`f:${key}`, compare(undefined, is[key], fieldOf(schema, key).schema));
  }
  return found.result();
}

function compareLists(before: unknown, after: unknown, schema: Schema): Comparison {
  // Most lists of an object that changes do not: they need not be taken apart.
  if (equalJson(before, after)) return same;
  const [was, is] = [itemsOf(schema, before), itemsOf(schema, after)];
  const found = collector();
  for (const [element, items] of was) found.add(element, compareItems(items, is.get(element), schema.items));
  for (const [element, items] of is) {
    if (!was.has(element)) found.add(element, compareItems(undefined, items, schema.items));
  }
  return found.result();
}

/** Items that share a path element are compared as one. */
function compareItems(was: unknown[] | undefined, is: unknown[] | undefined, schema: Schema | undefined): Comparison {
  if ((was?.length ?? 1) === 1 && (is?.length ?? 1) === 1) return compare(was?.[0], is?.[0], schema);
  return compareLeaves(was, is);
}

/** The paths that a value has, as an apply owns them. Throws Error for list items without their keys, or twice. */
export function fieldsOfApplied(value: unknown, schema: Schema | undefined): FieldSet | undefined {
  return fieldsOfValue(value, schema, (list, listSchema) => {
    return new Map([...appliedItemsOf(listSchema, list)].map(([element, item]) => [element, [item]]));
  });
}

/** The paths that a stored value has. */
export function fieldsOfStored(value: unknown, schema: Schema | undefined): FieldSet | undefined {
  return fieldsOfValue(value, schema, (list, listSchema) => itemsOf(listSchema, list));
}

type Items = (list: unknown[], schema: Schema) => Map<string, unknown[]>;

function fieldsOfValue(value: unknown, schema: Schema | undefined, items: Items): FieldSet | undefined {
  const atom = atomOf(schema, value);
  if (atom === 'leaf') return leaf;
  const children = new Map<string, FieldSet>();
  if (atom === 'list' && Array.isArray(value) && schema) {
    for (const [element, [first]] of items(value, schema)) {
      children.set(element, union(fieldsOfValue(first, schema.items, items), leaf) ?? leaf);
    }
  }
  if (atom === 'map' && isFields(value)) {
    for (const key of Object.keys(value)) {
      const child = value[key];
      if (child === undefined) continue;
      const field = fieldOf(schema, key);
      const inner = located(key, () => fieldsOfValue(child, field.schema, items));
      const owned = !field.named || child === null || (isFields(child) && isNothing(child));
      const set = owned ? union(inner, leaf) : inner;
      if (set) children.set(`f:${key}`, set);
    }
  }
  return fieldSet(false, children);
}

/** Puts the field in front of the message of what goes wrong below it: '.spec.ports: element 0: …'. */
function located<T>(key: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new Error(`.${key}${error.message.startsWith('.') ? '' : ': '}${error.message}`, { cause: error });
  }
}

/** The set with every named field of a struct that has members below it made a member itself. */
export function withNamedFields(set: FieldSet | undefined, schema: Schema | undefined): FieldSet | undefined {
  if (!set?.children) return set;
  const children = new Map<string, FieldSet>();
  for (const [element, child] of set.children) {
    const field = element.startsWith('f:')
      ? fieldOf(schema, element.slice(2))
      : { schema: schema?.items, named: false };
    const inner = withNamedFields(child, field.schema);
    const complete = field.named ? union(inner, leaf) : inner;
    if (complete) children.set(element, complete);
  }
  return fieldSet(set.member, children);
}
