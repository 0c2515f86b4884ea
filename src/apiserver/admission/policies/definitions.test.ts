import { describe, expect, test } from 'vitest';
import type { Fields } from '../../../machinery/index.ts';
import { create, DENY_ALL, GROUP, inForce, kinds, namespace, RULE, servePolicies, server } from './policies.testing.ts';

servePolicies();

describe('what a policy may not be', () => {
  const invalid: [string, Fields, string][] = [
    [
      'a type that is not bool',
      { validations: [{ expression: 'object.x' }] },
      'spec.validations[0].expression: Invalid value: "object.x": must evaluate to bool but got dyn',
    ],
    [
      'a variable that is not there',
      { validations: [{ expression: 'foo' }] },
      `spec.validations[0].expression: Invalid value: "foo": compilation failed: ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo\n | ^`,
    ],
    [
      'a field that a request does not have',
      { validations: [{ expression: 'request.foo == 1' }] },
      `spec.validations[0].expression: Invalid value: "request.foo == 1": compilation failed: ERROR: <input>:1:8: undefined field 'foo'\n | request.foo == 1\n | .......^`,
    ],
    [
      'nothing',
      {},
      '[spec.validations: Required value: validations or auditAnnotations must contain at least one item, spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item]',
    ],
  ];
  test.each(invalid)('%s', async (_, spec, message) => {
    const { path, kind, version } = kinds.validating;
    const matchConstraints = { resourceRules: [RULE] };
    const body = {
      apiVersion: `${GROUP}/${version}`,
      kind,
      metadata: { name: 'bad' },
      spec: { matchConstraints, ...spec },
    };
    expect((await server.send('POST', `${path}ies`, { body })).body).toMatchObject({
      code: 422,
      message: `ValidatingAdmissionPolicy.admissionregistration.k8s.io "bad" is invalid: ${message}`,
    });
  });
});

test('the status of a policy tells what its expressions get wrong about the kinds that its rules name', async () => {
  const matchConstraints = {
    resourceRules: [{ ...RULE, apiGroups: ['apps'], resources: ['deployments', 'replicasets'] }],
  };
  const validations = [
    { expression: 'object.spec.replicas > 1' },
    { expression: 'object.replicas > 1' },
    { expression: 'object.spec.strategy.type == "Recreate"' },
  ];
  await inForce('validating', { matchConstraints, validations, failurePolicy: 'Ignore' }, {}, async (name) => {
    const status = async () => (await server.send('GET', `${kinds.validating.path}ies/${name}`)).body['status'];
    await expect.poll(status).toMatchObject({ observedGeneration: 1 });
    const wrong = (kind: string, column: number, field: string, line: string): string =>
      `apps/v1, Kind=${kind}: ERROR: <input>:1:${column}: undefined field '${field}'\n | ${line}\n | ${'.'.repeat(column - 1)}^\n`;
    const [, second = { expression: '' }, third = { expression: '' }] = validations;
    expect(await status()).toEqual({
      observedGeneration: 1,
      typeChecking: {
        expressionWarnings: [
          {
            fieldRef: 'spec.validations[1].expression',
            warning: ['Deployment', 'ReplicaSet']
              .map((kind) => wrong(kind, 7, 'replicas', second.expression))
              .join('\n'),
          },
          {
            fieldRef: 'spec.validations[2].expression',
            warning: wrong('ReplicaSet', 12, 'strategy', third.expression),
          },
        ],
      },
    });
  });
});

test('a hundred policies cost a request that none of them is for nothing', async () => {
  const { path, kind, version } = kinds.validating;
  const names = Array.from({ length: 100 }, (_, index) => `many-${index}`);
  const resourceRules = [{ ...RULE, resources: ['secrets'] }];
  for (const name of names) {
    const head = { apiVersion: `${GROUP}/${version}`, metadata: { name } };
    const spec = { matchConstraints: { resourceRules }, ...DENY_ALL };
    await server.send('POST', `${path}ies`, { body: { ...head, kind, spec } });
    const binding = { ...head, kind: `${kind}Binding`, spec: { policyName: name, validationActions: ['Deny'] } };
    await server.send('POST', `${path}ybindings`, { body: binding });
  }
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'one' } };
  expect((await server.send('POST', `/api/v1/namespaces/${namespace}/secrets`, { body: secret })).code).toBe(422);
  expect((await create()).code).toBe(201);
  for (const name of names) await server.send('DELETE', `${path}ybindings/${name}`);
  expect((await server.send('POST', `/api/v1/namespaces/${namespace}/secrets`, { body: secret })).code).toBe(201);
});
