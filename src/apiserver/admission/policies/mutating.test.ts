import { describe, expect, test } from 'vitest';
import type { Fields } from '../../../machinery/index.ts';
import type { Answer } from '../../https.testing.ts';
import { create, inForce, namespace, RULE, servePolicies, server } from './policies.testing.ts';

servePolicies();

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
