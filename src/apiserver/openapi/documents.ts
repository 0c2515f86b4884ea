import { compareText } from '../../machinery/index.ts';
import type { ServedResource } from '../contracts.ts';
import { kubernetesVersion } from '../discovery.ts';
import { definitionsOf, referenceTo } from './definitions.ts';
import type { JsonSchema, OpenApiVersion } from './json-schema.ts';
import { type Operation, operationsOf, schemaName, tagOf } from './operations.ts';
import { QUERY, type QueryName } from './query-parameters.ts';

type Json = Record<string, unknown>;

const INFO = { title: 'Kubernetes', version: `${kubernetesVersion.major}.${kubernetesVersion.minor}` };

const BEARER_TOKEN = {
  type: 'apiKey',
  name: 'authorization',
  in: 'header',
  description: 'A bearer token: of a service account, of the token file, or of an identity provider.',
};

/** The OpenAPI v3 document of one group-version's resources. */
export function openApiV3(resources: readonly ServedResource[]): Json {
  return {
    openapi: '3.0.0',
    info: INFO,
    paths: pathsOf(resources, 'v3'),
    components: {
      schemas: Object.fromEntries(definitionsOf(resources, 'v3')),
      securitySchemes: {
        BearerToken: BEARER_TOKEN,
      },
    },
  };
}

/** The one OpenAPI v2 (Swagger) document of all resources. */
export function openApiV2(resources: readonly ServedResource[]): Json {
  return {
    swagger: '2.0',
    info: INFO,
    paths: pathsOf(resources, 'v2'),
    definitions: Object.fromEntries(definitionsOf(resources, 'v2')),
    securityDefinitions: { BearerToken: BEARER_TOKEN },
    security: [{ BearerToken: [] }],
  };
}

function pathsOf(resources: readonly ServedResource[], version: OpenApiVersion): Record<string, Json> {
  const operations = resources.flatMap((resource) =>
    operationsOf(resource).map((operation) => ({ operation, resource })),
  );
  const paths = [...Map.groupBy(operations, ({ operation }) => operation.path)].map(([path, all]): [string, Json] => {
    const shared = sharedQuery(all.map(({ operation }) => operation));
    const item: Json = { parameters: pathParameters(path, shared, version) };
    for (const { operation, resource } of all) {
      const own = operation.query.filter((name) => !shared.includes(name));
      const write = version === 'v2' ? operationV2 : operationV3;
      item[operation.method] = write(operation, own, resource);
    }
    return [path, item];
  });
  return Object.fromEntries(paths.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What every operation of a path takes is said once, of the path. */
function sharedQuery(operations: readonly Operation[]): QueryName[] {
  const [first] = operations;
  const shared = (first?.query ?? []).filter((name) => operations.every(({ query }) => query.includes(name)));
  const isConnection = operations.every(({ action }) => action === 'connect');
  return isConnection || shared.includes('pretty') ? shared : [...shared, 'pretty'];
}

/** A custom kind has names of its own; whatever else an operation names is built in. */
function reference(name: string, resource: ServedResource, version: OpenApiVersion): JsonSchema {
  const own = schemaName(resource);
  const custom = resource.custom && (name === own || name === `${own}List`);
  if (!custom) return referenceTo(name, version);
  return { $ref: `${version === 'v2' ? '#/definitions/' : '#/components/schemas/'}${name}` };
}

function common(operation: Operation): Json {
  return {
    description: `${operation.action} ${operation.kind.kind}`,
    operationId: operation.id,
    tags: [tagOf(tagged(operation))],
    'x-kubernetes-action': operation.action,
    'x-kubernetes-group-version-kind': operation.kind,
  };
}

/** The group-version that a path lies in: /api/VERSION/… or /apis/GROUP/VERSION/…. */
function tagged({ path }: Operation): { group: string; version: string } {
  const [, root, first = '', second = ''] = path.split('/');
  return root === 'api' ? { group: '', version: first } : { group: first, version: second };
}

const DESCRIPTIONS: Record<number, string> = { 200: 'OK', 201: 'Created', 202: 'Accepted' };
const UNAUTHORIZED = { 401: { description: 'Unauthorized' } };

/** The codes with which an operation may succeed. */
function codesOf({ action }: Operation): number[] {
  if (action === 'post') return [200, 201, 202];
  if (action === 'put' || action === 'patch') return [200, 201];
  return action === 'delete' ? [200, 202] : [200];
}

function operationV3(operation: Operation, query: readonly QueryName[], resource: ServedResource): Json {
  const { body, answer, produces, action } = operation;
  const content = (types: readonly string[], schema: JsonSchema) =>
    Object.fromEntries(types.map((type) => [type, { schema }]));
  const schema = answer ? reference(answer, resource, 'v3') : { type: 'string' };
  const responses = codesOf(operation).map((code) => [
    code,
    { description: DESCRIPTIONS[code], content: content(produces, schema) },
  ]);
  const required = action.startsWith('delete') ? {} : { required: true };
  return {
    ...common(operation),
    ...(query.length > 0 ? { parameters: query.map((name) => queryParameter(name, 'v3')) } : {}),
    ...(body
      ? { requestBody: { content: content(body.types, reference(body.schema, resource, 'v3')), ...required } }
      : {}),
    responses: { ...Object.fromEntries(responses), ...UNAUTHORIZED },
  };
}

function operationV2(operation: Operation, query: readonly QueryName[], resource: ServedResource): Json {
  const { body, answer, produces, action } = operation;
  const schema = answer ? reference(answer, resource, 'v2') : { type: 'string' };
  const required = action.startsWith('delete') ? {} : { required: true };
  const parameters = [
    ...(body ? [{ name: 'body', in: 'body', ...required, schema: reference(body.schema, resource, 'v2') }] : []),
    ...query.map((name) => queryParameter(name, 'v2')),
  ];
  const responses = codesOf(operation).map((code) => [code, { description: DESCRIPTIONS[code], schema }]);
  return {
    ...common(operation),
    consumes: body?.types ?? ['*/*'],
    produces,
    schemes: ['https'],
    ...(parameters.length > 0 ? { parameters } : {}),
    responses: { ...Object.fromEntries(responses), ...UNAUTHORIZED },
  };
}

function queryParameter(name: QueryName, version: OpenApiVersion): Json {
  const { type, description } = QUERY[name];
  const schema = { type, uniqueItems: true };
  return { name, in: 'query', description, ...(version === 'v2' ? schema : { schema }) };
}

const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  name: 'The name of the object.',
  namespace: 'The namespace of the object.',
  path: 'The path of the request to pass on.',
};

function pathParameters(path: string, query: readonly QueryName[], version: OpenApiVersion): Json[] {
  const schema = { type: 'string', uniqueItems: true };
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    ...{ name, in: 'path', required: true, description: PATH_PARAMETERS[name] },
    ...(version === 'v2' ? schema : { schema }),
  }));
  return [...named, ...query.map((name) => queryParameter(name, version))].sort((a, b) =>
    compareText(String(a['name']), String(b['name'])),
  );
}
