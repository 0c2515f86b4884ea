import {
  type CelProgram,
  celNames,
  type Fields,
  groupResource,
  isFields,
  type KubeObject,
  type Resource,
} from '../machinery/index.ts';
import { collectProblems, DefinitionError, fieldPath, type Problems } from './definition-error.ts';
import type { Dimension } from './for-each.ts';
import { levelsOf } from './graph.ts';
import { instanceCrd } from './instance-crd.ts';
import { KRO_GROUP, pluralOf } from './names.ts';
import { type PrinterColumn, schemaOfSimple } from './simple-schema.ts';
import { compileCondition, compileTemplate, programsIn, type Template } from './template.ts';

/** A resource of a definition, compiled. */
export interface Node {
  id: string;
  apiVersion: string;
  kind: string;
  /** The manifest; of an external node, the metadata by which it is found. */
  template: Template;
  /** True for an object that exists already and is only read. */
  external: boolean;
  /** The lists over which it is repeated; none: it is one object. */
  forEach: readonly Dimension[];
  includeWhen: readonly CelProgram[];
  readyWhen: readonly CelProgram[];
  /** The ids of the nodes whose objects its expressions read. */
  dependencies: ReadonlySet<string>;
}

/** A definition, compiled once and used for every instance. Nothing in it changes. */
export interface Definition {
  /** The ResourceGraphDefinition or ResourceGroup it was compiled from. */
  source: KubeObject;
  /** The resource that serves its instances. */
  resource: Resource;
  crd: KubeObject;
  nodes: ReadonlyMap<string, Node>;
  /** Ids in apply order; those of one level do not depend on each other. */
  levels: readonly (readonly string[])[];
  /** The instance's own status fields. */
  status: ReadonlyMap<string, Template>;
}

const MAX_RESOURCES = 1_000;
/** In characters of JSON. A definition is compiled in one go, and everything else waits for that. */
const MAX_SIZE = 1_500_000;
const reservedIds: ReadonlySet<string> = new Set([
  ...celNames,
  'schema',
  'each',
  'self',
  'item',
  'items',
  'root',
  'kro',
  'runtime',
  'true',
  'false',
  'null',
]);

/**
 * Compiles a ResourceGraphDefinition or ResourceGroup (kro.run/v1alpha1): schema, templates, dependencies, order.
 * @throws DefinitionError with every problem found, each with its place in the definition
 */
export function compileDefinition(source: KubeObject): Definition {
  const spec = objectAt(source.spec);
  const size = JSON.stringify(spec).length;
  if (size > MAX_SIZE) throw new DefinitionError([`spec: ${size} characters of JSON, more than ${MAX_SIZE}`]);
  const schema = objectAt(spec['schema']);
  const problems = collectProblems();
  const resource = resourceOfSchema(schema, problems);
  const columns: PrinterColumn[] = [];
  const specSchema = problems.attempt('spec.schema.spec', () =>
    schemaOfSimple(objectAt(schema['spec']), objectAt(schema['types']), 'spec.schema.spec', columns),
  );
  const entries = entriesOf(spec['resources'], problems);
  const variables = new Set(['schema', ...entries.keys()]);
  const nodes = new Map<string, Node>();
  for (const [id, { entry, path }] of entries) nodes.set(id, compileNode(id, entry, path, { variables, problems }));
  const status = new Map(
    Object.entries(objectAt(schema['status'])).map(([name, value]) => [
      name,
      compileTemplate(value, fieldPath('spec.schema.status', name), { variables, problems }),
    ]),
  );
  const levels = problems.attempt('spec.resources', () =>
    levelsOf(new Map([...nodes].map(([id, node]) => [id, node.dependencies]))),
  );
  problems.throwAny();
  const crd = instanceCrd({ source, schema, resource, spec: specSchema ?? {}, columns, status });
  return { source, resource, crd, nodes, levels: levels ?? [], status };
}

/** The definition, or what is wrong with it. */
export function tryCompile(source: KubeObject): Definition | DefinitionError {
  try {
    return compileDefinition(source);
  } catch (error) {
    if (error instanceof DefinitionError) return error;
    throw error;
  }
}

/** The name of a resource's CRD: 'applications.kro.run'. */
export function crdNameOf(resource: Resource): string {
  return groupResource(resource);
}

/** 'ResourceGraphDefinition/application', or with the namespace of a ResourceGroup: a definition's name in messages. */
export function nameOfDefinition(source: KubeObject): string {
  const { namespace, name } = source.metadata;
  return `${source.kind}/${namespace ? `${namespace}/` : ''}${name}`;
}

/** What instances of a definition are called on the wire. */
export function resourceOfSchema(schema: Fields, problems: Problems = collectProblems()): Resource {
  const text = (name: string, pattern: RegExp, otherwise?: string): string => {
    const value = schema[name] ?? otherwise;
    if (typeof value === 'string' && pattern.test(value)) return value;
    problems.add(`spec.schema.${name}`, `${JSON.stringify(value)} does not match ${pattern.source}`);
    return '';
  };
  const kind = text('kind', /^[A-Z][a-zA-Z0-9]{0,62}$/);
  const version = text('apiVersion', /^v[0-9]+((alpha|beta)[0-9]+)?$/);
  const group = text('group', /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$/, KRO_GROUP);
  const scope = text('scope', /^(Namespaced|Cluster)$/, 'Namespaced');
  return { group, version, resource: pluralOf(kind), kind, namespaced: scope === 'Namespaced' };
}

interface Entry {
  entry: Fields;
  path: string;
}

function entriesOf(resources: unknown, problems: Problems): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const list = Array.isArray(resources) ? resources : [];
  if (list.length > MAX_RESOURCES) {
    throw new DefinitionError([`spec.resources: ${list.length} resources, more than ${MAX_RESOURCES}`]);
  }
  list.forEach((item: unknown, index) => {
    const entry = objectAt(item);
    const path = fieldPath('spec.resources', index);
    const id = String(entry['id'] ?? '');
    if (!/^[a-z][a-zA-Z0-9]*$/.test(id)) {
      problems.add(
        `${path}.id`,
        `"${id}" is not lower camel case: letters and digits, beginning with a lower-case letter`,
      );
    } else if (reservedIds.has(id))
      problems.add(`${path}.id`, `"${id}" is reserved: it means something else in expressions`);
    else if (entries.has(id)) problems.add(`${path}.id`, `"${id}" is used twice`);
    else entries.set(id, { entry, path });
  });
  return entries;
}

interface NodeScope {
  variables: ReadonlySet<string>;
  problems: Problems;
}

function compileNode(id: string, entry: Fields, path: string, scope: NodeScope): Node {
  checkUnsupported(entry, path, scope.problems);
  const external = entry['externalRef'] !== undefined;
  if (external && entry['template'] !== undefined) scope.problems.add(path, 'has both template and externalRef');
  if (external && entry['forEach'] !== undefined) scope.problems.add(`${path}.forEach`, 'is for templates');
  const at = `${path}.${external ? 'externalRef' : 'template'}`;
  const manifest = objectAt(external ? entry['externalRef'] : entry['template']);
  const forEach = dimensionsOf(entry['forEach'], `${path}.forEach`, scope);
  const isList = forEach.length > 0 || objectAt(manifest['metadata'])['selector'] !== undefined;
  const own = { ...scope, variables: new Set([...scope.variables, ...forEach.map((dimension) => dimension.name)]) };
  const readiness = { ...scope, variables: isList ? new Set([...scope.variables, 'each']) : scope.variables };
  const node = {
    id,
    apiVersion: literalText(manifest, 'apiVersion', at, scope.problems),
    kind: literalText(manifest, 'kind', at, scope.problems),
    template: external
      ? compileTemplate(manifest['metadata'], `${at}.metadata`, scope)
      : compileTemplate(manifest, at, own),
    external,
    forEach,
    includeWhen: conditionsOf(entry, 'includeWhen', path, scope),
    readyWhen: conditionsOf(entry, 'readyWhen', path, readiness),
  };
  checkManifest(manifest, at, external, scope.problems);
  return { ...node, dependencies: dependenciesOf(node, path, scope.problems) };
}

function checkUnsupported(
  { externalFields, deletionPolicy = 'Delete' }: Fields,
  path: string,
  problems: Problems,
): void {
  if (externalFields !== undefined) problems.add(`${path}.externalFields`, 'is not supported yet');
  if (deletionPolicy !== 'Delete') {
    problems.add(`${path}.deletionPolicy`, `${JSON.stringify(deletionPolicy)} is not supported yet: use Delete`);
  }
}

function literalText(manifest: Fields, name: string, at: string, problems: Problems): string {
  const value = manifest[name];
  if (typeof value === 'string' && value !== '' && !value.includes('${')) return value;
  problems.add(`${at}.${name}`, `expected a literal string, found ${JSON.stringify(value)}`);
  return '';
}

function checkManifest(manifest: Fields, at: string, external: boolean, problems: Problems): void {
  const { name, selector } = objectAt(manifest['metadata']);
  if (name === undefined && !(external && selector !== undefined)) problems.add(`${at}.metadata.name`, 'is required');
  if (name !== undefined && selector !== undefined && external)
    problems.add(`${at}.metadata`, 'has both name and selector');
  if (manifest['status'] !== undefined) problems.add(`${at}.status`, 'belongs to the controller of the resource');
}

/** forEach: a list of objects, each with one variable and the expression that gives its list. */
function dimensionsOf(value: unknown, path: string, scope: NodeScope): Dimension[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    scope.problems.add(path, 'expected a list such as [{region: "${schema.spec.regions}"}]');
    return [];
  }
  return value.flatMap((item, index) => {
    const at = fieldPath(path, index);
    const entries = Object.entries(objectAt(item));
    const [name, text] = entries[0] ?? [];
    if (entries.length !== 1 || name === undefined) scope.problems.add(at, 'expected one variable');
    else if (scope.variables.has(name) || reservedIds.has(name)) scope.problems.add(at, `"${name}" is taken`);
    else if (!/^[a-z][a-zA-Z0-9]*$/.test(name)) scope.problems.add(at, `"${name}" is not lower camel case`);
    else {
      const program = compileCondition(text, fieldPath(at, name), scope);
      return program ? [{ name, program }] : [];
    }
    return [];
  });
}

function conditionsOf(entry: Fields, name: 'includeWhen' | 'readyWhen', path: string, scope: NodeScope): CelProgram[] {
  const list = entry[name] ?? [];
  if (!Array.isArray(list)) {
    scope.problems.add(`${path}.${name}`, 'expected a list of expressions');
    return [];
  }
  return list
    .map((text, index) => compileCondition(text, fieldPath(`${path}.${name}`, index), scope))
    .filter((program) => program !== undefined);
}

function dependenciesOf(node: Omit<Node, 'dependencies'>, path: string, problems: Problems): Set<string> {
  const found = new Set<string>();
  const local = new Set(['schema', 'each', ...node.forEach.map((dimension) => dimension.name)]);
  const lists = node.forEach.map((dimension) => dimension.program);
  for (const program of [...programsIn(node.template), ...node.includeWhen, ...lists]) {
    for (const [variable = ''] of program.references) {
      if (variable === node.id) problems.add(path, `"${node.id}" refers to itself in \${${program.source}}`);
      else if (!local.has(variable)) found.add(variable);
    }
  }
  for (const program of node.readyWhen) {
    for (const [variable = ''] of program.references) {
      if (!local.has(variable) && variable !== node.id) found.add(variable);
    }
  }
  return found;
}

/** The value if it is an object, else an empty one. */
export function objectAt(value: unknown): Fields {
  return isFields(value) ? value : {};
}
