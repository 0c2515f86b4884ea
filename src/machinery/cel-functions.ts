import { Environment } from '@marcbachmann/cel-js';
import { spend } from './cel-budget.ts';
import { declareIn, namespaceIn } from './cel-declare.ts';
import { addKro } from './cel-kro.ts';
import { addKubernetes } from './cel-kubernetes.ts';
import { addMacros, compareValues } from './cel-macros.ts';
import { fromCel } from './cel-values.ts';

/** Which functions expressions may call beside the standard ones. */
export type CelLibrary = 'kubernetes' | 'kro';

type Values = unknown[];

const limits = { maxAstNodes: 5_000, maxDepth: 50, maxListElements: 1_000, maxMapEntries: 1_000, maxCallArguments: 16 };

/** The library's own variables: namespaces of functions, never data. */
export const namespaces: ReadonlySet<string> = new Set([
  'base64',
  'cel',
  'hash',
  'ip',
  'json',
  'lists',
  'optional',
  'random',
  'runtime',
  'strings',
]);

/** The type names, which an expression may read as values: `type(x) == int`. */
export const typeNames: ReadonlySet<string> = new Set(
  'bool bytes double dyn int list map null_type optional_type string timestamp duration type uint'.split(' '),
);

const environments = new Map<CelLibrary, Environment>();

/** The environment of a library: functions and limits, every variable dynamic. Built once. */
export function environmentOf(library: CelLibrary): Environment {
  let environment = environments.get(library);
  if (!environment) {
    environment = new Environment({
      unlistedVariablesAreDyn: true,
      homogeneousAggregateLiterals: false,
      enableOptionalTypes: true,
      limits,
    });
    addStrings(environment);
    addLists(environment);
    addKubernetes(environment);
    addEncoders(environment);
    addMacros(environment);
    if (library === 'kro') addKro(environment);
    environments.set(library, environment);
  }
  return environment;
}

// The strings extension of cel-go (ext.Strings), as far as the library lacks it.
function addStrings(environment: Environment): void {
  const add = declareIn(environment);
  add('string.charAt(int): string', (text: string, at: bigint) => {
    const points = [...text];
    if (at < 0n || at > points.length) throw new Error(`index out of range: ${at}`);
    return points[Number(at)] ?? '';
  });
  add('string.replace(string, string): string', (text: string, from: string, to: string) =>
    replace(text, from, to, -1),
  );
  add('string.replace(string, string, int): string', (text: string, from: string, to: string, times: bigint) =>
    replace(text, from, to, Number(times)),
  );
  add('string.reverse(): string', (text: string) => [...text].reverse().join(''));
  add('string.format(list): string', (text: string, values: Values) => format(text, values));
  const strings = namespaceIn(environment, 'strings');
  add(`${strings}.quote(string): string`, (_: unknown, text: string) => JSON.stringify(text));
}

function replace(text: string, from: string, to: string, times: number): string {
  const parts = times < 0 ? text.split(from) : text.split(from, times + 1);
  const found = text.split(from);
  if (times >= 0 && found.length > times + 1) {
    const head = parts.slice(0, times);
    return [...head, found.slice(times).join(from)].join(to);
  }
  spend((found.length * to.length) >> 4);
  return found.join(to);
}

function format(text: string, values: Values): string {
  let next = 0;
  return text.replace(/%(?:\.(\d+))?([%sdfexXob])/g, (verb, precision: string | undefined, kind: string) => {
    if (kind === '%') return '%';
    if (next >= values.length) throw new Error(`index ${next} out of range`);
    const value = values[next++];
    switch (kind) {
      case 's':
        return typeof value === 'string' ? value : plain(value);
      case 'd':
        return String(value);
      case 'f':
        return Number(value).toFixed(Math.min(Number(precision ?? 6), 100));
      case 'e':
        return Number(value).toExponential(Math.min(Number(precision ?? 6), 100));
      case 'x':
      case 'X': {
        const isText = typeof value === 'string' || value instanceof Uint8Array;
        const hex = isText ? Buffer.from(value).toString('hex') : BigInt(String(value)).toString(16);
        return kind === 'X' ? hex.toUpperCase() : hex;
      }
      case 'o':
        return BigInt(String(value)).toString(8);
      case 'b':
        return typeof value === 'boolean' ? String(Number(value)) : BigInt(String(value)).toString(2);
      default:
        return verb;
    }
  });
}

function plain(value: unknown): string {
  const json = fromCel(value);
  return typeof json === 'object' ? JSON.stringify(json) : String(json);
}

// The lists extensions of cel-go (ext.Lists) and Kubernetes.
function addLists(environment: Environment): void {
  const add = declareIn(environment);
  add('list.slice(int, int): list<dyn>', (list: Values, from: bigint, to: bigint) => {
    if (from < 0n || to > list.length || from > to) throw new Error(`cannot slice(${from}, ${to}) of ${list.length}`);
    return list.slice(Number(from), Number(to));
  });
  add('list.flatten(): list<dyn>', (list: Values) => list.flat(1));
  add('list.flatten(int): list<dyn>', (list: Values, depth: bigint) => list.flat(Math.min(Number(depth), 16)));
  add('list.reverse(): list<dyn>', (list: Values) => list.toReversed());
  add('list.sort(): list<dyn>', (list: Values) => list.toSorted(compareValues));
  add('list.distinct(): list<dyn>', (list: Values) => [
    ...new Map(list.map((item) => [identity(item), item])).values(),
  ]);
  add('list.first(): optional<dyn>', (list: Values) => optionalOf(list, 0));
  add('list.last(): optional<dyn>', (list: Values) => optionalOf(list, list.length - 1));
  add('list.isSorted(): bool', (list: Values) =>
    list.every((item, at) => at === 0 || compareValues(list[at - 1], item) <= 0),
  );
  add('list.sum(): dyn', (list: Values) => sum(list));
  add('list.min(): dyn', (list: Values) => extreme(list, -1));
  add('list.max(): dyn', (list: Values) => extreme(list, 1));
  add('list.indexOf(dyn): int', (list: Values, of: unknown) => BigInt(list.map(identity).indexOf(identity(of))));
  add('list.lastIndexOf(dyn): int', (list: Values, of: unknown) =>
    BigInt(list.map(identity).lastIndexOf(identity(of))),
  );
  const lists = namespaceIn(environment, 'lists');
  add(`${lists}.range(int): list<int>`, (_: unknown, count: bigint) => {
    spend(Number(count));
    return Array.from({ length: Number(count) }, (__, index) => BigInt(index));
  });
}

const OptionalClass = new Environment({ enableOptionalTypes: true }).evaluate('optional.none()').constructor;

function optionalOf(list: Values, at: number): unknown {
  return at < 0 || at >= list.length ? OptionalClass.none() : OptionalClass.of(list[at]);
}

const identity = (value: unknown): string => `${typeof value}:${plain(value)}`;

function sum(list: Values): unknown {
  if (list.every((item) => typeof item === 'bigint')) return list.reduce((total, item) => total + item, 0n);
  if (list.every((item) => typeof item === 'number')) return list.reduce((total, item) => total + item, 0);
  throw new Error('sum() takes a list of numbers of one type');
}

function extreme(list: Values, sign: 1 | -1): unknown {
  if (list.length === 0) throw new Error(`${sign < 0 ? 'min' : 'max'} called on empty list`);
  return list.reduce((best, item) => (compareValues(item, best) * sign > 0 ? item : best));
}

function addEncoders(environment: Environment): void {
  const add = declareIn(environment);
  const base64 = namespaceIn(environment, 'base64');
  add(`${base64}.encode(bytes): string`, (_: unknown, bytes: Uint8Array) => Buffer.from(bytes).toString('base64'));
  add(`${base64}.encode(string): string`, (_: unknown, text: string) => Buffer.from(text).toString('base64'));
  add(`${base64}.decode(string): bytes`, (_: unknown, text: string) => new Uint8Array(Buffer.from(text, 'base64')));
}
