import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Fields } from '../../../machinery/index.ts';
import { type Answer, startTestServer, type TestServer } from '../../https.testing.ts';

let server: TestServer;
let namespace = '';
let count = 0;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());
beforeEach(async () => {
  namespace = `policies-${++count}`;
  const metadata = { name: namespace, labels: { of: namespace, limit: '3' } };
  await server.send('POST', '/api/v1/namespaces', { body: { apiVersion: 'v1', kind: 'Namespace', metadata } });
});

const GROUP = 'admissionregistration.k8s.io';
const kinds = {
  validating: { version: 'v1', kind: 'ValidatingAdmissionPolicy', path: `/apis/${GROUP}/v1/validatingadmissionpolic` },
  mutating: {
    version: 'v1beta1',
    kind: 'MutatingAdmissionPolicy',
    path: `/apis/${GROUP}/v1beta1/mutatingadmissionpolic`,
  },
};
type Kind = keyof typeof kinds;

const RULE = { operations: ['CREATE', 'UPDATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };

/** A policy over the ConfigMaps of the test's namespace, in force for as long as `during` takes. */
async function inForce(
  kind: Kind,
  spec: Fields,
  bindingSpec: Fields,
  during: (name: string) => Promise<void>,
): Promise<void> {
  const { version, kind: policyKind, path } = kinds[kind];
  const name = `p-${namespace}`;
  const head = { apiVersion: `${GROUP}/${version}`, metadata: { name } };
  const constraints = { resourceRules: [RULE], namespaceSelector: { matchLabels: { of: namespace } } };
  const reinvocation = kind === 'mutating' ? { reinvocationPolicy: 'Never' } : {};
  const actions = kind === 'validating' ? { validationActions: ['Deny'] } : {};
  const policy = { ...head, kind: policyKind, spec: { matchConstraints: constraints, ...reinvocation, ...spec } };
  const binding = { ...head, kind: `${policyKind}Binding`, spec: { policyName: name, ...actions, ...bindingSpec } };
  expect((await server.send('POST', `${path}ies`, { body: policy })).body).toMatchObject({ kind: policyKind });
  expect((await server.send('POST', `${path}ybindings`, { body: binding })).body).toMatchObject({ metadata: { name } });
  try {
    await during(name);
  } finally {
    await server.send('DELETE', `${path}ybindings/${name}`);
    await server.send('DELETE', `${path}ies/${name}`);
  }
}

const configMaps = (): string => `/api/v1/namespaces/${namespace}/configmaps`;
const create = (more: Fields = {}, query = ''): Promise<Answer> =>
  server.send('POST', `${configMaps()}${query}`, {
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one' }, data: { a: 'b' }, ...more },
  });
const patch = (path: string, body: Fields): Promise<Answer> =>
  server.send('PATCH', path, { body, headers: { 'content-type': 'application/merge-patch+json' } });

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

const DENY_ALL = { validations: [{ expression: 'false', message: 'no' }] };

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

describe('a MutatingAdmissionPolicy', () => {
  const apply = (expression: string): Fields => ({
    mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }],
  });
  const json = (expression: string): Fields => ({ mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression } }] });
  const deployments = (): string => `/apis/apps/v1/namespaces/${namespace}/deployments`;
  const deploy = (): Promise<Answer> => {
    const labels = { app: 'a' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const spec = { selector: { matchLabels: labels }, template };
    return server.send('POST', deployments(), {
      body: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' }, spec },
    });
  };
  const overDeployments = (spec: Fields): Fields => ({
    matchConstraints: {
      resourceRules: [{ ...RULE, apiGroups: ['apps'], resources: ['deployments'] }],
      namespaceSelector: { matchLabels: { of: namespace } },
    },
    ...spec,
  });

  const changes: [string, Fields, Fields][] = [
    [
      'adds labels',
      apply('Object{metadata: Object.metadata{labels: {"x": "y"}}}'),
      { metadata: { labels: { x: 'y' } } },
    ],
    ['computes', apply('Object{spec: Object.spec{replicas: object.spec.replicas + 2}}'), { spec: { replicas: 3 } }],
    [
      'merges lists by their keys, and what it adds is defaulted',
      apply(
        'Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: "side", image: "s"}]}}}}',
      ),
      {
        spec: {
          template: { spec: { containers: [{ name: 'c' }, { name: 'side', image: 's', imagePullPolicy: 'Always' }] } },
        },
      },
    ],
    [
      'patches',
      json('[JSONPatch{op: "add", path: "/metadata/labels", value: {"j": "k"}}]'),
      { metadata: { labels: { j: 'k' } } },
    ],
    [
      'patches with objects',
      json(
        '[JSONPatch{op: "add", path: "/spec/template/spec/containers/-", value: Object.spec.template.spec.containers{name: "x", image: "y"}}]',
      ),
      { spec: { template: { spec: { containers: [{ name: 'c' }, { name: 'x', image: 'y' }] } } } },
    ],
    [
      'leaves what its patch tests in vain',
      json(
        '[JSONPatch{op: "test", path: "/spec/replicas", value: 7}, JSONPatch{op: "replace", path: "/spec/replicas", value: 9}]',
      ),
      { spec: { replicas: 1 } },
    ],
    [
      'escapes keys',
      json(
        '[JSONPatch{op: "add", path: "/metadata/labels", value: {}}, JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("a/b"), value: "q"}]',
      ),
      { metadata: { labels: { 'a/b': 'q' } } },
    ],
  ];
  test.each(changes)('%s', async (_, spec, expected) => {
    await inForce('mutating', overDeployments(spec), {}, async () => {
      expect((await deploy()).body).toMatchObject(expected);
    });
  });

  const refusals: [string, Fields, string][] = [
    [
      "a type that is not its field's",
      apply('Object{spec: Object.spec{template: Object.spec.foo{}}}'),
      'type mismatch: unexpected type name "Object.spec.foo", expected "Object.spec.template", which matches field name path from root Object type',
    ],
    [
      'a field that there is not',
      apply('Object{spec: Object.spec{foo: "x"}}'),
      'error applying patch: failed to convert patch object to typed object: .spec.foo: field not declared in schema',
    ],
    [
      'a part of what is one piece',
      apply('Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {"q": "r"}}}}'),
      'error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.selector',
    ],
    [
      'a patch that does not fit',
      json('[JSONPatch{op: "remove", path: "/spec/nope"}]'),
      "JSON Patch: error in remove for path: '/spec/nope': Unable to remove nonexistent key: nope: missing value",
    ],
    [
      'what cannot be evaluated',
      apply('Object{metadata: Object.metadata{labels: {"x": object.metadata.labels.nope}}}'),
      `expression 'Object{metadata: Object.metadata{labels: {"x": object.metadata.labels.nope}}}' resulted in error: no such key: labels`,
    ],
  ];
  test.each(refusals)('refuses %s', async (_, spec, why) => {
    await inForce('mutating', overDeployments(spec), {}, async (name) => {
      const message = `policy '${name}' with binding '${name}' denied request: ${why}`;
      expect((await deploy()).body).toMatchObject({
        code: 403,
        reason: 'Invalid',
        message,
        details: { name: 'd', causes: [{ message }] },
      });
    });
    await inForce('mutating', overDeployments({ ...spec, failurePolicy: 'Ignore' }), {}, async () => {
      expect((await deploy()).code).toBe(201);
    });
  });

  test('comes before the policies that judge, and owns nothing', async () => {
    const mutation = apply('Object{metadata: Object.metadata{labels: {"owner": "platform"}}}');
    await inForce('mutating', mutation, {}, async () => {
      const validations = [{ expression: '"owner" in object.metadata.labels' }];
      await inForce('validating', { validations }, {}, async () => {
        const { code, body } = await create({}, '?fieldManager=me');
        expect(code).toBe(201);
        expect(body).toMatchObject({
          metadata: {
            labels: { owner: 'platform' },
            managedFields: [{ manager: 'me', fieldsV1: { 'f:data': { 'f:a': {} } } }],
          },
        });
      });
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
