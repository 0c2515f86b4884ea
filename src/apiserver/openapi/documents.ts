import type { ServedResource } from '../contracts.ts';
import { kubernetesVersion } from '../discovery.ts';
import { definitionsOf, type JsonSchema, type OpenApiVersion, referenceTo } from './definitions.ts';
import { type Operation, operationsOf, QUERY, schemaName } from './operations.ts';

type Json = Record<string, unknown>;

const INFO = { title: 'Kubernetes', version: kubernetesVersion.gitVersion };
const ANSWER_TYPES = ['application/json', 'application/yaml'];

/** The OpenAPI v3 document of one group-version's resources. */
export function openApiV3(resources: readonly ServedResource[]): Json {
  return {
    openapi: '3.0.0',
    info: INFO,
    paths: pathsOf(resources, 'v3'),
    components: {
      schemas: Object.fromEntries(definitionsOf(resources, 'v3')),
      securitySchemes: {
        BearerToken: {
          type: 'apiKey',
          name: 'authorization',
          in: 'header',
          description: 'Bearer Token authentication',
        },
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
  };
}

function pathsOf(resources: readonly ServedResource[], version: OpenApiVersion): Record<string, Json> {
  const paths: Record<string, Json> = {};
  for (const resource of resources) {
    for (const operation of operationsOf(resource)) {
      const path = paths[operation.path] ?? { parameters: pathParameters(operation.path, version) };
      paths[operation.path] = path;
      path[operation.method] = version === 'v2' ? operationV2(operation, resource) : operationV3(operation, resource);
    }
  }
  return Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A custom kind has names of its own; whatever else an operation names is built in. */
function reference(name: string, resource: ServedResource, version: OpenApiVersion): JsonSchema {
  const own = schemaName(resource);
  const custom = resource.custom && (name === own || name === `${own}List`);
  if (!custom) return referenceTo(name, version);
  return { $ref: `${version === 'v2' ? '#/definitions/' : '#/components/schemas/'}${name}` };
}

function common(operation: Operation): Json {
  const { group, version } = operation.kind;
  return {
    description: `${operation.action} ${operation.kind.kind}`,
    operationId: operation.id,
    tags: [`${group === '' ? 'core' : group.replace(/\.k8s\.io$/, '')}_${version}`],
    'x-kubernetes-action': operation.action,
    'x-kubernetes-group-version-kind': operation.kind,
  };
}

function operationV3(operation: Operation, resource: ServedResource): Json {
  const { body, answer } = operation;
  const content = (types: readonly string[], name: string) =>
    Object.fromEntries(types.map((type) => [type, { schema: reference(name, resource, 'v3') }]));
  return {
    ...common(operation),
    parameters: operation.query.map((name) => ({
      ...{ name, in: 'query' },
      schema: { type: QUERY[name], uniqueItems: true },
    })),
    ...(body ? { requestBody: { content: content(body.types, body.schema) } } : {}),
    responses: {
      200: { description: 'OK', ...(answer ? { content: content(ANSWER_TYPES, answer) } : {}) },
    },
  };
}

function operationV2(operation: Operation, resource: ServedResource): Json {
  const { body, answer } = operation;
  const parameters: Json[] = operation.query.map((name) => ({
    ...{ name, in: 'query' },
    ...{ type: QUERY[name], uniqueItems: true },
  }));
  if (body) parameters.push({ name: 'body', in: 'body', schema: reference(body.schema, resource, 'v2') });
  return {
    ...common(operation),
    consumes: body?.types ?? ['*/*'],
    produces: ANSWER_TYPES,
    schemes: ['https'],
    parameters,
    responses: { 200: { description: 'OK', ...(answer ? { schema: reference(answer, resource, 'v2') } : {}) } },
  };
}

function pathParameters(path: string, version: OpenApiVersion): Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    ...{ name, in: 'path', required: true },
    ...(version === 'v2' ? { type: 'string' } : { schema: { type: 'string' } }),
  }));
}
