import { parseJson } from './exact-json.ts';
import { isFields } from './json.ts';
import type { Fields } from './object.ts';

/**
 * A set of field paths, as a tree: a node is in the set if it is a `member`; its children are keyed by path element in
 * FieldsV1's own notation: 'f:name' a field, 'k:{"name":"x"}' a list item by its keys, 'v:"x"' a list item by its
 * value, 'i:0' by its index (structured-merge-diff fieldpath). No node is without members at or below it: the empty
 * set is undefined.
 */
export interface FieldSet {
  readonly member: boolean;
  readonly children?: ReadonlyMap<string, FieldSet>;
}

/** The set of just the node itself. */
export const leaf: FieldSet = { member: true };

/** A node, or undefined if it would hold nothing. */
export function fieldSet(member: boolean, children: ReadonlyMap<string, FieldSet> | undefined): FieldSet | undefined {
  if (children && children.size > 0) return { member, children };
  return member ? leaf : undefined;
}

/** The paths that are in either set. */
export function union(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
  if (!a || a === b) return b;
  if (!b) return a;
  if (!b.children) return !b.member || a.member ? a : { member: true, children: a.children ?? new Map() };
  if (!a.children) return !a.member || b.member ? b : { member: true, children: b.children };
  const children = new Map(a.children);
  for (const [key, child] of b.children) children.set(key, union(children.get(key), child) ?? child);
  return { member: a.member || b.member, children };
}

/** The paths of a that are not in b. */
export function difference(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
  if (!a || !b) return a;
  if (a === b) return undefined;
  const member = a.member && !b.member;
  if (!a.children || !b.children) return member === a.member ? a : fieldSet(member, a.children);
  let changed = member !== a.member;
  const children = new Map<string, FieldSet>();
  for (const [key, child] of a.children) {
    const kept = difference(child, b.children.get(key));
    if (kept !== child) changed = true;
    if (kept) children.set(key, kept);
  }
  return changed ? fieldSet(member, children) : a;
}

/** The paths that are in both sets. */
export function intersection(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
  if (!a || !b) return undefined;
  const children = new Map<string, FieldSet>();
  if (a.children && b.children) {
    const [few, many] = a.children.size < b.children.size ? [a.children, b.children] : [b.children, a.children];
    for (const [key, child] of few) {
      const shared = intersection(child, many.get(key));
      if (shared) children.set(key, shared);
    }
  }
  return fieldSet(a.member && b.member, children);
}

const elementOrder = 'fkvi';

/** The order of path elements in FieldsV1 and in messages: fields, keys, values, indices, each by their text. */
export function compareElements(a: string, b: string): number {
  if (a[0] !== b[0]) return elementOrder.indexOf(a.charAt(0)) - elementOrder.indexOf(b.charAt(0));
  return a < b ? -1 : a > b ? 1 : 0;
}

function sortedChildren(set: FieldSet): [string, FieldSet][] {
  const children = [...(set.children ?? [])];
  return children.length < 2 ? children : children.sort(([a], [b]) => compareElements(a, b));
}

/** Every path in the set, in order, as messages print them: '.spec.containers[name="app"].image'. */
export function printPaths(set: FieldSet | undefined, prefix = ''): string[] {
  if (!set) return [];
  const children = sortedChildren(set);
  const members = children.filter(([, { member }]) => member).map(([key]) => prefix + printElement(key));
  return [...members, ...children.flatMap(([key, child]) => printPaths(child, prefix + printElement(key)))];
}

function printElement(element: string): string {
  const text = element.slice(2);
  switch (element[0]) {
    case 'f':
      return `.${text}`;
    case 'k': {
      const keys = Object.entries(parseJson(text) as Fields);
      return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
    }
    case 'v':
      return `[=${JSON.stringify(parseJson(text))}]`;
    default:
      return `[${text}]`;
  }
}

/** JSON as Go writes it: with <, > and & escaped. Keys and values in path elements must be spelled alike to be equal. */
export function goJson(value: unknown): string {
  const text = JSON.stringify(value);
  return /[<>&\u2028\u2029]/.test(text)
    ? text.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
    : text;
}

/** The path element of a list item with these keys, which are given in their names' order. */
export function keyElement(keys: readonly (readonly [string, unknown])[]): string {
  return `k:{${keys.map(([name, value]) => `${goJson(name)}:${goJson(value)}`).join(',')}}`;
}

function canonicalElement(element: string): string {
  const text = element.slice(2);
  switch (element.slice(0, 2)) {
    case 'f:':
      return element;
    case 'i:':
      if (!/^-?\d+$/.test(text)) throw new Error(`path element ${element}: not an index`);
      return element;
    case 'v:':
      return `v:${goJson(parseJson(text))}`;
    case 'k:': {
      const keys = parseJson(text);
      if (!isFields(keys)) throw new Error(`path element ${element}: not an object of keys`);
      return keyElement(Object.entries(keys).sort(([a], [b]) => (a < b ? -1 : 1)));
    }
    default:
      throw new Error(`path element ${element}: unknown type`);
  }
}

type Decoded = WeakMap<Fields, { set: FieldSet | undefined }>;

/** Sets that are remembered at least; a set outweighs the object that it describes, so most must not live as long. */
const REMEMBERED = 500;
let recent: Decoded = new WeakMap();
let older: Decoded = new WeakMap();
let remembered = 0;

function remember(fields: Fields, set: FieldSet | undefined): void {
  if (++remembered > REMEMBERED) {
    older = recent;
    recent = new WeakMap();
    remembered = 1;
  }
  recent.set(fields, { set });
}

/** Reads FieldsV1. Throws Error if it is malformed. An object that was read or written lately is not read again. */
export function decodeFieldsV1(fields: Fields): FieldSet | undefined {
  const known = recent.get(fields) ?? older.get(fields);
  if (known) return known.set;
  const set = decodeNode(fields, false);
  remember(fields, set);
  return set;
}

function decodeNode(fields: unknown, isChild: boolean): FieldSet | undefined {
  if (!isFields(fields)) throw new Error('a node of fieldsV1 must be an object');
  const keys = Object.keys(fields);
  if (keys.length === 0) return isChild ? leaf : undefined;
  const children = new Map<string, FieldSet>();
  for (const key of keys) {
    if (key === '.') continue;
    const child = decodeNode(fields[key], true);
    if (child) children.set(canonicalElement(key), child);
  }
  return fieldSet(Object.hasOwn(fields, '.'), children);
}

/** True when a set has a path in common with FieldsV1 whose path elements are spelled as ours: what encodeFieldsV1 wrote. */
export function overlaps(fields: Fields, set: FieldSet | undefined): boolean {
  if (!set?.children) return false;
  for (const [element, child] of set.children) {
    const below = fields[element];
    if (!isFields(below)) continue;
    if (child.member && ('.' in below || isLeaf(below))) return true;
    if (overlaps(below, child)) return true;
  }
  return false;
}

function isLeaf(fields: Fields): boolean {
  for (const _ in fields) return false;
  return true;
}

/** Writes FieldsV1. */
export function encodeFieldsV1(set: FieldSet): Fields {
  const fields = encodeNode(set, false);
  remember(fields, set);
  return fields;
}

function encodeNode(set: FieldSet, isChild: boolean): Fields {
  if (!set.children && isChild) return {};
  const fields: Fields = set.member ? { '.': {} } : {};
  for (const [key, child] of sortedChildren(set)) fields[key] = encodeNode(child, true);
  return fields;
}
