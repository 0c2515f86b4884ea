/**
 * Which CEL library? Conformance with the data of @bufbuild/cel-spec and speed on expressions such as compositions use.
 * `@bufbuild/cel` is measured when it is there (`npm install --no-save @bufbuild/cel @bufbuild/protobuf`).
 */
import { tests } from '@bufbuild/cel-spec/testdata/conformance.js';
import { Environment } from '@marcbachmann/cel-js';
import { Duration, UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import { CelDuration, CelMap, CelObject, CelTimestamp, CelTypeValue, CelUint } from '../src/machinery/cel/value.ts';
import { compileCel } from '../src/machinery/index.ts';

type Fields = Record<string, unknown>;

interface Test {
  expr: string;
  value?: Fields;
  typedResult?: { result?: Fields };
  evalError?: unknown;
  bindings?: Record<string, { value?: Fields }>;
  container?: string;
}

/** One library under test: compiles once, evaluates many times, throws for any error. */
interface Engine {
  name: string;
  compile(expression: string): (variables: Fields) => unknown;
  /** A test's binding as the library takes it. */
  bind(value: Fields): unknown;
  /** The library's value as a comparable text. */
  show(value: unknown): string;
}

const suites: { name: string; tests: Test[] }[] = [];
collect(tests as unknown as Fields, '');

function collect(suite: Fields, name: string): void {
  const path = [name, String(suite['name'])]
    .filter(Boolean)
    .join('/')
    .replace(/^conformance\//, '');
  const found = ((suite['tests'] ?? []) as { original: Test }[]).map((test) => test.original);
  if (found.length > 0) suites.push({ name: path, tests: found });
  for (const inner of (suite['suites'] ?? []) as Fields[]) collect(inner, path);
}

// Kubernetes objects are JSON: tests of protocol buffer messages and enumerations say nothing about them.
const protobuf = /cel\.expr\.conformance|google\.protobuf|TestAllTypes|objectValue|enumValue|NestedTestAllTypes/;
const areas = new Map<string, Test[]>();
for (const suite of suites) {
  const area = suite.name.split('/')[0] ?? '';
  if (/^(proto|enums|wrappers|dynamic|type_deduction|block_ext|network_ext)/.test(area)) continue;
  const usable = suite.tests.filter((test) => !protobuf.test(JSON.stringify(test)));
  areas.set(area, [...(areas.get(area) ?? []), ...usable]);
}

const engines: Engine[] = [ours(), celJs(), ...(await bufbuild())];
const rows = [['area', 'tests', ...engines.map((engine) => engine.name)]];
const totals = engines.map(() => 0);
let count = 0;
for (const [area, list] of areas) {
  if (list.length === 0) continue;
  const passed = engines.map((engine) => list.filter((test) => passes(engine, test)).length);
  passed.forEach((number, index) => {
    totals[index] = (totals[index] ?? 0) + number;
  });
  count += list.length;
  rows.push([area, String(list.length), ...passed.map(String)]);
}
rows.push(['all', String(count), ...totals.map((total) => `${total} (${((total / count) * 100).toFixed(1)}%)`)]);
print(rows);

function passes(engine: Engine, test: Test): boolean {
  try {
    const variables = Object.fromEntries(
      Object.entries(test.bindings ?? {}).map(([name, binding]) => [name, engine.bind(binding.value ?? {})]),
    );
    const shown = engine.show(engine.compile(test.expr)(variables));
    const expected = test.value ?? test.typedResult?.result;
    if (test.evalError) return false;
    return expected === undefined ? shown === 'true' : shown === showExpected(expected);
  } catch {
    return test.evalError !== undefined;
  }
}

/** The text of an expected value (a cel.expr.Value as protobuf JSON), in the form that Engine.show gives. */
function showExpected(value: Fields): string {
  const [kind, content] = Object.entries(value)[0] ?? ['nullValue', null];
  switch (kind) {
    case 'int64Value':
    case 'uint64Value':
      return String(content);
    case 'doubleValue':
      return showDouble(Number(content));
    case 'bytesValue':
      return `b:${content}`;
    case 'typeValue':
      return `type:${content}`;
    case 'listValue':
      return `[${((content as Fields)['values'] as Fields[] | undefined)?.map(showExpected).join() ?? ''}]`;
    case 'mapValue':
      return showEntries(
        (((content as Fields)['entries'] ?? []) as { key: Fields; value: Fields }[]).map((entry) => [
          showExpected(entry.key),
          showExpected(entry.value),
        ]),
      );
    default:
      return JSON.stringify(content);
  }
}

// -0 and 0 are one to CEL's equality; doubles and ints of one value print alike because CEL compares them alike.
function showDouble(value: number): string {
  return Object.is(value, -0) ? '0' : String(value);
}

function showEntries(entries: [string, string][]): string {
  return `{${entries
    .map(([key, value]) => `${key.replace(/^"(-?\d+)"$/, '$1')}=${value}`)
    .sort()
    .join()}}`;
}

function bindPlain(value: Fields, uint: (value: bigint) => unknown): unknown {
  const [kind, content] = Object.entries(value)[0] ?? ['nullValue', null];
  switch (kind) {
    case 'int64Value':
      return BigInt(String(content));
    case 'uint64Value':
      return uint(BigInt(String(content)));
    case 'doubleValue':
      return Number(content);
    case 'nullValue':
      return null;
    case 'bytesValue':
      return new Uint8Array(Buffer.from(String(content), 'base64'));
    case 'listValue':
      return (((content as Fields)['values'] ?? []) as Fields[]).map((item) => bindPlain(item, uint));
    case 'mapValue':
      return new Map(
        (((content as Fields)['entries'] ?? []) as { key: Fields; value: Fields }[]).map((entry) => [
          bindPlain(entry.key, uint),
          bindPlain(entry.value, uint),
        ]),
      );
    default:
      return content;
  }
}

function ours(): Engine {
  const show = (value: unknown): string => {
    if (typeof value === 'bigint') return String(value);
    if (value instanceof CelUint) return String(value.value);
    if (typeof value === 'number') return showDouble(value);
    if (value instanceof Uint8Array) return `b:${Buffer.from(value).toString('base64')}`;
    if (Array.isArray(value)) return `[${value.map(show).join()}]`;
    if (value instanceof CelDuration || value instanceof CelTimestamp) return `other:${value.nanos}`;
    if (value instanceof CelTypeValue) return `type:${value.name}`;
    if (value instanceof CelMap) return showEntries([...value.entries].map(([key, item]) => [show(key), show(item)]));
    return value instanceof CelObject ? show(value.json) : JSON.stringify(value);
  };
  return {
    name: 'ours',
    compile: (expression) => {
      const program = compileCel(expression, { library: 'kro' });
      return (variables) => program.value(variables);
    },
    bind: (value) => asCel(bindPlain(value, (uint) => new CelUint(uint))),
    show,
  };
}

function asCel(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asCel);
  if (!(value instanceof Map)) return value;
  return new CelMap(new Map([...value].map(([key, item]) => [key instanceof CelUint ? key.value : key, asCel(item)])));
}

function celJs(): Engine {
  const environment = new Environment({
    unlistedVariablesAreDyn: true,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
  });
  const show = (value: unknown): string => {
    if (typeof value === 'bigint' || value instanceof UnsignedInt) return String(value.valueOf());
    if (typeof value === 'number') return showDouble(value);
    if (value instanceof Uint8Array) return `b:${Buffer.from(value).toString('base64')}`;
    if (Array.isArray(value)) return `[${value.map(show).join()}]`;
    if (value instanceof Duration || value instanceof Date) return `other:${value}`;
    if (typeof value !== 'object' || value === null) return JSON.stringify(value);
    if (value.constructor.name === 'Type') return `type:${(value as { name: string }).name}`;
    const entries = value instanceof Map ? [...value] : Object.entries(value);
    return showEntries(entries.map(([key, item]) => [show(key), show(item)]));
  };
  return {
    name: '@marcbachmann/cel-js',
    compile: (expression) => environment.parse(expression),
    bind: (value) => bindPlain(value, (uint) => new UnsignedInt(uint)),
    show,
  };
}

async function bufbuild(): Promise<Engine[]> {
  const name = '@bufbuild/cel';
  const load = (module: string): Promise<Record<string, (...args: unknown[]) => unknown>> => import(module);
  try {
    const cel = await load(name);
    const { strings } = (await load(`${name}/ext`)) as { strings?: unknown };
    return [bufbuildEngine(name, cel, strings)];
  } catch (error) {
    console.log(`${name} is left out: ${error instanceof Error ? error.message.split('\n')[0] : error}\n`);
    return [];
  }
}

function bufbuildEngine(name: string, cel: Record<string, (...args: unknown[]) => unknown>, strings: unknown): Engine {
  const call = (method: string, ...args: unknown[]): unknown => cel[method]?.(...args);
  const environment = call('celEnv', { funcs: strings });
  const show = (value: unknown): string => {
    if (typeof value === 'bigint') return String(value);
    if (call('isCelUint', value)) return String((value as { value: bigint }).value);
    if (typeof value === 'number') return showDouble(value);
    if (value instanceof Uint8Array) return `b:${Buffer.from(value).toString('base64')}`;
    if (call('isCelList', value)) return `[${[...(value as Iterable<unknown>)].map(show).join()}]`;
    if (call('isCelType', value)) return `type:${(value as { name: string }).name}`;
    if (call('isCelMap', value)) {
      return showEntries([...(value as Map<unknown, unknown>).entries()].map(([key, item]) => [show(key), show(item)]));
    }
    return typeof value === 'object' && value !== null ? `other:${value}` : JSON.stringify(value);
  };
  return {
    name,
    compile: (expression) => {
      const evaluate = call('plan', environment, call('parse', expression)) as (variables: Fields) => unknown;
      return (variables) => {
        const result = evaluate(variables);
        if (call('isCelError', result)) throw result;
        return result;
      };
    },
    bind: (value) => bindPlain(value, (uint) => call('celUint', uint)),
    show,
  };
}

// Speed, on what compositions are made of.
const object = {
  schema: {
    metadata: { name: 'silly-demo', namespace: 'a-team' },
    spec: { image: 'ghcr.io/acme/silly-demo', tag: '1.4.305', replicas: 2, db: { enabled: true } },
  },
  deployment: {
    status: {
      availableReplicas: 2,
      conditions: Array.from({ length: 8 }, (_, index) => ({ type: `Type${index}`, status: 'True' })),
    },
  },
};
const expressions = [
  'schema.metadata.name',
  'schema.spec.image + ":" + schema.spec.tag',
  'deployment.status.availableReplicas == schema.spec.replicas',
  'schema.spec.db.enabled ? [{"name": "DB", "valueFrom": {"key": schema.metadata.name + "-app"}}] : []',
  'deployment.status.conditions.exists(c, c.type == "Type7" && c.status == "True")',
];
const bigints = (value: unknown): unknown => {
  if (typeof value === 'number') return BigInt(value);
  if (Array.isArray(value)) return value.map(bigints);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, bigints(item)]));
};
const asMaps = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(asMaps);
  if (typeof value !== 'object' || value === null) return value;
  return new Map(Object.entries(value).map(([key, item]) => [key, asMaps(item)]));
};
const native = bigints(object) as Fields;
const mapped = Object.fromEntries(Object.entries(native).map(([key, value]) => [key, asMaps(value)]));

const speed = [['expression', ...engines.map((engine) => `${engine.name} ns`)]];
for (const expression of expressions) {
  speed.push([
    expression.slice(0, 70),
    ...engines.map((engine) => {
      const run = engine.compile(expression);
      const input = engine.name === '@bufbuild/cel' ? mapped : engine.name === 'ours' ? object : native;
      return nanoseconds(
        () => engine.show(run(input)) && undefined,
        () => run(input),
      );
    }),
  ]);
}
speed.push([
  'compile the second expression',
  ...engines.map((engine) =>
    nanoseconds(
      () => undefined,
      () => engine.compile(expressions[1] ?? ''),
    ),
  ),
]);
print(speed);

function nanoseconds(once: () => unknown, run: () => unknown): string {
  once();
  for (let warm = 0; warm < 20_000; warm++) run();
  const started = performance.now();
  for (let round = 0; round < 50_000; round++) run();
  return String(Math.round(((performance.now() - started) / 50_000) * 1e6));
}

function print(table: string[][]): void {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  for (const row of table) console.log(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  console.log();
}
