// Objects that a schema could have, with values that somebody might not have thought of.
import { isFields, type Schema } from '../../src/machinery/index.ts';
import type { Random } from './random.ts';

/** Texts that mean something somewhere: names, quantities, times, expressions, and what breaks out of each of them. */
const TEXTS = [
  '', 'a', 'default', 'x'.repeat(64), 'x'.repeat(300), 'A_B', 'a.b-c', '-a', 'a/b', 'example.dev/name', '..', '.', '%2e%2e', 'ü', '\u0000', '\ud800', '𝒳', '\n', ' ',
  '0', '1', '-1', '1.5Gi', '100m', '1e99', '1e-99', '9'.repeat(400), '0x10', '1Ki', '12E', '25%', '101%', 'NaN',
  '10.0.0.1', '10.0.0.0/8', '::1', 'fe80::1%lo', '256.1.1.1', 'http://a', 'https://127.0.0.1:1/',
  '2026-01-01T00:00:00Z', '2026-01-01T00:00:00.123456Z', '0000-00-00T00:00:00Z', '99999-01-01T00:00:00Z',
  'TCP', 'Always', 'Never', 'OnFailure', 'RollingUpdate', 'ClusterIP', 'Exists', 'In', 'NoSchedule', 'Namespaced', 'Cluster', 'v1', 'v1beta1',
  '* * * * *', '*/0 * * * *', '@every 1s', 'TZ=UTC * * * * *', 'Europe/Berlin',
  '(a+)+$', '[', '^(.*)*$', 'a{1,1000}{1,1000}', 'self.all(x, self.all(y, self.all(z, x == y)))', 'self == oldSelf', '"a" + ', '[1].map(x, [x, x])',
  '{.spec.x}', '.spec.replicas', '$(A)', '${A}', '__proto__', 'constructor', 'toString', 'IfNeeded', '*', '*/*', 'pods/status',
] as const; // biome-ignore format: kinds of text, a line each

const NUMBERS = [
  0,
  1,
  -1,
  2,
  3,
  80,
  65_535,
  65_536,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 53,
  1e21,
  1e308,
  0.5,
  -0,
];
const LABEL_KEYS = [
  'a',
  'app',
  'b/c',
  'kubernetes.io/metadata.name',
  '__proto__',
  'constructor',
  'x'.repeat(70),
  '',
  'a b',
];
/** Deeper than this nothing is added: schemas may be recursive. */
const DEPTH = 9;

export const hostileText = (random: Random): string => random.pick(TEXTS);

/** A value of a schema: mostly of its type, with most required fields, and now and then something else altogether. */
export function valueLike(schema: Schema, random: Random, depth = 0): unknown {
  if (random.chance(0.01)) return anything(random, 0);
  if (schema.enum && random.chance(0.9)) return random.pick(schema.enum);
  if (schema['x-kubernetes-int-or-string']) return random.chance(0.5) ? random.pick(NUMBERS) : hostileText(random);
  switch (schema.type) {
    case 'object':
      return objectOf(schema, random, depth);
    case 'array':
      return Array.from({ length: depth > DEPTH ? 0 : random.number(3) }, () =>
        valueLike(schema.items ?? {}, random, depth + 1),
      );
    case 'boolean':
      return random.chance(0.5);
    case 'integer':
    case 'number':
      return random.pick(NUMBERS);
    case 'string':
      return hostileText(random);
    default:
      return schema.oneOf ? hostileText(random) : anything(random, depth);
  }
}

function objectOf(schema: Schema, random: Random, depth: number): object {
  const result: Record<string, unknown> = {};
  const { additionalProperties, properties } = schema;
  if (isFields(additionalProperties)) {
    for (let count = random.number(3); count > 0; count--) {
      setOwn(result, random.pick(LABEL_KEYS), valueLike(additionalProperties as Schema, random, depth + 1));
    }
  }
  // Fewer fields the deeper it goes, so that objects stay small and reach everywhere in time.
  const share = depth > DEPTH ? 0 : 0.5 / (1 + depth * 0.4);
  for (const [name, property] of Object.entries(properties ?? {})) {
    const wanted = schema.required?.includes(name) ? 0.95 : share;
    if (random.chance(wanted)) setOwn(result, name, valueLike(property, random, depth + 1));
  }
  if (!properties && !additionalProperties && depth < DEPTH && random.chance(0.5)) return anythingInside(random, depth);
  return result;
}

function anythingInside(random: Random, depth: number): object {
  return { [random.pick(LABEL_KEYS)]: anything(random, depth + 1) };
}

function anything(random: Random, depth: number): unknown {
  const kind = random.number(depth > 4 ? 5 : 7);
  if (kind === 0) return null;
  if (kind === 1) return random.chance(0.5);
  if (kind === 2) return random.pick(NUMBERS);
  if (kind <= 4) return hostileText(random);
  if (kind === 5) return Array.from({ length: random.number(4) }, () => anything(random, depth + 1));
  return anythingInside(random, depth);
}

/** Also for `__proto__`, which plain assignment would take for the prototype. */
export function setOwn(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Changes a JSON value somewhere inside, in place as far as it can be. */
export function disturb(value: unknown, random: Random): unknown {
  if (value === null || typeof value !== 'object' || random.chance(0.15)) return anything(random, 0);
  const keys = Object.keys(value);
  if (keys.length === 0 || random.chance(0.1)) {
    if (Array.isArray(value)) value.push(anything(random, 2));
    else setOwn(value, hostileText(random), anything(random, 2));
    return value;
  }
  const key = random.pick(keys);
  const inner: unknown = Object.getOwnPropertyDescriptor(value, key)?.value;
  const action = random.number(10);
  if (action === 0) delete (value as Record<string, unknown>)[key];
  else if (action === 1 && Array.isArray(value)) value.push(inner);
  else setOwn(value, key, disturb(inner, random));
  return value;
}
