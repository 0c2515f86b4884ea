import { stringify } from 'yaml';
import {
  apiVersionOfResource,
  builtinResources,
  builtinSchema,
  cloneJson,
  encodeProtobuf,
  isFields,
  protobufTypeOf,
  type Resource,
  resourcePath,
  type Schema,
} from '../../src/machinery/index.ts';
import type { Random } from './random.ts';
import { samplesOf } from './samples.ts';
import { disturb, hostileText, setOwn, valueLike } from './values.ts';

/** One HTTP request, as bytes where it matters. */
export interface FuzzRequest {
  method: string;
  /** With the query. Latin-1, and anything but line breaks and blanks. */
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

const NAMES = ['a', 'b', 'c', 'default', 'x.example.dev', 'widgets.example.dev'];
const NAMESPACE = 'fuzz';
const PATCHES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const ACCEPTS = [
  '*/*',
  'application/json',
  'application/yaml',
  'application/json;as=Table;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json',
  'application/vnd.kubernetes.protobuf,application/json',
  'application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io',
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'text/html;q=0.9,,;',
];
const QUERIES: readonly (readonly [string, readonly string[]])[] = [
  ['dryRun', ['All', 'None', '']],
  ['fieldManager', ['me', 'x'.repeat(200), '\u0001', '']],
  ['fieldValidation', ['Strict', 'Warn', 'Ignore', 'x']],
  ['force', ['true', 'false', '1', 'x']],
  ['labelSelector', ['a=b', 'a in (b,c),!d', 'a>5', '((((', `a in (${'b,'.repeat(500)}b)`, '=', ',', 'a notin ()']],
  [
    'fieldSelector',
    ['metadata.name=a', 'status.phase!=Running', 'spec.x=y', 'a\\', '=', 'metadata.name=a,metadata.namespace=b'],
  ],
  ['limit', ['1', '0', '-1', '1e3', '9'.repeat(30)]],
  ['continue', ['abc', '', 'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhIn0', '%00']],
  ['resourceVersion', ['0', '1', '', '-1', '99999999999', 'x', '1.5']],
  ['resourceVersionMatch', ['Exact', 'NotOlderThan', 'x']],
  ['timeoutSeconds', ['1', '0', '-1', 'x']],
  ['gracePeriodSeconds', ['0', '1', '-1', 'x']],
  ['propagationPolicy', ['Orphan', 'Foreground', 'Background', 'x']],
  ['includeObject', ['None', 'Metadata', 'Object', 'x']],
  ['sendInitialEvents', ['true', 'false']],
  ['allowWatchBookmarks', ['true']],
  ['pretty', ['true', 'false']],
];

/** The CRD whose objects are fuzzed too: every kind of schema that a custom resource can have. */
export const widgets = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.dev' },
  spec: {
    group: 'example.dev',
    scope: 'Namespaced',
    names: { kind: 'Widget', plural: 'widgets', shortNames: ['wd'], categories: ['all'] },
    versions: ['v1', 'v2'].map((name) => ({
      name,
      served: true,
      storage: name === 'v1',
      subresources: {
        status: {},
        scale: {
          specReplicasPath: '.spec.replicas',
          statusReplicasPath: '.status.replicas',
          labelSelectorPath: '.status.selector',
        },
      },
      additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.items[*].size' }],
      selectableFields: [{ jsonPath: '.spec.colour' }],
      schema: {
        openAPIV3Schema: {
          type: 'object',
          properties: {
            spec: {
              type: 'object',
              required: ['colour'],
              properties: {
                colour: { type: 'string', pattern: '^[a-z]*$', default: 'red', maxLength: 20 },
                replicas: { type: 'integer', minimum: 0, maximum: 100, nullable: true },
                port: { 'x-kubernetes-int-or-string': true },
                free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                labels: { type: 'object', additionalProperties: { type: 'string' }, maxProperties: 5 },
                tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set', maxItems: 10 },
                items: {
                  type: 'array',
                  'x-kubernetes-list-type': 'map',
                  'x-kubernetes-list-map-keys': ['name'],
                  maxItems: 10,
                  items: {
                    type: 'object',
                    required: ['name'],
                    properties: { name: { type: 'string', maxLength: 10 }, size: { type: 'integer' } },
                  },
                },
              },
              'x-kubernetes-validations': [
                { rule: "self.colour != 'black'", messageExpression: "'not ' + self.colour" },
                { rule: 'oldSelf.colour == self.colour || self.colour.startsWith("r")' },
              ],
            },
            status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          },
        },
      },
    })),
  },
};

interface Target {
  resource: Resource;
  apiVersion: string;
  schema: Schema;
  subresources: readonly string[];
  builtin: boolean;
}

const custom: Target[] = widgets.spec.versions.map(({ name, schema }) => ({
  resource: { group: 'example.dev', version: name, resource: 'widgets', kind: 'Widget', namespaced: true },
  apiVersion: `example.dev/${name}`,
  schema: { ...(schema.openAPIV3Schema as unknown as Schema) },
  subresources: ['status', 'scale'],
  builtin: false,
}));

const targets: readonly Target[] = [
  ...builtinResources.map((info) => ({
    resource: info,
    apiVersion: apiVersionOfResource(info),
    schema: builtinSchema(apiVersionOfResource(info), info.kind) ?? {},
    // These wait for a program on a node.
    subresources: info.subresources
      .map(({ name }) => name)
      .filter((name) => !/^(exec|attach|portforward|log|proxy)$/.test(name)),
    builtin: true,
  })),
  ...custom,
];

/** The next request of a run: mostly one that means something, on objects that other requests of the run made. */
export function nextRequest(random: Random): FuzzRequest {
  const target = random.pick(targets);
  const path = pathOf(target, random);
  const method = random.pick(['POST', 'POST', 'POST', 'PUT', 'PATCH', 'PATCH', 'PATCH', 'GET', 'GET', 'DELETE']);
  const request: FuzzRequest = { method, path, headers: { accept: random.pick(ACCEPTS) }, body: Buffer.alloc(0) };
  if (method === 'POST') request.path = random.chance(0.9) ? collectionOf(target) : path;
  if (method === 'POST' || method === 'PUT')
    Object.assign(request, encoded(objectOf(target, random), target, random, request));
  if (method === 'PATCH') Object.assign(request, patchOf(target, random, request));
  if (method === 'DELETE' && random.chance(0.5)) Object.assign(request, deleteOptions(random, request));
  request.path += queryOf(method, random);
  // A watch whose limit in time is broken would stay.
  return random.chance(0.15) && !request.path.includes('watch=') ? broken(request, random) : request;
}

function collectionOf({ resource }: Target): string {
  return resourcePath(resource, resource.namespaced ? { namespace: NAMESPACE } : {});
}

function pathOf(target: Target, random: Random): string {
  if (random.chance(0.02))
    return random.pick([
      '/',
      '/apis',
      '/api/v1',
      '/openapi/v2',
      '/openapi/v3/api/v1',
      '/version',
      '/metrics',
      '/readyz?verbose',
    ]);
  const name = random.chance(0.1) ? '' : `/${random.pick(NAMES)}`;
  const subresource =
    name && random.chance(0.2) && target.subresources.length > 0 ? `/${random.pick(target.subresources)}` : '';
  return `${collectionOf(target)}${name}${subresource}`;
}

function objectOf(target: Target, random: Random): object {
  const samples = samplesOf(target.apiVersion, target.resource.kind);
  if (samples.length === 0 || random.chance(0.3)) return grown(target, random);
  let object: unknown = cloneJson(random.pick(samples));
  for (let changes = random.number(3); changes > 0; changes--) object = disturb(object, random);
  return isFields(object) ? object : {};
}

/** An object that has grown from its schema alone. */
function grown(target: Target, random: Random): object {
  const value = valueLike(target.schema, random);
  const object = isFields(value) ? value : {};
  setOwn(object, 'apiVersion', target.apiVersion);
  setOwn(object, 'kind', target.resource.kind);
  const metadata = isFields(object['metadata']) && random.chance(0.3) ? object['metadata'] : {};
  delete metadata['managedFields'];
  delete metadata['deletionTimestamp'];
  if (random.chance(0.95)) setOwn(metadata, 'name', random.pick(NAMES));
  if (target.resource.namespaced && random.chance(0.5)) setOwn(metadata, 'namespace', NAMESPACE);
  setOwn(object, 'metadata', metadata);
  return object;
}

type Content = Pick<FuzzRequest, 'headers' | 'body'>;

function encoded(object: unknown, target: Target, random: Random, { headers }: FuzzRequest): Content {
  const protobuf = target.builtin ? protobufTypeOf(target.apiVersion, target.resource.kind) : undefined;
  if (protobuf && isFields(object) && random.chance(0.3)) {
    const body = encodedProtobuf(object, protobuf);
    if (body) return { headers: { ...headers, 'content-type': 'application/vnd.kubernetes.protobuf' }, body };
  }
  if (random.chance(0.2)) {
    return { headers: { ...headers, 'content-type': 'application/yaml' }, body: Buffer.from(stringify(object)) };
  }
  return {
    headers: { ...headers, 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(object) ?? ''),
  };
}

/** undefined for an object that protobuf cannot say: a text where a number belongs. */
function encodedProtobuf(object: object, type: string): Buffer | undefined {
  try {
    return encodeProtobuf(object, type);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function patchOf(target: Target, random: Random, request: FuzzRequest): Content {
  const type = random.pick(PATCHES);
  const headers = { ...request.headers, 'content-type': type };
  if (type !== 'application/json-patch+json') {
    const body = objectOf(target, random);
    if (random.chance(0.3)) setOwn(body, '$patch', random.pick(['delete', 'replace', 'merge', 'x', 1]));
    return { headers, body: Buffer.from(JSON.stringify(body)) };
  }
  const operations = Array.from({ length: random.number(4) }, () => ({
    op: random.pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'x']),
    path: pointer(random),
    from: pointer(random),
    value: disturb({ a: 1 }, random),
  }));
  return { headers, body: Buffer.from(JSON.stringify(operations)) };
}

function pointer(random: Random): string {
  const parts = [
    'metadata',
    'labels',
    'spec',
    'status',
    'a',
    '0',
    '-',
    '~1',
    '~',
    '',
    '__proto__',
    '99999999',
    'containers',
  ];
  return Array.from({ length: random.number(5) }, () => `/${random.pick(parts)}`).join('');
}

function deleteOptions(random: Random, { headers }: FuzzRequest): Content {
  const options = {
    apiVersion: random.pick(['v1', 'meta.k8s.io/v1', 'x']),
    kind: 'DeleteOptions',
    gracePeriodSeconds: random.pick([0, 1, -1, null, 'x', 2 ** 40]),
    propagationPolicy: random.pick(['Foreground', 'Background', 'Orphan', 'x', null]),
    preconditions: random.pick([undefined, {}, { uid: 'x' }, { resourceVersion: '1' }, 'x']),
  };
  return { headers: { ...headers, 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(options)) };
}

function queryOf(method: string, random: Random): string {
  const parts: string[] = [];
  while (random.chance(0.35)) {
    const [name, values] = random.pick(QUERIES);
    const value = random.chance(0.1) ? hostileText(random) : random.pick(values);
    parts.push(`${name}=${escaped(value)}`);
  }
  // A watch would stay: it gets a second at most.
  if (method === 'GET' && random.chance(0.05)) parts.push('watch=true', 'timeoutSeconds=1');
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

/** Percent-escapes what a URL cannot hold; lone surrogates, which have no UTF-8, become a question mark. */
const escaped = (text: string): string => encodeURIComponent(text.toWellFormed().replaceAll('\ufffd', '?'));

const TOKENS = [
  '{', '}', '[', ']', '"', ':', ',', '&a ', '*a', '!!binary ', '!!js/function ', '<<: ', '---\n', '\t', '\\u0000', '\\ud800', '1e999', '-', 'null', '__proto__', '%', '\u0000', 'k8s\0', '\xff',
]; // biome-ignore format: a list of scraps

/** The request with some of its bytes wrong. */
function broken(request: FuzzRequest, random: Random): FuzzRequest {
  if (request.body.length === 0 || random.chance(0.2)) return { ...request, path: brokenPath(request.path, random) };
  if (random.chance(0.1)) {
    const type = random.pick([
      'application/json',
      'application/yaml',
      'application/vnd.kubernetes.protobuf',
      'text/plain',
      ';',
      ...PATCHES,
    ]);
    return { ...request, headers: { ...request.headers, 'content-type': type } };
  }
  let { body } = request;
  for (let rounds = 1 + random.number(3); rounds > 0; rounds--) body = brokenBytes(body, random);
  return { ...request, body };
}

function brokenBytes(body: Buffer, random: Random): Buffer {
  const at = random.number(body.length + 1);
  switch (random.number(5)) {
    case 0:
      return body.subarray(0, at);
    case 1: {
      const copy = Buffer.from(body);
      if (at < copy.length) copy[at] = random.number(256);
      return copy;
    }
    case 2:
      return Buffer.concat([body.subarray(0, at), Buffer.from(random.pick(TOKENS), 'latin1'), body.subarray(at)]);
    case 3: {
      const end = Math.min(body.length, at + random.number(40));
      return Buffer.concat([body.subarray(0, end), body.subarray(at)]);
    }
    default: {
      const scrap = Buffer.from(random.pick(TOKENS).repeat(1 + random.number(2000)), 'latin1');
      return Buffer.concat([body.subarray(0, at), scrap, body.subarray(at)]);
    }
  }
}

const PATH_SCRAPS = [
  '%',
  '%00',
  '%2f',
  '%2e%2e',
  '..',
  '.',
  '//',
  '%ff',
  '%c3%28',
  ';',
  '?',
  '#',
  '&',
  '=',
  'x'.repeat(3000),
  '%u0041',
  '\xe4',
];

function brokenPath(path: string, random: Random): string {
  const at = 1 + random.number(path.length);
  return `${path.slice(0, at)}${random.pick(PATH_SCRAPS)}${path.slice(at)}`;
}
