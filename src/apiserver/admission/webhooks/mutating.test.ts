import { describe, expect, test } from 'vitest';
import type { Answer } from '../../https.testing.ts';
import { type Behaviour, patchOf, reviewed } from '../../webhooks/webhook.testing.ts';
import {
  configMaps,
  configured,
  create,
  failure,
  hook,
  namespace,
  RULE,
  server,
  serveWebhooks,
  webhook,
} from './webhooks.testing.ts';

serveWebhooks();

describe('a mutating webhook', () => {
  const adds =
    (key: string, value = 'x'): Behaviour =>
    (received) =>
      reviewed(received, patchOf({ op: 'add', path: `/data/${key}`, value }));
  const dataOf = (answer: Answer): unknown => answer.body['data'];

  test('changes what is stored; what it adds belongs to nobody', async () => {
    webhook.on('/add', adds('added'));
    await configured('Mutating', [hook('add')], async () => {
      const { body } = await create();
      expect(body['data']).toEqual({ a: 'b', added: 'x' });
      const { managedFields } = body['metadata'] as { managedFields: { manager: string; fieldsV1: unknown }[] };
      const managers = managedFields.map(({ manager, fieldsV1 }) => [manager, fieldsV1]);
      expect(managers).toEqual([['test', { 'f:data': { '.': {}, 'f:a': {} } }]]);
    });
    expect(webhook.received[0]?.body).toMatchObject({
      kind: 'AdmissionReview',
      apiVersion: 'admission.k8s.io/v1',
      request: {
        kind: { group: '', version: 'v1', kind: 'ConfigMap' },
        resource: { group: '', version: 'v1', resource: 'configmaps' },
        requestKind: { group: '', version: 'v1', kind: 'ConfigMap' },
        requestResource: { group: '', version: 'v1', resource: 'configmaps' },
        name: 'one',
        namespace,
        operation: 'CREATE',
        userInfo: { username: 'admin', uid: 'admin-uid', groups: ['system:masters', 'system:authenticated'] },
        object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'one', namespace }, data: { a: 'b' } },
        oldObject: null,
        dryRun: false,
        options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'test' },
      },
    });
  });

  test.each([
    [
      { patch: 'W10=' },
      'received invalid webhook response: webhook returned response.patch but not response.patchType',
    ],
    [
      { patchType: 'JSONPatch' },
      'received invalid webhook response: webhook returned response.patchType but not response.patch',
    ],
    [{ ...patchOf({ op: 'add', path: '/data/x', value: 'y' }), patchType: 'Merge' }, 'unsupported patch type "Merge"'],
    [
      { patch: Buffer.from('{"a":1}').toString('base64'), patchType: 'JSONPatch' },
      'received undecodable patch in webhook response: json: cannot unmarshal object into Go value of type jsonpatch.Patch',
    ],
  ])('fails with the patch %j', async (response, why) => {
    webhook.on('/bad', (received) => reviewed(received, response));
    await configured('Mutating', [hook('bad')], async () => {
      expect((await create()).body).toMatchObject(failure('bad', why));
    });
  });

  test('is asked in order, and again after a later change if it wants', async () => {
    webhook.on('/first', adds('first'));
    webhook.on('/second', adds('second'));
    webhook.on('/third', adds('third'));
    const hooks = [hook('first', { reinvocationPolicy: 'IfNeeded' }), hook('second'), hook('third')];
    await configured('Mutating', hooks, async () => {
      expect(dataOf(await create())).toEqual({ a: 'b', first: 'x', second: 'x', third: 'x' });
    });
    expect(webhook.received.map(({ path }) => path)).toEqual(['/first', '/second', '/third', '/first']);
  });

  test('has a policy look again that wants to see what it changed', async () => {
    webhook.on('/add', adds('added'));
    const policies = '/apis/admissionregistration.k8s.io/v1beta1/mutatingadmissionpolic';
    const head = { apiVersion: 'admissionregistration.k8s.io/v1beta1', metadata: { name: `count-${namespace}` } };
    const expression = 'Object{metadata: Object.metadata{labels: {"entries": string(size(object.data))}}}';
    const spec = {
      matchConstraints: {
        resourceRules: [{ ...RULE, operations: ['CREATE'] }],
        namespaceSelector: { matchLabels: { hooked: namespace } },
      },
      reinvocationPolicy: 'IfNeeded',
      mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }],
    };
    await server.send('POST', `${policies}ies`, { body: { ...head, kind: 'MutatingAdmissionPolicy', spec } });
    const binding = { ...head, kind: 'MutatingAdmissionPolicyBinding', spec: { policyName: head.metadata.name } };
    await server.send('POST', `${policies}ybindings`, { body: binding });
    expect((await create('before')).body).toMatchObject({ metadata: { labels: { entries: '1' } } });
    await configured('Mutating', [hook('add')], async () => {
      expect((await create()).body).toMatchObject({ metadata: { labels: { entries: '2' } } });
    });
    await server.send('DELETE', `${policies}ybindings/${head.metadata.name}`);
  });

  test('sees an object whose name is not generated yet', async () => {
    webhook.on('/nameless', (received) => reviewed(received));
    await configured('Mutating', [hook('nameless')], async () => {
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'made-' } };
      expect((await server.send('POST', configMaps(), { body })).code).toBe(201);
    });
    const { request } = webhook.received[0]?.body ?? {};
    expect(request).not.toHaveProperty('name');
    expect(request?.['object']).not.toHaveProperty('metadata.uid');
  });

  test('meets validation after it: a patch that breaks the object is refused', async () => {
    webhook.on('/break', (received) => reviewed(received, patchOf({ op: 'add', path: '/data/a~1b', value: 'x' })));
    await configured('Mutating', [hook('break')], async () => {
      expect(await create()).toMatchObject({ code: 422, body: { reason: 'Invalid' } });
    });
  });
});
