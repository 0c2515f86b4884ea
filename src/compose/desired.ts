import {
  CelError,
  CelMissingError,
  celOmitted,
  type Fields,
  type KubeObject,
  keyOf,
  ownerReferenceTo,
  type Resource,
} from '../machinery/index.ts';
import { type Definition, type Node, objectAt } from './definition.ts';
import { combinations } from './for-each.ts';
import { DEFINITION_ID_LABEL, DEFINITION_NAME_LABEL, INSTANCE_ID_LABEL, NODE_LABEL, OWNED_LABEL } from './names.ts';
import { render } from './template.ts';

/** What is to be done about a node now. */
export type Plan =
  /** One object, or any number of them for a node with forEach. */
  | { kind: 'apply'; objects: readonly KubeObject[]; resource: Resource }
  /** An object that exists already, or all that a selector finds. */
  | { kind: 'read'; resource: Resource; namespace: string | undefined; name?: string; selector?: Fields }
  | { kind: 'excluded'; message: string }
  | { kind: 'waiting'; message: string }
  | { kind: 'error'; message: string };

/** The live object of a node; a list for a node with forEach or a selector. */
export type Live = KubeObject | readonly KubeObject[];

/** What the nodes before this one have come to. */
export interface Progress {
  instance: KubeObject;
  /** What expressions read: the live objects of the nodes, by id. */
  live: ReadonlyMap<string, Live>;
  /** Ids of nodes that are there and ready. */
  ready: ReadonlySet<string>;
  excluded: ReadonlySet<string>;
}

/** Decides what to do about a node: exclude it, wait, or apply the object that its template gives. */
export function planNode(node: Node, definition: Definition, progress: Progress, resource: Resource | undefined): Plan {
  for (const id of node.dependencies) {
    if (progress.excluded.has(id)) return { kind: 'excluded', message: `it depends on ${id}, which is not included` };
  }
  const blocking = [...node.dependencies].find((id) => !progress.ready.has(id));
  if (blocking !== undefined) return { kind: 'waiting', message: `blocked by ${blocking}, which is not ready` };
  const variables = variablesOf(node.dependencies, progress);
  try {
    const condition = node.includeWhen.find((program) => !isTrue(program.evaluate(variables), program.source));
    if (condition) return { kind: 'excluded', message: `${condition.source} is false` };
    if (!resource) {
      return { kind: 'waiting', message: `kind ${node.kind} of ${node.apiVersion} is not installed yet` };
    }
    if (node.external) return planRead(node, progress.instance, resource, variables);
    return {
      kind: 'apply',
      objects: renderObjects(node, definition, progress.instance, resource, variables),
      resource,
    };
  } catch (error) {
    return planOfError(error);
  }
}

/** The variables of an expression: `schema` is the instance, every dependency its live object. */
export function variablesOf(ids: Iterable<string>, { instance, live }: Pick<Progress, 'instance' | 'live'>): Fields {
  const variables: Fields = { schema: instance };
  for (const id of ids) {
    const object = live.get(id);
    if (object) variables[id] = object;
  }
  return variables;
}

/** True or false; anything else is an error, said with the expression. */
export function isTrue(value: unknown, expression: string): boolean {
  if (typeof value === 'boolean') return value;
  throw new CelError(`expected true or false, found ${JSON.stringify(value)}`, { expression, position: 0 });
}

function planOfError(error: unknown): Plan {
  if (error instanceof CelMissingError) {
    const [variable, ...path] = error.path;
    // The instance is all there is of itself: a field that it does not have will not come by waiting.
    return variable === 'schema'
      ? { kind: 'error', message: `schema.${path.join('.')} is not set, and \${${error.expression}} needs it` }
      : { kind: 'waiting', message: `waiting for ${error.path.join('.')}` };
  }
  return { kind: 'error', message: error instanceof Error ? error.message : String(error) };
}

/** What an externalRef names: one object by name, or a list by selector. */
function planRead(node: Node, instance: KubeObject, resource: Resource, variables: Fields): Plan {
  const { name, namespace, selector } = objectAt(render(node.template, variables));
  if (selector !== undefined) {
    const within = typeof namespace === 'string' && namespace !== '' ? namespace : undefined;
    return { kind: 'read', resource, namespace: within, selector: objectAt(selector) };
  }
  if (typeof name !== 'string' || name === '')
    throw new Error(`metadata.name is ${JSON.stringify(name)}, expected a name`);
  const within = resource.namespaced ? String(namespace ?? instance.metadata.namespace ?? '') : undefined;
  return { kind: 'read', resource, namespace: within, name };
}

/** The objects of a node: one, or one for each combination of its forEach lists. */
function renderObjects(
  node: Node,
  definition: Definition,
  instance: KubeObject,
  resource: Resource,
  variables: Fields,
): KubeObject[] {
  if (node.forEach.length === 0) return [renderObject(node, definition, instance, resource, variables)];
  const objects = combinations(node.forEach, variables).map((copy, index) => {
    const object = renderObject(node, definition, instance, resource, copy);
    const labels = { ...object.metadata.labels, 'kro.run/collection-index': String(index) };
    return { ...object, metadata: { ...object.metadata, labels } };
  });
  const seen = new Set<string>();
  for (const object of objects) {
    const key = keyOf(object);
    if (seen.has(key)) throw new Error(`forEach makes two resources called ${key}: use its variables in metadata.name`);
    seen.add(key);
  }
  return objects;
}

function renderObject(
  node: Node,
  definition: Definition,
  instance: KubeObject,
  resource: Resource,
  variables: Fields,
): KubeObject {
  const rendered = render(node.template, variables);
  if (rendered === celOmitted || typeof rendered !== 'object' || rendered === null) {
    throw new Error('the template gives no object');
  }
  const manifest = rendered as Fields;
  const metadata = objectAt(manifest['metadata']);
  const name = metadata['name'];
  if (typeof name !== 'string' || name === '') {
    throw new Error(`metadata.name is ${JSON.stringify(name)}, expected a name`);
  }
  const namespace = resource.namespaced
    ? String(metadata['namespace'] ?? instance.metadata.namespace ?? '')
    : undefined;
  if (namespace === '') throw new Error('metadata.namespace is required: the instance is cluster-scoped');
  const { namespace: _, ...kept } = metadata;
  return {
    ...manifest,
    apiVersion: node.apiVersion,
    kind: node.kind,
    metadata: {
      ...kept,
      name,
      ...(namespace ? { namespace } : {}),
      labels: { ...objectAt(metadata['labels']), ...labelsOf(node.id, definition, instance) } as Record<string, string>,
      ...ownersOf(instance, namespace),
    },
  };
}

/** Owners are in the owned object's namespace or cluster-scoped; other objects are known by labels and inventory. */
function ownersOf(
  instance: KubeObject,
  namespace: string | undefined,
): Pick<KubeObject['metadata'], 'ownerReferences'> {
  const canOwn = instance.metadata.namespace === undefined || instance.metadata.namespace === namespace;
  return canOwn ? { ownerReferences: [ownerReferenceTo(instance)] } : {};
}

/** Upstream's labels of composed resources. A value that no label can hold is left out. */
function labelsOf(id: string, definition: Definition, instance: KubeObject): Record<string, string> {
  const { group, version, kind } = definition.resource;
  const labels: Record<string, string | undefined> = {
    'app.kubernetes.io/managed-by': 'kro',
    [OWNED_LABEL]: 'true',
    [NODE_LABEL]: id,
    [INSTANCE_ID_LABEL]: instance.metadata.uid,
    'kro.run/instance-name': instance.metadata.name,
    'kro.run/instance-namespace': instance.metadata.namespace,
    'kro.run/instance-group': group,
    'kro.run/instance-version': version,
    'kro.run/instance-kind': kind,
    [DEFINITION_ID_LABEL]: definition.source.metadata.uid,
    [DEFINITION_NAME_LABEL]: definition.source.metadata.name,
  };
  const valid = Object.entries(labels).filter(([, value]) => value !== undefined && value !== '' && value.length <= 63);
  return Object.fromEntries(valid) as Record<string, string>;
}
