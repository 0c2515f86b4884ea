import {
  type CelProgram,
  type CelType,
  celType,
  type Fields,
  isFields,
  type ObjectType,
  type Schema,
} from '../../machinery/index.ts';
import { type Compiled, compileExpression, type Scope } from './expressions.ts';

/** What makes a mutation's value: `Object{…}` and what lies below, and `JSONPatch{…}`. */
const { string, dyn } = celType;
const JSON_PATCH = celType.object('JSONPatch', { op: string, path: string, from: string, value: dyn });

/** Nothing is known about the fields of an Object: they are checked when it is merged. */
const objectNamed = (name: string): ObjectType => ({ kind: 'object', name, field: () => dyn });
const OBJECT = objectNamed('Object');

function structs(name: string): ObjectType | undefined {
  if (name === 'JSONPatch') return JSON_PATCH;
  if (name === 'Object') return OBJECT;
  return name.startsWith('Object.') ? objectNamed(name) : undefined;
}

const RESULTS: Readonly<Record<string, CelType>> = {
  ApplyConfiguration: OBJECT,
  JSONPatch: celType.list(JSON_PATCH),
};

/** Compiles the expression of a mutation. @param type 'ApplyConfiguration' or 'JSONPatch'. */
export function compileMutation(type: string, source: string, scope: Scope): Compiled {
  return compileExpression(source, { ...scope, structs }, [RESULTS[type] ?? dyn]);
}

type Node = CelProgram['root'];

/** What is wrong with the names of the types that an expression makes: each is that of its field's path. */
export function typeNameError({ root }: CelProgram): string | undefined {
  return misnamed(root, undefined);
}

function misnamed(node: Node, expected: string | undefined): string | undefined {
  if (node.kind === 'struct' && node.name.startsWith('Object')) {
    if (expected !== undefined && node.name !== expected) {
      const rule = 'which matches field name path from root Object type';
      return `type mismatch: unexpected type name "${node.name}", expected "${expected}", ${rule}`;
    }
    return firstOf(node.fields.map(({ name, value }) => misnamed(value, `${node.name}.${name}`)));
  }
  if (node.kind === 'list') return firstOf(node.items.map(({ value }) => misnamed(value, expected)));
  if (node.kind !== 'call' || node.name !== '_?_:_') return undefined;
  return firstOf(node.args.slice(1).map((branch) => misnamed(branch, expected)));
}

const firstOf = (errors: (string | undefined)[]): string | undefined => errors.find((error) => error !== undefined);

/** Why a configuration cannot be merged into an object of a schema; undefined if it can. */
export function applyError(configuration: Fields, schema: Schema): string | undefined {
  const findings: Findings = { wrong: [], atomic: [] };
  inspect(configuration, schema, '', findings);
  const [wrong] = findings.wrong;
  if (wrong !== undefined) {
    return `error applying patch: failed to convert patch object to typed object: ${wrong}`;
  }
  if (findings.atomic.length === 0) return undefined;
  const what = `may not mutate atomic arrays, maps or structs: ${findings.atomic.join(', ')}`;
  return `error applying patch: invalid ApplyConfiguration: ${what}`;
}

/** What does not fit the schema, and the paths of what the schema takes only as a whole. */
interface Findings {
  wrong: string[];
  atomic: string[];
}

function inspect(value: unknown, schema: Schema, path: string, findings: Findings): void {
  if (Array.isArray(value) && schema.type === 'array') {
    if (isAtomicList(schema)) findings.atomic.push(path);
    else for (const [index, item] of value.entries()) inspect(item, schema.items ?? {}, `${path}[${index}]`, findings);
    return;
  }
  if (!isFields(value) || schema.type !== 'object') {
    const expected = expectation(value, schema);
    if (expected !== undefined) findings.wrong.push(`${path}: expected ${expected}, got ${goTypeOf(value)}`);
    return;
  }
  if (schema['x-kubernetes-map-type'] === 'atomic') {
    findings.atomic.push(path);
    return;
  }
  const { properties, additionalProperties } = schema;
  if (!properties) return;
  for (const [name, field] of Object.entries(value)) {
    const at = `${path}.${name}`;
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (known) inspect(field, known, at, findings);
    else if (!additionalProperties && !schema['x-kubernetes-preserve-unknown-fields']) {
      findings.wrong.push(`${at}: field not declared in schema`);
    }
  }
}

/** What a value should be that is not what its schema says; undefined if it is, or nothing is said. */
function expectation(value: unknown, schema: Schema): string | undefined {
  if (value === null || schema['x-kubernetes-int-or-string']) return undefined;
  switch (schema.type) {
    case 'string':
      return typeof value === 'string' ? undefined : 'string';
    case 'integer':
    case 'number':
      return typeof value === 'number' ? undefined : 'numeric (int or float)';
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'boolean';
    case 'object':
      return 'map';
    case 'array':
      return 'list';
    default:
      return undefined;
  }
}

function goTypeOf(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : typeof value === 'string' ? 'string' : 'map[string]interface {}';
}

function isAtomicList(schema: Schema): boolean {
  const type = schema['x-kubernetes-list-type'];
  if (type !== undefined) return type === 'atomic';
  return !schema['x-kubernetes-patch-strategy']?.split(',').includes('merge');
}
