import { describe, expect, it } from 'vitest';
import { builtins, cronTabs } from '../served.testing.ts';
import { createOpenApi } from './openapi.ts';

type Json = Record<string, unknown>;

const PROTOBUF = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

function served() {
  const openApi = createOpenApi();
  openApi.update([...builtins, cronTabs()]);
  const get = (path: string): Json => {
    const document = openApi.reply(path, 'application/json');
    if (!document) throw new Error(`nothing at ${path}`);
    return JSON.parse(new TextDecoder().decode(document.body)) as Json;
  };
  return { openApi, get };
}

/** The value at a path of keys. */
function at(value: unknown, ...keys: (string | number)[]): unknown {
  return keys.reduce<unknown>((inner, key) => (inner as Json | undefined)?.[key], value);
}

/** Every $ref in a document. */
function refs(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    return key === '$ref' && typeof inner === 'string' ? [inner] : refs(inner);
  });
}

const POD = 'io.k8s.api.core.v1.Pod';

describe('OpenAPI v3', () => {
  const { openApi, get } = served();
  const paths = get('/openapi/v3')['paths'] as Record<string, { serverRelativeURL: string }>;

  it('has an index with a hash for each group-version', () => {
    expect(paths['apis/apps/v1']?.serverRelativeURL).toMatch(/^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9a-f]{32}$/);
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(['api/v1', 'apis/stable.example.com/v1']));
  });

  it.each(Object.keys(paths))('%s defines all that it refers to', (name) => {
    const document = get(`/openapi/v3/${name}`);
    const schemas = at(document, 'components', 'schemas') as Json;
    const prefix = '#/components/schemas/';
    for (const ref of refs(document)) expect(schemas).toHaveProperty([ref.slice(prefix.length)]);
    const ids = Object.values(document['paths'] as Json).flatMap((path) =>
      Object.values(path as Json).flatMap((operation) => (operation as Json)['operationId'] ?? []),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('tells clients how lists merge', () => {
    const schemas = at(get('/openapi/v3/apis/apps/v1'), 'components', 'schemas');
    expect(at(schemas, 'io.k8s.api.core.v1.PodSpec', 'properties', 'containers')).toMatchObject({
      type: 'array',
      items: { default: {}, allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.Container' }] },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-patch-strategy': 'merge',
    });
    expect(at(schemas, 'io.k8s.api.apps.v1.DeploymentSpec', 'properties', 'strategy')).toMatchObject({
      allOf: [{ $ref: '#/components/schemas/io.k8s.api.apps.v1.DeploymentStrategy' }],
      'x-kubernetes-patch-strategy': 'retainKeys',
    });
    expect(at(schemas, 'io.k8s.api.apps.v1.Deployment', 'x-kubernetes-group-version-kind')).toEqual([
      { group: 'apps', version: 'v1', kind: 'Deployment' },
    ]);
  });

  it('tells clients what values a field takes, and which value it has when nobody sets it', () => {
    const schemas = at(get('/openapi/v3/api/v1'), 'components', 'schemas');
    expect(at(schemas, 'io.k8s.api.core.v1.ServicePort', 'properties', 'protocol')).toMatchObject({
      enum: ['SCTP', 'TCP', 'UDP'],
      default: 'TCP',
    });
    expect(at(schemas, POD, 'properties', 'spec', 'default')).toEqual({});
    expect(at(schemas, 'io.k8s.api.core.v1.Container', 'properties', 'name', 'default')).toBe('');
    expect(at(schemas, 'io.k8s.api.core.v1.SeccompProfile', 'x-kubernetes-unions')).toEqual([
      { discriminator: 'type', 'fields-to-discriminateBy': { localhostProfile: 'LocalhostProfile' } },
    ]);
    const everywhere = at(schemas, 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions');
    expect(at(everywhere, 'x-kubernetes-group-version-kind')).toHaveLength(62);
  });

  it('tells clients what a PATCH takes', () => {
    const deployment = '/apis/apps/v1/namespaces/{namespace}/deployments/{name}';
    const patch = at(get('/openapi/v3/apis/apps/v1'), 'paths', deployment, 'patch');
    const names = (at(patch, 'parameters') as Json[]).map((parameter) => parameter['name']);
    expect(names).toEqual(expect.arrayContaining(['fieldValidation', 'dryRun', 'fieldManager', 'force']));
    expect(at(patch, 'requestBody', 'content')).toHaveProperty(['application/strategic-merge-patch+json']);
    expect(at(patch, 'x-kubernetes-group-version-kind')).toEqual({ group: 'apps', version: 'v1', kind: 'Deployment' });
    const crontab = '/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}';
    const custom = at(
      get('/openapi/v3/apis/stable.example.com/v1'),
      'paths',
      crontab,
      'patch',
      'requestBody',
      'content',
    );
    expect(custom).not.toHaveProperty(['application/strategic-merge-patch+json']);
    expect(custom).toHaveProperty(['application/apply-patch+yaml']);
  });

  it('carries a CRD’s schema as it is', () => {
    const schemas = at(get('/openapi/v3/apis/stable.example.com/v1'), 'components', 'schemas');
    const crontab = at(schemas, 'com.example.stable.v1.CronTab');
    expect(at(crontab, 'properties', 'spec', 'properties')).toMatchObject({
      replicas: { type: 'integer', minimum: 1, default: 1 },
      note: { type: 'string', nullable: true },
      port: { 'x-kubernetes-int-or-string': true },
    });
    expect(at(crontab, 'properties', 'spec'), 'a description is for its author to write').not.toHaveProperty(
      'description',
    );
    expect(at(crontab, 'properties', 'metadata', 'allOf')).toEqual([
      { $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' },
    ]);
    expect(schemas).toHaveProperty(['com.example.stable.v1.CronTabList']);
  });

  it('keeps documents until their resources change', () => {
    const apps = openApi.reply('/openapi/v3/apis/apps/v1', undefined);
    openApi.update([...builtins]);
    expect(openApi.reply('/openapi/v3/apis/apps/v1', undefined)).toBe(apps);
    expect(openApi.reply('/openapi/v3/apis/stable.example.com/v1', undefined)).toBeUndefined();
    const changed = { ...cronTabs(), schema: { type: 'object' as const } };
    openApi.update([...builtins, cronTabs()]);
    const before = openApi.reply('/openapi/v3', undefined)?.etag;
    openApi.update([...builtins, changed]);
    expect(openApi.reply('/openapi/v3', undefined)?.etag).not.toBe(before);
  });
});

describe('OpenAPI v2', () => {
  const { openApi, get } = served();
  const document = get('/openapi/v2');

  it('defines all that it refers to', () => {
    const definitions = document['definitions'] as Json;
    for (const ref of refs(document)) expect(definitions).toHaveProperty([ref.slice('#/definitions/'.length)]);
    expect(at(definitions, POD, 'x-kubernetes-group-version-kind')).toEqual([
      { group: '', version: 'v1', kind: 'Pod' },
    ]);
  });

  it('says nothing about what version 2 cannot say', () => {
    const spec = at(document, 'definitions', 'com.example.stable.v1.CronTab', 'properties', 'spec', 'properties');
    expect(spec).toMatchObject({
      cronSpec: { type: 'string', pattern: '^.+$' },
      replicas: { type: 'integer', minimum: 1 },
      port: { 'x-kubernetes-int-or-string': true },
      note: {},
    });
    for (const field of ['port', 'note', 'free']) expect(at(spec, field)).not.toHaveProperty('type');
    expect(at(spec, 'replicas')).not.toHaveProperty('default');
    expect(at(spec, 'port')).not.toHaveProperty('anyOf');
  });

  it('comes as protobuf to those who ask for it, under a name that is a media type', () => {
    const protobuf = openApi.reply('/openapi/v2', PROTOBUF);
    expect(protobuf?.contentType).toBe('application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
    const message = fieldsOf(protobuf?.body ?? new Uint8Array());
    expect(text(message.get(1)?.[0])).toBe('2.0');
    const named = (bytes: Uint8Array | undefined, number: number) =>
      (fieldsOf(bytes).get(number) ?? []).map((entry) => text(fieldsOf(entry).get(1)?.[0]));
    expect(named(message.get(9)?.[0], 1)).toEqual(Object.keys(document['definitions'] as Json));
    expect(named(message.get(8)?.[0], 2)).toEqual(Object.keys(document['paths'] as Json));
  });

  it('writes references, types and extensions of a schema as gnostic does', () => {
    const definitions = fieldsOf(fieldsOf(openApi.reply('/openapi/v2', PROTOBUF)?.body).get(9)?.[0]).get(1) ?? [];
    const pod = definitions.find((entry) => text(fieldsOf(entry).get(1)?.[0]) === POD);
    const schema = fieldsOf(fieldsOf(pod).get(2)?.[0]);
    expect(text(fieldsOf(schema.get(22)?.[0]).get(1)?.[0])).toBe('object');
    const extension = fieldsOf(schema.get(31)?.[0]);
    expect(text(extension.get(1)?.[0])).toBe('x-kubernetes-group-version-kind');
    expect(JSON.parse(text(fieldsOf(extension.get(2)?.[0]).get(2)?.[0]))).toEqual([
      { group: '', version: 'v1', kind: 'Pod' },
    ]);
    const properties = fieldsOf(schema.get(25)?.[0]).get(1) ?? [];
    const spec = properties.find((entry) => text(fieldsOf(entry).get(1)?.[0]) === 'spec');
    expect(text(fieldsOf(fieldsOf(spec).get(2)?.[0]).get(1)?.[0])).toBe('#/definitions/io.k8s.api.core.v1.PodSpec');
  });
});

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

/** The length-delimited fields of a protobuf message by number. */
function fieldsOf(bytes: Uint8Array = new Uint8Array()): Map<number, Uint8Array[]> {
  const fields = new Map<number, Uint8Array[]>();
  let index = 0;
  const varint = (): number => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = bytes[index++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 128) return value;
    }
  };
  while (index < bytes.length) {
    const tag = varint();
    if (tag % 8 !== 2) {
      if (tag % 8 === 0) varint();
      else index += 8;
      continue;
    }
    const length = varint();
    const number = Math.floor(tag / 8);
    fields.set(number, [...(fields.get(number) ?? []), bytes.subarray(index, index + length)]);
    index += length;
  }
  return fields;
}
