import { describe, expect, test } from 'vitest';
import type { Fields } from '../../../machinery/index.ts';
import {
  configMaps,
  create,
  DENY_ALL,
  inForce,
  kinds,
  namespace,
  patch,
  RULE,
  servePolicies,
  server,
} from './policies.testing.ts';

servePolicies();

/** The refusals of kube-apiserver 1.34.1 to the same policies, after `ValidatingAdmissionPolicy … denied request: `. */
describe('a ValidatingAdmissionPolicy refuses', () => {
  const cases: [string, Fields, string, Fields][] = [
    [
      'with its expression',
      { validations: [{ expression: 'object.data.a != "b"' }] },
      'failed expression: object.data.a != "b"',
      { code: 422, reason: 'Invalid' },
    ],
    [
      'with its message and reason',
      { validations: [{ expression: 'false', message: ' hello ', reason: 'Forbidden' }] },
      'hello',
      { code: 403, reason: 'Forbidden' },
    ],
    [
      'with what its messageExpression makes of variables',
      {
        variables: [
          { name: 'v', expression: 'object.data.a' },
          { name: 'w', expression: 'variables.v + "!"' },
        ],
        validations: [
          {
            expression: 'variables.v != "b"',
            messageExpression: '"got " + variables.w + " from " + request.operation',
            reason: 'RequestEntityTooLarge',
          },
        ],
      },
      'got b! from CREATE',
      { code: 413, reason: 'RequestEntityTooLarge' },
    ],
    [
      'what it cannot evaluate',
      { validations: [{ expression: 'object.spec.x > 1' }] },
      "expression 'object.spec.x > 1' resulted in error: no such key: spec",
      { code: 422, reason: 'Invalid' },
    ],
    [
      'by a variable that it cannot evaluate',
      { variables: [{ name: 'v', expression: 'object.spec.x' }], validations: [{ expression: 'variables.v > 1' }] },
      `expression 'variables.v > 1' resulted in error: composited variable "v" fails to evaluate: no such key: spec`,
      { code: 422, reason: 'Invalid' },
    ],
    [
      'with the first of several',
      {
        validations: [
          { expression: 'false', message: 'one' },
          { expression: 'false', message: 'two' },
        ],
      },
      'one',
      { code: 422, reason: 'Invalid' },
    ],
    [
      'by a condition that it cannot evaluate',
      { matchConditions: [{ name: 'a', expression: 'object.spec.x == 1' }], validations: [{ expression: 'true' }] },
      "expression 'object.spec.x == 1' resulted in error: no such key: spec",
      { code: 422, reason: 'Invalid' },
    ],
    [
      'by the labels of the namespace',
      {
        validations: [
          {
            expression: 'namespaceObject.metadata.labels.limit == "4"',
            messageExpression: 'namespaceObject.metadata.labels.limit',
          },
        ],
      },
      '3',
      { code: 422, reason: 'Invalid' },
    ],
    [
      'by what somebody may do',
      {
        validations: [
          {
            expression:
              'authorizer.serviceAccount("a", "b").group("").resource("pods").namespace("x").check("get").allowed()',
            message: 'may not',
          },
        ],
      },
      'may not',
      { code: 422, reason: 'Invalid' },
    ],
  ];
  test.each(cases)('%s', async (_, spec, message, status) => {
    await inForce('validating', spec, {}, async (name) => {
      const text = `ValidatingAdmissionPolicy '${name}' with binding '${name}' denied request: ${message}`;
      expect((await create()).body).toMatchObject({
        ...status,
        message: `configmaps "one" is forbidden: ${text}`,
        details: { name: 'one', kind: 'configmaps', causes: [{ message: text }] },
      });
    });
    expect((await create()).code).toBe(201);
  });
});

describe('a ValidatingAdmissionPolicy lets pass', () => {
  const passing: [string, Fields, Fields][] = [
    [
      'what it cannot evaluate, if it is to ignore that',
      { failurePolicy: 'Ignore', validations: [{ expression: 'object.spec.x > 1' }] },
      {},
    ],
    [
      'what its conditions leave out',
      { matchConditions: [{ name: 'other', expression: 'request.name == "other"' }], ...DENY_ALL },
      {},
    ],
    ['other names', { matchConstraints: { resourceRules: [{ ...RULE, resourceNames: ['other'] }] }, ...DENY_ALL }, {}],
    [
      'what it excludes',
      { matchConstraints: { resourceRules: [RULE], excludeResourceRules: [RULE] }, ...DENY_ALL },
      {},
    ],
    ['what its binding does not select', DENY_ALL, { matchResources: { objectSelector: { matchLabels: { a: 'b' } } } }],
    [
      'what has no parameters, if that is allowed',
      { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, ...DENY_ALL },
      { paramRef: { name: 'nope', parameterNotFoundAction: 'Allow' } },
    ],
  ];
  test.each(passing)('%s', async (_, spec, binding) => {
    await inForce('validating', spec, binding, async () => expect((await create()).code).toBe(201));
  });

  test('what it only warns of', async () => {
    const validations = [{ expression: 'object.data.a != "b"', message: 'x' }, { expression: 'false' }];
    await inForce('validating', { validations }, { validationActions: ['Warn', 'Audit'] }, async (name) => {
      const where = `Validation failed for ValidatingAdmissionPolicy '${name}' with binding '${name}'`;
      expect(await create()).toMatchObject({
        code: 201,
        warnings: [`${where}: x`, `${where}: failed expression: false`],
      });
    });
  });
});

test('a change of a policy counts at once, and so does its end', async () => {
  await inForce('validating', DENY_ALL, {}, async (name) => {
    expect((await create()).code).toBe(422);
    const validations = [{ expression: 'object.data.a == "c"' }];
    await patch(`${kinds.validating.path}ies/${name}`, { spec: { validations } });
    expect((await create({ metadata: { name: 'two' }, data: { a: 'c' } })).code).toBe(201);
    expect((await create()).code).toBe(422);
  });
  expect((await create()).code).toBe(201);
});

test('DELETE shows the old object only', async () => {
  await create();
  const matchConstraints = {
    resourceRules: [{ ...RULE, operations: ['DELETE'] }],
    namespaceSelector: { matchLabels: { of: namespace } },
  };
  const validations = [
    { expression: 'object != null || oldObject.data.a == "x"', messageExpression: '"has " + oldObject.data.a' },
  ];
  await inForce('validating', { matchConstraints, validations }, {}, async () => {
    expect((await server.send('DELETE', `${configMaps()}/one`)).body.message).toMatch(/denied request: has b$/);
  });
});
