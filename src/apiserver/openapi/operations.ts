import { apiVersionOfResource, type SubresourceInfo, typeOfKind, type Verb } from '../../machinery/index.ts';
import type { ServedResource } from '../contracts.ts';
import { RETURNS_DELETED } from '../rest/returns-deleted.ts';
import type { QueryName } from './query-parameters.ts';

/** One operation of the REST API, before it is written as OpenAPI v2 or v3. */
export interface Operation {
  readonly path: string;
  readonly method: 'get' | 'put' | 'post' | 'delete' | 'patch' | 'options' | 'head';
  /** x-kubernetes-action. */
  readonly action: string;
  readonly kind: GroupVersionKind;
  readonly id: string;
  readonly query: readonly QueryName[];
  /** The name of the schema of the body, with the media types that it may have. */
  readonly body?: { readonly schema: string; readonly types: readonly string[] };
  /** The name of the schema of the answer; absent where the answer is a stream or text. */
  readonly answer?: string;
  /** The media types of the answer. */
  readonly produces: readonly string[];
}

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

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
const DELETE_QUERY: readonly QueryName[] = [
  'dryRun',
  'gracePeriodSeconds',
  'ignoreStoreReadErrorWithClusterBreakingPotential',
  'orphanDependents',
  'propagationPolicy',
];
const BULK_DELETE_QUERY: readonly QueryName[] = [
  'continue',
  'fieldSelector',
  'labelSelector',
  'limit',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
  ...DELETE_QUERY,
];

const BODY_TYPES = ['*/*'];
const JSON_AND_YAML = ['application/json', 'application/yaml'];
const ANSWER_TYPES = ['application/json', 'application/vnd.kubernetes.protobuf', 'application/yaml'];
const LIST_TYPES = [
  'application/json',
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf',
  'application/vnd.kubernetes.protobuf;stream=watch',
  'application/yaml',
];
const ANY_METHOD = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const;
const CUSTOM_PATCHES = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'];
const PATCHES = [...CUSTOM_PATCHES, 'application/strategic-merge-patch+json'];
const REMOTE_COMMAND: readonly QueryName[] = ['container', 'stderr', 'stdin', 'stdout', 'tty'];
/** Subresources that are connections, with what their query may say. */
const CONNECTED: ReadonlyMap<string, readonly QueryName[]> = new Map([
  ['attach', REMOTE_COMMAND],
  ['exec', ['command', ...REMOTE_COMMAND]],
  ['portforward', ['ports']],
  ['proxy', ['path']],
] as const);
const LOG_QUERY: readonly QueryName[] = [
  'container',
  'follow',
  'insecureSkipTLSVerifyBackend',
  'limitBytes',
  'pretty',
  'previous',
  'sinceSeconds',
  'stream',
  'tailLines',
  'timestamps',
];

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
  const types = resource.custom ? JSON_AND_YAML : BODY_TYPES;
  const kind = kindOf(resource);
  const produces = resource.custom ? JSON_AND_YAML : ANSWER_TYPES;
  const list = {
    ...({ method: 'get', action: 'list', kind, query: LIST_QUERY, answer: `${schema}List` } as const),
    produces: resource.custom ? JSON_AND_YAML : LIST_TYPES,
  };
  const id = (verb: string) => operationId(verb, resource, kind.kind);
  const operations: Operation[] = [];
  if (allows(resource, 'list')) {
    operations.push({ ...list, path: collection, id: id('list') });
    if (everywhere !== collection) {
      const everyNamespace = operationId('list', { ...resource, namespaced: false }, kind.kind);
      operations.push({ ...list, path: everywhere, id: `${everyNamespace}ForAllNamespaces` });
    }
  }
  if (allows(resource, 'create')) {
    const body = { schema, types };
    operations.push({
      ...{ path: collection, method: 'post', action: 'post', kind },
      ...{ id: id('create'), query: WRITE_QUERY, body, answer: schema, produces },
    });
  }
  if (allows(resource, 'deletecollection')) {
    operations.push({
      ...{ path: collection, method: 'delete', action: 'deletecollection', kind },
      ...{
        id: operationId('delete', resource, kind.kind, 'Collection'),
        query: BULK_DELETE_QUERY,
        body: deleteBody(types),
        answer: 'meta.v1.Status',
        produces,
      },
    });
  }
  return operations;
}

function objectOperations(resource: ServedResource, path: string): Operation[] {
  const schema = schemaName(resource);
  const types = resource.custom ? JSON_AND_YAML : BODY_TYPES;
  const produces = resource.custom ? JSON_AND_YAML : ANSWER_TYPES;
  const kind = kindOf(resource);
  const id = (verb: string) => operationId(verb, resource, kind.kind);
  const operations = readAndWrite(resource, path, kind, schema, resource.verbs, '');
  if (allows(resource, 'delete')) {
    operations.push({
      ...{ path, method: 'delete', action: 'delete', kind },
      ...{ id: id('delete'), query: DELETE_QUERY, body: deleteBody(types), produces },
      answer: !resource.custom && RETURNS_DELETED.has(resource.kind) ? schema : 'meta.v1.Status',
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
  const types = resource.custom ? JSON_AND_YAML : BODY_TYPES;
  const patches = resource.custom ? CUSTOM_PATCHES : PATCHES;
  const id = (verb: string) => `${operationId(verb, resource, resource.kind)}${suffix}`;
  const common = { path, kind, answer: schema, produces: resource.custom ? JSON_AND_YAML : ANSWER_TYPES };
  const readQuery: readonly QueryName[] = resource.custom ? ['resourceVersion'] : [];
  const operations: Operation[] = [];
  if (verbs.includes('get'))
    operations.push({ ...common, method: 'get', action: 'get', id: id('read'), query: readQuery });
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
  const suffix = capitalized(subresource.name);
  const connected = CONNECTED.get(subresource.name);
  if (connected) return connections(resource, subresource, path, kind, connected);
  if (subresource.name === 'log') {
    const id = operationId('read', resource, 'PodLog');
    const produces = [...ANSWER_TYPES, 'text/plain'];
    return [{ path, method: 'get', action: 'get', kind, id, query: LOG_QUERY, produces }];
  }
  const schema = subresource.kind
    ? (typeOfKind(kind.group === '' ? kind.version : `${kind.group}/${kind.version}`, kind.kind) ??
      schemaName(resource))
    : schemaName(resource);
  const operations = readAndWrite(resource, path, kind, schema, subresource.verbs, suffix);
  if (subresource.verbs.includes('create')) {
    const id = `${operationId('create', resource, resource.kind)}${suffix}`;
    const body = { schema, types: BODY_TYPES };
    const produces = ANSWER_TYPES;
    operations.push({
      ...{ path, method: 'post', action: 'post', kind, id },
      ...{ query: WRITE_QUERY, body, answer: schema, produces },
    });
  }
  return operations;
}

/** A proxied request may have any method, and a path of its own. */
function connections(
  resource: ServedResource,
  { name }: SubresourceInfo,
  path: string,
  kind: GroupVersionKind,
  query: readonly QueryName[],
): Operation[] {
  const isProxy = name === 'proxy';
  const paths = isProxy ? [path, `${path}/{path}`] : [path];
  return paths.flatMap((at) =>
    (isProxy ? ANY_METHOD : (['get', 'post'] as const)).map((method): Operation => {
      const noun = `${resource.kind}${capitalized(name)}${at === path ? '' : 'WithPath'}`;
      const id = operationId('connect', resource, noun, capitalized(method));
      return { path: at, method, action: 'connect', kind, query, id, produces: ['*/*'] };
    }),
  );
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

/** 'patchAppsV1NamespacedDeployment'; `detail` comes behind the version: 'connectCoreV1GetNamespacedPodExec'. */
function operationId(verb: string, resource: ServedResource, noun: string, detail = ''): string {
  const words = [...groupWords(resource.group), resource.version].map(capitalized).join('');
  return `${verb}${words}${detail}${resource.namespaced ? 'Namespaced' : ''}${noun}`;
}

/** Under which heading documents put a group-version's operations: 'rbacAuthorization_v1'. */
export function tagOf({ group, version }: Pick<GroupVersionKind, 'group' | 'version'>): string {
  const [first = '', ...rest] = groupWords(group);
  return `${first}${rest.map(capitalized).join('')}_${version}`;
}

function groupWords(group: string): string[] {
  return group === '' ? ['core'] : group.replace(/\.k8s\.io$/, '').split(/[.-]/);
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
