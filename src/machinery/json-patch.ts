import { cloneJson, equalJson, getOwn, isFields, setOwn } from './json.ts';
import type { Fields } from './object.ts';
import { ApiError, badRequest } from './status.ts';

const maxOperations = 10_000;
/** As kube-apiserver: what `copy` operations add up to, in characters, so that a small patch cannot make a huge object. */
const maxCopied = 3 * 1024 * 1024;

/** The list or object that holds the value a pointer points at, and the last part of the pointer. */
interface Place {
  parent: unknown;
  key: string;
}

interface Document {
  root: unknown;
  copied: number;
}

type Operation = Fields & { op: string; path: string };

/**
 * Applies an RFC 6902 patch. The inputs are not changed. Like kube-apiserver (evanphx/json-patch), an index may be
 * negative to count from the end. Throws ApiError 400 for a malformed patch, 413 for one of more than 10,000
 * operations, 422 for an operation that does not apply: the error's
 * `cause` says which.
 */
export function applyJsonPatch<T extends object>(object: T, operations: unknown): T {
  if (!Array.isArray(operations)) {
    throw badRequest('error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  }
  if (operations.length > maxOperations) {
    const text = `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${operations.length}`;
    throw new ApiError(413, 'RequestEntityTooLarge', `Request entity is too large: ${text}`);
  }
  const document: Document = { root: cloneJson(object), copied: 0 };
  for (const operation of operations) applyOperation(document, checked(operation));
  if (!isFields(document.root)) return fail('the patched document is not an object');
  return document.root as T;
}

/** As kube-apiserver, which tells nobody but its log what was wrong. */
function fail(why: string): never {
  const refusal = new ApiError(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
  refusal.cause = new Error(why);
  throw refusal;
}

function checked(operation: unknown): Operation {
  if (!isFields(operation)) throw badRequest('error decoding patch: every operation must be an object');
  const { op, path } = operation;
  if (typeof op !== 'string') return fail('operation missing "op" field');
  if (typeof path !== 'string') return fail(`${op} operation failed to decode path: missing value`);
  return operation as Operation;
}

function applyOperation(document: Document, operation: Operation): void {
  const { op, path } = operation;
  switch (op) {
    case 'add':
      add(document, op, path, givenValue(operation));
      break;
    case 'replace':
      put(document, op, path, givenValue(operation));
      break;
    case 'remove':
      take(document, op, path, 'remove');
      break;
    case 'move':
      add(document, op, path, take(document, op, fromOf(operation), 'remove'));
      break;
    case 'copy':
      add(document, op, path, copied(document, take(document, op, fromOf(operation), 'keep')));
      break;
    case 'test':
      if (!equalJson(lookUp(document, path) ?? null, operation.value ?? null)) {
        fail(`testing value ${path} failed: test failed`);
      }
      break;
    default:
      fail(`Unexpected kind: ${op}`);
  }
}

function givenValue(operation: Operation): unknown {
  if (!Object.hasOwn(operation, 'value'))
    return fail(`${operation.op} operation value for ${operation.path} is missing`);
  return cloneJson(operation.value);
}

function fromOf(operation: Operation): string {
  const { op, from, path } = operation;
  if (typeof from !== 'string') return fail(`${op} operation failed to decode from: missing value`);
  if (op === 'move' && path.startsWith(`${from}/`)) return fail(`cannot move ${from} into itself at ${path}`);
  return from;
}

function copied(document: Document, value: unknown): unknown {
  document.copied += (JSON.stringify(value) ?? '').length;
  if (document.copied > maxCopied) {
    const sizes = `${document.copied}, exceeding the limit ${maxCopied}`;
    fail(`Unable to complete the copy, the accumulated size increase of copy is ${sizes}`);
  }
  return cloneJson(value);
}

/** The parts of an RFC 6901 pointer: '/a~1b/0' → ['a/b', '0']. */
function partsOf(op: string, pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/'))
    return fail(`${op} operation does not apply: doc is missing path: "${pointer}": missing value`);
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function childOf(parent: unknown, key: string): unknown {
  if (Array.isArray(parent)) {
    const index = indexOf(parent, key);
    return index === undefined ? undefined : parent[index];
  }
  return isFields(parent) ? getOwn(parent, key) : undefined;
}

function indexOf(list: readonly unknown[], key: string): number | undefined {
  if (!/^-?(0|[1-9]\d{0,8})$/.test(key)) return undefined;
  const index = Number(key) < 0 ? list.length + Number(key) : Number(key);
  return index >= 0 && index < list.length ? index : undefined;
}

function placeOf(document: Document, op: string, pointer: string): Place {
  const parts = partsOf(op, pointer);
  const key = parts.pop();
  if (key === undefined) return { parent: { '': document.root }, key: '' };
  const parent = parts.reduce(childOf, document.root);
  if (typeof parent !== 'object' || parent === null) {
    return fail(`${op} operation does not apply: doc is missing path: "${pointer}": missing value`);
  }
  return { parent, key };
}

function lookUp(document: Document, pointer: string): unknown {
  return partsOf('test', pointer).reduce(childOf, document.root);
}

/** The existing value at the pointer, taken out or left in. */
function take(document: Document, op: string, pointer: string, how: 'keep' | 'remove'): unknown {
  if (pointer === '' && how === 'keep') return document.root;
  const { parent, key } = placeOf(document, op, pointer);
  if (Array.isArray(parent)) {
    const index = indexOf(parent, key);
    if (index === undefined) return fail(`${op} operation does not apply: index ${key} of ${pointer} is out of range`);
    return how === 'remove' ? parent.splice(index, 1)[0] : parent[index];
  }
  if (pointer === '' || !isFields(parent) || !Object.hasOwn(parent, key)) {
    if (op !== 'remove') return fail(`${op} operation does not apply: doc is missing key: ${pointer}: missing value`);
    return fail(`error in remove for path: '${pointer}': Unable to remove nonexistent key: ${key}: missing value`);
  }
  const value = getOwn(parent, key);
  if (how === 'remove') delete parent[key];
  return value;
}

/** Writes the value at the pointer. A field need not exist (as in evanphx/json-patch 4), an item must. */
function put(document: Document, op: string, pointer: string, value: unknown): void {
  if (pointer === '') {
    document.root = value;
    return;
  }
  const { parent, key } = placeOf(document, op, pointer);
  if (!Array.isArray(parent)) {
    setOwn(parent as Fields, key, value);
    return;
  }
  const index = indexOf(parent, key);
  if (index === undefined) fail(`${op} operation does not apply: index ${key} of ${pointer} is out of range`);
  else parent[index] = value;
}

function add(document: Document, op: string, pointer: string, value: unknown): void {
  if (pointer === '') {
    document.root = value;
    return;
  }
  const { parent, key } = placeOf(document, op, pointer);
  if (!Array.isArray(parent)) {
    setOwn(parent as Fields, key, value);
    return;
  }
  const index = key === '-' ? parent.length : insertionIndex(parent, key);
  if (index === undefined) fail(`${op} operation does not apply: index ${key} of ${pointer} is out of range`);
  else parent.splice(index, 0, value);
}

function insertionIndex(list: readonly unknown[], key: string): number | undefined {
  if (key === String(list.length)) return list.length;
  if (key === '-1') return list.length;
  const index = indexOf(list, key);
  return index !== undefined && key.startsWith('-') ? index + 1 : index;
}
