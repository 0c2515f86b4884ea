import { apiVersionOfResource, type SubresourceInfo, typeOfKind, type Verb } from '../../machinery/index.ts';
import type { ServedResource } from '../contracts.ts';

/** One operation of the REST API, before it is written as OpenAPI v2 or v3. */
export interface Operation {
  readonly path: string;
  readonly method: 'get' | 'put' | 'post' | 'delete' | 'patch';
  /** x-kubernetes-action. */
  readonly action: string;
  readonly kind: GroupVersionKind;
  readonly id: string;
  readonly query: readonly QueryName[];
  /** The name of the schema of the body, with the media types that it may have. */
  readonly body?: { readonly schema: string; readonly types: readonly string[] };
  /** The name of the schema of the answer; absent where the answer is a stream or text. */
  readonly answer?: string;
}

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** The query parameters of the API, with their types. */
export const QUERY = {
  allowWatchBookmarks: 'boolean',
  continue: 'string',
  dryRun: 'string',
  fieldManager: 'string',
  fieldSelector: 'string',
  fieldValidation: 'string',
  force: 'boolean',
  gracePeriodSeconds: 'integer',
  labelSelector: 'string',
  limit: 'integer',
  orphanDependents: 'boolean',
  propagationPolicy: 'string',
  resourceVersion: 'string',
  resourceVersionMatch: 'string',
  sendInitialEvents: 'boolean',
  timeoutSeconds: 'integer',
  watch: 'boolean',
} as const;
export type QueryName = keyof typeof QUERY;

const LIST_QUERY: readonly QueryName[] = [
  'allowWatchBookmarks',
  'continue',
  'fieldSelector',
  'labelSelector',
  'limit',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
  'watch',
];
const WRITE_QUERY: readonly QueryName[] = ['dryRun', 'fieldManager', 'fieldValidation'];
const PATCH_QUERY: readonly QueryName[] = [...WRITE_QUERY, 'force'];
const DELETE_QUERY: readonly QueryName[] = ['dryRun', 'gracePeriodSeconds', 'orphanDependents', 'propagationPolicy'];
const BULK_DELETE_QUERY: readonly QueryName[] = [...DELETE_QUERY, 'fieldSelector', 'labelSelector'];

const BODY_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const CUSTOM_BODY_TYPES = ['application/json', 'application/yaml'];
const CUSTOM_PATCHES = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'];
const PATCHES = [...CUSTOM_PATCHES, 'application/strategic-merge-patch+json'];
const CONNECTED = new Set(['attach', 'exec', 'portforward', 'proxy']);

/** The schema name of a kind that a resource serves: a type of the built-in table, or 'com.example.v1.CronTab'. */
export function schemaName(resource: ServedResource): string {
  const builtIn = resource.custom ? undefined : typeOfKind(apiVersionOfResource(resource), resource.kind);
  return builtIn ?? customSchemaName(resource);
}

/** A custom kind's schema name: its group's labels in reverse, then version and kind, as kube-apiserver names it. */
export function customSchemaName({ group, version, kind }: GroupVersionKind): string {
  return `${group.split('.').reverse().join('.')}.${version}.${kind}`;
}

/** Every operation that a resource and its subresources offer. */
export function operationsOf(resource: ServedResource): Operation[] {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const everywhere = `${root}/${resource.resource}`;
  const collection = resource.namespaced ? `${root}/namespaces/{namespace}/${resource.resource}` : everywhere;
  const object = `${collection}/{name}`;
  return [
    ...collectionOperations(resource, everywhere, collection),
    ...objectOperations(resource, object),
    ...resource.subresources.flatMap((subresource) => subresourceOperations(resource, subresource, object)),
  ];
}

function collectionOperations(resource: ServedResource, everywhere: string, collection: string): Operation[] {
  const schema = schemaName(resource);
  const types = resource.custom ? CUSTOM_BODY_TYPES : BODY_TYPES;
  const kind = kindOf(resource);
  const list = { method: 'get', action: 'list', kind, query: LIST_QUERY, answer: `${schema}List` } as const;
  const id = (verb: string) => operationId(verb, resource, kind.kind);
  const operations: Operation[] = [];
  if (allows(resource, 'list')) {
    operations.push({ ...list, path: collection, id: id('list') });
    if (everywhere !== collection) operations.push({ ...list, path: everywhere, id: `${id('list')}ForAllNamespaces` });
  }
  if (allows(resource, 'create')) {
    const body = { schema, types };
    operations.push({
      ...{ path: collection, method: 'post', action: 'post', kind },
      ...{ id: id('create'), query: WRITE_QUERY, body, answer: schema },
    });
  }
  if (allows(resource, 'deletecollection')) {
    operations.push({
      ...{ path: collection, method: 'delete', action: 'deletecollection', kind },
      ...{ id: id('deleteCollection'), query: BULK_DELETE_QUERY, body: deleteBody(types), answer: 'meta.v1.Status' },
    });
  }
  return operations;
}

function objectOperations(resource: ServedResource, path: string): Operation[] {
  const schema = schemaName(resource);
  const types = resource.custom ? CUSTOM_BODY_TYPES : BODY_TYPES;
  const kind = kindOf(resource);
  const id = (verb: string) => operationId(verb, resource, kind.kind);
  const operations = readAndWrite(resource, path, kind, schema, resource.verbs, '');
  if (allows(resource, 'delete')) {
    operations.push({
      ...{ path, method: 'delete', action: 'delete', kind },
      ...{ id: id('delete'), query: DELETE_QUERY, body: deleteBody(types), answer: 'meta.v1.Status' },
    });
  }
  return operations;
}

/** GET, PUT and PATCH of an object or a subresource. */
function readAndWrite(
  resource: ServedResource,
  path: string,
  kind: GroupVersionKind,
  schema: string,
  verbs: readonly Verb[],
  suffix: string,
): Operation[] {
  const types = resource.custom ? CUSTOM_BODY_TYPES : BODY_TYPES;
  const patches = resource.custom ? CUSTOM_PATCHES : PATCHES;
  const id = (verb: string) => `${operationId(verb, resource, resource.kind)}${suffix}`;
  const common = { path, kind, answer: schema };
  const operations: Operation[] = [];
  if (verbs.includes('get')) operations.push({ ...common, method: 'get', action: 'get', id: id('read'), query: [] });
  if (verbs.includes('update')) {
    const body = { schema, types };
    operations.push({ ...common, method: 'put', action: 'put', id: id('replace'), query: WRITE_QUERY, body });
  }
  if (verbs.includes('patch')) {
    const body = { schema: 'meta.v1.Patch', types: patches };
    operations.push({ ...common, method: 'patch', action: 'patch', id: id('patch'), query: PATCH_QUERY, body });
  }
  return operations;
}

function subresourceOperations(resource: ServedResource, subresource: SubresourceInfo, object: string): Operation[] {
  const path = `${object}/${subresource.name}`;
  const kind: GroupVersionKind = {
    group: subresource.group ?? resource.group,
    version: subresource.version ?? resource.version,
    kind: subresource.kind ?? resource.kind,
  };
  const suffix = subresource.name.charAt(0).toUpperCase() + subresource.name.slice(1);
  if (CONNECTED.has(subresource.name)) {
    const id = `${operationId('connect', resource, resource.kind)}${suffix}`;
    return (['get', 'post'] as const).map((method) => ({
      ...{ path, method, action: 'connect', kind, query: [] },
      id: `${id}${method}`,
    }));
  }
  if (subresource.name === 'log') {
    return [{ path, method: 'get', action: 'get', kind, id: `${operationId('read', resource, 'PodLog')}`, query: [] }];
  }
  const schema = subresource.kind
    ? (typeOfKind(kind.group === '' ? kind.version : `${kind.group}/${kind.version}`, kind.kind) ??
      schemaName(resource))
    : schemaName(resource);
  const operations = readAndWrite(resource, path, kind, schema, subresource.verbs, suffix);
  if (subresource.verbs.includes('create')) {
    const id = `${operationId('create', resource, resource.kind)}${suffix}`;
    const body = { schema, types: BODY_TYPES };
    operations.push({ path, method: 'post', action: 'post', kind, id, query: WRITE_QUERY, body, answer: schema });
  }
  return operations;
}

function allows(resource: ServedResource, verb: Verb): boolean {
  return resource.verbs.includes(verb);
}

function kindOf({ group, version, kind }: ServedResource): GroupVersionKind {
  return { group, version, kind };
}

function deleteBody(types: readonly string[]): { schema: string; types: readonly string[] } {
  return { schema: 'meta.v1.DeleteOptions', types };
}

/** 'patchAppsV1NamespacedDeployment'. */
function operationId(verb: string, resource: ServedResource, noun: string): string {
  const group = resource.group === '' ? 'core' : (resource.group.replace(/\.k8s\.io$/, '') as string);
  const words = [...group.split(/[.-]/), resource.version].map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `${verb}${words.join('')}${resource.namespaced ? 'Namespaced' : ''}${noun}`;
}
