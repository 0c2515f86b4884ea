import { createHash } from 'node:crypto';
import type { Environment } from '@marcbachmann/cel-js';
import { bareEntriesOf } from './cel-ast.ts';
import { declareIn, namespaceIn } from './cel-declare.ts';
import type { MacroCall, MacroChecker, MacroEvaluator, MacroScope } from './cel-macros.ts';
import { fromCel, Omit, toCel, WHOLE } from './cel-values.ts';
import { isFields } from './json.ts';
import type { Fields } from './object.ts';

type Values = unknown[];

/** kro's own functions (https://kro.run/docs/concepts/rgd/cel-libraries). */
export function addKro(environment: Environment): void {
  const add = declareIn(environment);
  environment.registerType('kro.Omit', Omit);
  add('omit(): dyn', () => new Omit());
  const json = namespaceIn(environment, 'json');
  add(`${json}.marshal(dyn): string`, (_: unknown, value: unknown) => JSON.stringify(fromCel(value)));
  add(`${json}.unmarshal(string): dyn`, (_: unknown, text: string) => toCel(JSON.parse(text), WHOLE));
  add('map.merge(map): map', (left: object, right: object) => new Map([...entriesOf(left), ...entriesOf(right)]));
  add('map.deepMerge(map): map', deepMerge);
  addHashes(environment);
  addRandom(environment);
  addIndexMutation(environment);
  addConditions(environment);
}

function addHashes(environment: Environment): void {
  const add = declareIn(environment);
  const hash = namespaceIn(environment, 'hash');
  for (const algorithm of ['md5', 'sha256', 'sha512']) {
    add(`${hash}.${algorithm}(string): bytes`, (_: unknown, text: string) => new Uint8Array(digest(algorithm, text)));
  }
  add(`${hash}.fnv64a(string): bytes`, (_: unknown, text: string) => fnv64a(Buffer.from(text)));
}

const digest = (algorithm: string, text: string): Buffer => createHash(algorithm).update(text).digest();

/** FNV-1a of 64 bits, big-endian (RFC 9923). */
function fnv64a(bytes: Uint8Array): Uint8Array {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(hash);
  return new Uint8Array(out);
}

function addRandom(environment: Environment): void {
  const add = declareIn(environment);
  const random = namespaceIn(environment, 'random');
  add(`${random}.seededString(int, string): string`, (_: unknown, length: bigint, seed: string) =>
    seededString(Number(length), seed),
  );
  add(`${random}.seededInt(int, int, string): int`, (_: unknown, min: bigint, max: bigint, seed: string) => {
    if (max <= min) throw new Error(`random.seededInt: min ${min} must be less than max ${max}`);
    return min + (digest('sha256', seed).readBigUInt64BE() % (max - min));
  });
}

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';

/**
 * Letters and digits that depend on nothing but the seed. Each comes of four bytes of the seed's SHA-256, round and round,
 * exactly as in kro: what is named by it must keep its name when a definition moves here.
 */
function seededString(length: number, seed: string): string {
  if (length < 1 || length > 253) throw new Error(`random.seededString: length ${length} is not between 1 and 253`);
  const hash = digest('sha256', seed);
  return Array.from({ length }, (_, at) => ALPHABET[hash.readUInt32BE((at * 4) % hash.length) % ALPHABET.length]).join(
    '',
  );
}

function addIndexMutation(environment: Environment): void {
  const add = declareIn(environment);
  const lists = 'listsNamespace';
  add(`${lists}.setAtIndex(list, int, dyn): list<dyn>`, (_: unknown, list: Values, at: bigint, value: unknown) =>
    list.toSpliced(indexIn(list.length, at), 1, value),
  );
  add(`${lists}.insertAtIndex(list, int, dyn): list<dyn>`, (_: unknown, list: Values, at: bigint, value: unknown) =>
    list.toSpliced(indexIn(list.length + 1, at), 0, value),
  );
  add(`${lists}.removeAtIndex(list, int): list<dyn>`, (_: unknown, list: Values, at: bigint) =>
    list.toSpliced(indexIn(list.length, at), 1),
  );
}

/** Conditions of status: how to write one, and how to read one of an object. */
function addConditions(environment: Environment): void {
  const add = declareIn(environment);
  const runtime = namespaceIn(environment, 'runtime');
  environment.registerFunction(`${runtime}.newCondition(ast): dyn`, newCondition);
  add(`${runtime}.condition(dyn, string): map`, (_: unknown, object: unknown, type: string) => {
    const status = isFields(object) && isFields(object['status']) ? object['status'] : {};
    const conditions = Array.isArray(status['conditions']) ? status['conditions'].filter(isFields) : [];
    const found = conditions.find((condition) => condition['type'] === type);
    return { type, status: '', reason: '', message: '', ...found };
  });
}

/** A macro, because the fields of its map need no quotes: `runtime.newCondition({type: 'Ready', status: 'True'})`. */
function newCondition({ args }: MacroCall) {
  const fields = bareEntriesOf(args[0]);
  return {
    typeCheck(checker: MacroChecker, _: unknown, scope: MacroScope): unknown {
      for (const [, value] of fields) checker.check(value, scope);
      return checker.getType('dyn');
    },
    evaluate(evaluator: MacroEvaluator, _: unknown, scope: MacroScope): unknown {
      const given: Fields = Object.fromEntries(fields.map(([name, value]) => [name, evaluator.run(value, scope)]));
      const { type, status, reason = '', message = '' } = given;
      if (typeof type !== 'string' || type === '') throw new Error('runtime.newCondition: type is required');
      if (status !== 'True' && status !== 'False' && status !== 'Unknown') {
        throw new Error("runtime.newCondition: status is 'True', 'False' or 'Unknown'");
      }
      return { type, status, reason, message };
    },
    async: false,
  };
}

function indexIn(length: number, at: bigint): number {
  if (at >= 0n && at < BigInt(length)) return Number(at);
  throw new Error(`index ${at} is out of range: there are ${length} places`);
}

/** Maps inside maps are merged too; everything else of the second wins. */
function deepMerge(left: object, right: object): Map<unknown, unknown> {
  const out = new Map(entriesOf(left));
  for (const [key, value] of entriesOf(right)) {
    const old = out.get(key);
    out.set(key, isMap(old) && isMap(value) ? deepMerge(old, value) : value);
  }
  return out;
}

function entriesOf(map: object): Iterable<readonly [unknown, unknown]> {
  return map instanceof Map ? map.entries() : Object.entries(map);
}

/** True for a CEL map: a Map, or an object that is no value of another type. */
function isMap(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return value instanceof Map || prototype === null || prototype === Object.prototype;
}
