import type { Client } from '../client/index.ts';
import type { Provenance, Trace, TraceInput } from '../diagnose/index.ts';
import { CelError, type CelProgram, groupOf, type KubeObject } from '../machinery/index.ts';
import { type Definition, type Node, objectAt, resourceOfSchema, tryCompile } from './definition.ts';
import { DefinitionError } from './definition-error.ts';
import { DEFINITION_NAME_LABEL, definitions, NODE_LABEL, resourceGroups } from './names.ts';
import { programsIn, renderPart, type Template } from './template.ts';

/** Finds the definition that an instance is composed by; undefined if it is no instance, or its definition is gone. */
export type DefinitionGetter = (instance: KubeObject, child: KubeObject) => Promise<Definition | undefined>;

/**
 * Traces values of composed objects to the fields of their instance, reading definitions through a Client: for commands.
 * Definitions are read once, on the first use, and compiled when they are needed.
 */
export function createProvenance(client: Client): Provenance {
  let sources: Promise<KubeObject[]> | undefined;
  const compiled = new Map<KubeObject, Definition | DefinitionError>();
  return provenanceOf(async (instance, child) => {
    sources ??= readDefinitions(client);
    const source = sourceOf(await sources, instance, child);
    if (!source) return undefined;
    const definition = compiled.get(source) ?? tryCompile(source);
    compiled.set(source, definition);
    // A broken definition reports itself on its own status; a trace just cannot go through it.
    return definition instanceof DefinitionError ? undefined : definition;
  });
}

/** Traces values with whatever finds definitions. */
export function provenanceOf(definitionOf: DefinitionGetter): Provenance {
  return {
    async trace(input) {
      const id = input.child.metadata.labels?.[NODE_LABEL];
      const definition = id ? await definitionOf(input.owner, input.child) : undefined;
      const node = id ? definition?.nodes.get(id) : undefined;
      return definition && node ? traceField(definition, node, input) : undefined;
    },
  };
}

async function readDefinitions(client: Client): Promise<KubeObject[]> {
  const lists = await Promise.all(
    [definitions, resourceGroups].map(async ({ kind, group, version }) => {
      const resource = await client.resourceFor(`${group}/${version}`, kind);
      return resource ? (await client.list(resource)).items : [];
    }),
  );
  return lists.flat();
}

/** The definition of an instance's kind; the one that the child names, if several claim it. */
function sourceOf(sources: readonly KubeObject[], instance: KubeObject, child: KubeObject): KubeObject | undefined {
  const group = groupOf(instance.apiVersion);
  const candidates = sources.filter((source) => {
    const resource = resourceOfSchema(objectAt(objectAt(source.spec)['schema']));
    return resource.kind === instance.kind && resource.group === group;
  });
  const name = child.metadata.labels?.[DEFINITION_NAME_LABEL];
  return candidates.find((source) => source.metadata.name === name) ?? candidates[0];
}

/**
 * The instance's fields that a value in a composed object was made of. Values taken from other composed objects are
 * followed into their templates. undefined if the template does not set the field.
 */
export function traceField(definition: Definition, node: Node, { owner, path, span }: TraceInput): Trace | undefined {
  const found = walk(node.template, path);
  if (!found) return undefined;
  const programs = span && found.kind === 'text' ? programsAt(found.parts, span, owner) : [...programsIn(found)];
  const fields = new Set<string>();
  for (const program of programs)
    for (const field of fieldsOf(definition, node, program, new Set([node.id]))) fields.add(field);
  return { fields: [...fields] };
}

/** The part of a template that gives the value at a path: an expression that gives more than the value is the part. */
function walk(template: Template, path: readonly string[]): Template | undefined {
  let at: Template | undefined = template;
  for (const [index, name] of path.entries()) {
    if (at === undefined || at.kind === 'expression' || at.kind === 'text') return at;
    if (at.kind === 'literal') return hasPath(at.value, path.slice(index)) ? at : undefined;
    at = at.kind === 'object' ? at.fields.get(name) : at.items[Number(name)];
  }
  return at;
}

function hasPath(value: unknown, path: readonly string[]): boolean {
  let at = value;
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return false;
    at = (at as Record<string, unknown>)[name];
  }
  return true;
}

/** The expressions that gave the characters of a span. All of them, if their lengths cannot be told from the instance. */
function programsAt(
  parts: readonly (string | CelProgram)[],
  span: { start: number; end: number },
  instance: KubeObject,
): CelProgram[] {
  const all = parts.filter((part) => typeof part !== 'string');
  const hit: CelProgram[] = [];
  let start = 0;
  try {
    for (const part of parts) {
      const end = start + renderPart(part, { schema: instance }).length;
      const overlaps = start < span.end && end > span.start;
      if (overlaps && typeof part !== 'string') hit.push(part);
      start = end;
    }
  } catch (error) {
    // A part reads another composed object, or the instance has changed since: the whole string is as far as it goes.
    if (error instanceof CelError) return all;
    throw error;
  }
  return hit;
}

function fieldsOf(definition: Definition, at: Node, program: CelProgram, seen: ReadonlySet<string>): string[] {
  return program.references.flatMap(([variable = '', ...path]) => {
    if (variable === 'schema') return path.length > 0 ? [path.join('.')] : [];
    const list = at.forEach.find((dimension) => dimension.name === variable);
    if (list) return fieldsOf(definition, at, list.program, seen);
    const node = definition.nodes.get(variable);
    const found = node && !node.external && !seen.has(variable) ? walk(node.template, path) : undefined;
    if (!node || !found) return [];
    const inner = new Set(seen).add(variable);
    return [...programsIn(found)].flatMap((each) => fieldsOf(definition, node, each, inner));
  });
}
