import { describe, expect, test } from 'vitest';
import type { Answer } from '../../https.testing.ts';
import { configMaps, create, DENY_ALL, inForce, namespace, patch, servePolicies, server } from './policies.testing.ts';

servePolicies();

describe('the parameters of a policy', () => {
  const validations = [
    { expression: 'int(object.data.size) <= int(params.data.max)', messageExpression: '"at most " + params.data.max' },
  ];
  const spec = {
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    validations,
    matchConditions: [{ name: 'sized', expression: '"size" in object.data' }],
  };
  const sized = (size: string): Promise<Answer> => create({ metadata: { generateName: 's-' }, data: { size } });

  test('by name, as they are at the moment', async () => {
    await create({ metadata: { name: 'limits' }, data: { max: '3' } });
    await inForce('validating', spec, { paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' } }, async () => {
      expect((await sized('3')).code).toBe(201);
      expect((await sized('4')).body.message).toMatch(/denied request: at most 3$/);
      await patch(`${configMaps()}/limits`, { data: { max: '5' } });
      expect((await sized('4')).code).toBe(201);
    });
  });

  test('by labels: every one of them counts', async () => {
    for (const max of ['3', '5']) {
      await create({ metadata: { name: `limits-${max}`, labels: { limits: 'yes' } }, data: { max } });
    }
    const paramRef = { selector: { matchLabels: { limits: 'yes' } }, parameterNotFoundAction: 'Deny' };
    await inForce('validating', spec, { paramRef }, async () => {
      expect((await sized('3')).code).toBe(201);
      expect((await sized('4')).body.message).toMatch(/denied request: at most 3$/);
    });
  });

  test.each([
    [
      { apiVersion: 'v1', kind: 'ConfigMap' },
      "with binding 'NAME' denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction",
    ],
    [
      { apiVersion: 'x.y/v1', kind: 'Foo' },
      "denied request: failed to configure policy: failed to find resource referenced by paramKind: 'x.y/v1, Kind=Foo'",
    ],
  ])('of kind %j that are not there', async (paramKind, why) => {
    const paramRef = { name: 'nope', parameterNotFoundAction: 'Deny' };
    await inForce('validating', { paramKind, ...DENY_ALL }, { paramRef }, async (name) => {
      const text = `ValidatingAdmissionPolicy '${name}' ${why.replace('NAME', name)}`;
      expect((await create()).body.message).toBe(`configmaps "one" is forbidden: ${text}`);
    });
  });

  test('may be custom resources', async () => {
    const metadata = { name: `limits.${namespace}.example.com` };
    const names = { plural: 'limits', kind: 'Limit' };
    const schema = { openAPIV3Schema: { type: 'object', properties: { max: { type: 'integer' } } } };
    const crd = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata,
      spec: {
        group: `${namespace}.example.com`,
        scope: 'Cluster',
        names,
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    };
    const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    await server.send('POST', crds, { body: crd });
    const apiVersion = `${namespace}.example.com/v1`;
    const limit = { apiVersion, kind: 'Limit', metadata: { name: 'main' }, max: 1 };
    await expect
      .poll(async () => (await server.send('POST', `/apis/${apiVersion}/limits`, { body: limit })).code)
      .toBe(201);
    const custom = {
      paramKind: { apiVersion, kind: 'Limit' },
      validations: [
        { expression: 'size(object.data) <= params.max', messageExpression: '"at most " + string(params.max)' },
      ],
    };
    await inForce('validating', custom, { paramRef: { name: 'main', parameterNotFoundAction: 'Deny' } }, async () => {
      expect((await create()).code).toBe(201);
      expect((await create({ metadata: { name: 'two' }, data: { a: '1', b: '2' } })).body.message).toMatch(
        /at most 1$/,
      );
    });
    await server.send('DELETE', `${crds}/${metadata.name}`);
  });
});
