import { describe, expect, it } from 'vitest';
import { apiVersionOfResource } from '../resource.ts';
import type { Schema } from '../schema.ts';
import { builtinResources, resourceOf } from './builtin-resources.ts';
import { convertEvent, storageGroup } from './events.ts';
import { qualifiedTypeName } from './facts.ts';
import { builtinSchema, builtinSchemaByName, builtinTypeName } from './schema-graph.ts';

function at(schema: Schema | undefined, ...path: string[]): Schema {
  let current = schema;
  for (const step of path) current = step === '[]' ? current?.items : current?.properties?.[step];
  if (!current) throw new Error(`no schema at ${path.join('.')}`);
  return current;
}

describe('builtinSchema', () => {
  const deployment = builtinSchema('apps/v1', 'Deployment');

  it('describes how lists merge', () => {
    const ports = at(deployment, 'spec', 'template', 'spec', 'containers', '[]', 'ports');
    expect(ports).toMatchObject({
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': 'containerPort',
    });
    expect(at(ports, '[]', 'protocol')).toEqual({ type: 'string', default: 'TCP' });
  });

  it('says which objects are replaced as a whole', () => {
    expect(at(deployment, 'spec', 'selector')['x-kubernetes-map-type']).toBe('atomic');
    expect(at(builtinSchema('v1', 'Service'), 'spec', 'selector')['x-kubernetes-map-type']).toBe('atomic');
  });

  it('keeps what a field says apart from the type that it refers to', () => {
    const strategy = at(deployment, 'spec', 'strategy');
    expect(strategy['x-kubernetes-patch-strategy']).toBe('retainKeys');
    expect(builtinTypeName(strategy)).toBe('apps.v1.DeploymentStrategy');
    expect(builtinSchemaByName('apps.v1.DeploymentStrategy')).not.toHaveProperty('x-kubernetes-patch-strategy');
    expect(strategy.properties).toBe(builtinSchemaByName('apps.v1.DeploymentStrategy')?.properties);
  });

  it('is one graph, also where it is recursive', () => {
    const props = builtinSchemaByName('apiextensions.v1.JSONSchemaProps');
    expect(at(props, 'properties').additionalProperties).toBe(props);
    expect(builtinSchema('apps/v1', 'Deployment')).toBe(deployment);
  });

  it('has no properties that come from Object.prototype', () => {
    expect(deployment?.properties?.['constructor']).toBeUndefined();
    expect(deployment?.properties?.['hasOwnProperty']).toBeUndefined();
  });

  it('knows the types that are not what their struct says', () => {
    const container = at(builtinSchema('v1', 'Pod'), 'spec', 'containers', '[]');
    expect(at(container, 'resources', 'limits').additionalProperties).toMatchObject({ format: 'quantity' });
    expect(at(container, 'livenessProbe', 'httpGet', 'port')).toMatchObject({ 'x-kubernetes-int-or-string': true });
    expect(at(builtinSchema('v1', 'Secret'), 'data').additionalProperties).toEqual({ type: 'string', format: 'byte' });
  });

  it('does not know other kinds', () => {
    expect(builtinSchema('apps/v1', 'Nonsense')).toBeUndefined();
    expect(builtinSchema('constructor', '')).toBeUndefined();
  });
});

describe('builtinResources', () => {
  it('have a schema each, with a spec and status where they have the subresource', () => {
    for (const resource of builtinResources) {
      const schema = builtinSchema(apiVersionOfResource(resource), resource.kind);
      expect(schema?.properties, resource.resource).toHaveProperty('metadata');
      if (resource.subresources.some(({ name }) => name === 'status')) {
        expect(schema?.properties, resource.resource).toHaveProperty('status');
      }
    }
  });

  it('are found by kind', () => {
    expect(resourceOf('apps/v1', 'Deployment')).toMatchObject({ group: 'apps', resource: 'deployments' });
    expect(() => resourceOf('apps/v1', 'Statefulset')).toThrow('no built-in resource serves Statefulset of apps/v1');
  });
});

describe('qualifiedTypeName', () => {
  it('gives the name in OpenAPI documents', () => {
    expect(qualifiedTypeName('core.v1.Pod')).toBe('io.k8s.api.core.v1.Pod');
    expect(qualifiedTypeName('meta.v1.ObjectMeta')).toBe('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');
    expect(qualifiedTypeName('api.resource.Quantity')).toBe('io.k8s.apimachinery.pkg.api.resource.Quantity');
    expect(qualifiedTypeName('util.intstr.IntOrString')).toBe('io.k8s.apimachinery.pkg.util.intstr.IntOrString');
    expect(qualifiedTypeName('apiextensions.v1.JSON')).toBe(
      'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON',
    );
  });
});

describe('convertEvent', () => {
  const core = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e', namespace: 'a' },
    involvedObject: { kind: 'Pod', name: 'p' },
    message: 'Started',
    count: 2,
    type: 'Normal',
  };

  it('renames fields to the other group and back', () => {
    const event = convertEvent(core, 'events.k8s.io/v1');
    expect(event).toMatchObject({ regarding: { name: 'p' }, note: 'Started', deprecatedCount: 2, type: 'Normal' });
    expect(event).not.toHaveProperty('message');
    expect(convertEvent(event, 'v1')).toEqual(core);
  });

  it('stores both under the core group', () => {
    expect(storageGroup({ group: 'events.k8s.io', resource: 'events' })).toBe('');
    expect(storageGroup({ group: 'apps', resource: 'deployments' })).toBe('apps');
  });
});
