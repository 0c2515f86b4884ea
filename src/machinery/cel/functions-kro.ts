import { createHash } from 'node:crypto';
import { isFields } from '../json.ts';
import { CelFault } from './fault.ts';
import type { CelFunctions } from './signature.ts';
import { celType } from './type.ts';
import { CelMap, entriesOf, fromCel, Omit, toCel } from './value.ts';

type Values = readonly unknown[];

const digest = (algorithm: string, text: string): Buffer => createHash(algorithm).update(text).digest();
const hash = (algorithm: string) => (text: string) => new Uint8Array(digest(algorithm, text));

/** kro's own functions (https://kro.run/docs/concepts/rgd/cel-libraries), and cel-go's ext.Encoders. */
export const kro: CelFunctions = {
  'base64.encode(bytes): string': (bytes: Uint8Array) => Buffer.from(bytes).toString('base64'),
  'base64.encode(string): string': (text: string) => Buffer.from(text).toString('base64'),
  'base64.decode(string): bytes': (text: string) => new Uint8Array(Buffer.from(text, 'base64')),
  'omit(): dyn': () => new Omit(),
  'json.marshal(dyn): string': (value: unknown) => JSON.stringify(fromCel(value)),
  'json.unmarshal(string): dyn': (text: string) => toCel(JSON.parse(text), celType.dyn),
  '(map<K, V>).merge(map<K, V>): map<K, V>': (left: unknown, right: unknown) =>
    new CelMap(new Map([...(entriesOf(left) ?? []), ...(entriesOf(right) ?? [])])),
  '(map<K, V>).deepMerge(map<K, V>): map<K, V>': deepMerge,
  'hash.md5(string): bytes': hash('md5'),
  'hash.sha256(string): bytes': hash('sha256'),
  'hash.sha512(string): bytes': hash('sha512'),
  'hash.fnv64a(string): bytes': (text: string) => fnv64a(Buffer.from(text)),
  'random.seededString(int, string): string': (length: bigint, seed: string) => seededString(Number(length), seed),
  'random.seededInt(int, int, string): int': seededInt,
  'lists.setAtIndex(list<A>, int, A): list<A>': (list: Values, at: bigint, value: unknown) =>
    list.toSpliced(indexIn(list.length, at), 1, value),
  'lists.insertAtIndex(list<A>, int, A): list<A>': (list: Values, at: bigint, value: unknown) =>
    list.toSpliced(indexIn(list.length + 1, at), 0, value),
  'lists.removeAtIndex(list<A>, int): list<A>': (list: Values, at: bigint) =>
    list.toSpliced(indexIn(list.length, at), 1),
  'runtime.newCondition(map<string, dyn>): map<string, dyn>': newCondition,
  'runtime.condition(dyn, string): map<string, dyn>': condition,
};

/** Conditions of status: how to write one, and how to read one of an object. */
function newCondition(map: CelMap): CelMap {
  const { type, status, reason = '', message = '' } = fromCel(map) as Record<string, unknown>;
  if (typeof type !== 'string' || type === '') throw new CelFault('runtime.newCondition: type is required');
  if (status !== 'True' && status !== 'False' && status !== 'Unknown') {
    throw new CelFault("runtime.newCondition: status is 'True', 'False' or 'Unknown'");
  }
  return toCel({ type, status, reason, message }, celType.dyn) as CelMap;
}

function condition(value: unknown, type: string): unknown {
  const object = fromCel(value);
  const status = isFields(object) && isFields(object['status']) ? object['status'] : {};
  const conditions = Array.isArray(status['conditions']) ? status['conditions'].filter(isFields) : [];
  const found = conditions.find((candidate) => candidate['type'] === type);
  return toCel({ type, status: '', reason: '', message: '', ...found }, celType.dyn);
}

/** FNV-1a of 64 bits, big-endian (RFC 9923). */
function fnv64a(bytes: Uint8Array): Uint8Array {
  let sum = 0xcbf29ce484222325n;
  for (const byte of bytes) sum = BigInt.asUintN(64, (sum ^ BigInt(byte)) * 0x100000001b3n);
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(sum);
  return new Uint8Array(out);
}

function seededInt(min: bigint, max: bigint, seed: string): bigint {
  if (max <= min) throw new CelFault(`random.seededInt: min ${min} must be less than max ${max}`);
  return min + (digest('sha256', seed).readBigUInt64BE() % (max - min));
}

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';

/**
 * Letters and digits that depend on nothing but the seed. Each comes of four bytes of the seed's SHA-256, round and round,
 * exactly as in kro: what is named by it must keep its name when a definition moves here.
 */
function seededString(length: number, seed: string): string {
  if (length < 1 || length > 253) throw new CelFault(`random.seededString: length ${length} is not between 1 and 253`);
  const bytes = digest('sha256', seed);
  return Array.from(
    { length },
    (_, at) => ALPHABET[bytes.readUInt32BE((at * 4) % bytes.length) % ALPHABET.length],
  ).join('');
}

function indexIn(length: number, at: bigint): number {
  if (at >= 0n && at < BigInt(length)) return Number(at);
  throw new CelFault(`index ${at} is out of range: there are ${length} places`);
}

/** Maps inside maps are merged too; everything else of the second wins. */
function deepMerge(left: unknown, right: unknown): CelMap {
  const out = new Map(entriesOf(left));
  for (const [key, value] of entriesOf(right) ?? []) {
    const old = out.get(key);
    out.set(key, entriesOf(old) && entriesOf(value) ? deepMerge(old, value) : value);
  }
  return new CelMap(out);
}
