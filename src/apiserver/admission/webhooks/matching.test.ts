import { beforeEach, describe, expect, test } from 'vitest';
import type { Fields } from '../../../machinery/index.ts';
import { patchOf, reviewed } from '../../webhooks/webhook.testing.ts';
import {
  collection,
  configMap,
  configMaps,
  configured,
  create,
  hook,
  namespace,
  server,
  serveWebhooks,
  webhook,
} from './webhooks.testing.ts';

serveWebhooks();

describe('which requests a webhook is asked about', () => {
  const asked = (): Fields[] => webhook.received.map(({ body }) => body.request);
  beforeEach(() => webhook.on('/ask', (received) => reviewed(received)));

  test('every operation, with the objects that it has', async () => {
    await configured('Validating', [hook('ask')], async () => {
      await create();
      const headers = { 'content-type': 'application/merge-patch+json' };
      await server.send('PATCH', `${configMaps()}/one`, { body: { data: { c: 'd' } }, headers });
      await server.send('DELETE', `${configMaps()}/one`, {
        body: { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 },
      });
      await create('two');
      await server.send('DELETE', configMaps());
    });
    expect(
      asked().map((request) => [
        request['operation'],
        request['name'],
        request['object'] === null,
        request['oldObject'] === null,
      ]),
    ).toEqual([
      ['CREATE', 'one', false, true],
      ['UPDATE', 'one', false, false],
      ['DELETE', 'one', true, false],
      ['CREATE', 'two', false, true],
      ['DELETE', undefined, true, false],
    ]);
    expect(asked()[2]?.['options']).toMatchObject({ kind: 'DeleteOptions', gracePeriodSeconds: 0 });
  });

  test('subresources are their own, with objects of their own kind', async () => {
    const rules = [{ operations: ['*'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['*/scale'] }];
    const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
    const labels = { app: 'a' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const body = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd' },
      spec: { selector: { matchLabels: labels }, template },
    };
    await configured('Validating', [hook('ask', { rules })], async () => {
      expect((await server.send('POST', deployments, { body })).code).toBe(201);
      const headers = { 'content-type': 'application/merge-patch+json' };
      await server.send('PATCH', `${deployments}/d/scale`, { body: { spec: { replicas: 3 } }, headers });
    });
    expect(asked()).toMatchObject([
      {
        subResource: 'scale',
        kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
        resource: { group: 'apps', version: 'v1', resource: 'deployments' },
        object: { kind: 'Scale', spec: { replicas: 3 } },
        oldObject: { kind: 'Scale', spec: { replicas: 1 } },
      },
    ]);
  });

  test('an equivalent resource, in the terms of the rule; with Exact only the one named', async () => {
    const rules = [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['events'] }];
    const event = (name: string) => ({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name },
      eventTime: '2026-01-01T00:00:00.000000Z',
      ...{
        action: 'A',
        reason: 'R',
        type: 'Normal',
        reportingController: 'c/d',
        reportingInstance: 'i',
        note: 'hello',
      },
      regarding: { kind: 'Pod', name: 'p', namespace },
    });
    const events = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
    await configured('Validating', [hook('ask', { rules, matchPolicy: 'Exact' })], async () => {
      expect((await server.send('POST', events, { body: event('a') })).code).toBe(201);
    });
    expect(asked()).toEqual([]);
    await configured('Validating', [hook('ask', { rules })], async () => {
      expect((await server.send('POST', events, { body: event('b') })).code).toBe(201);
    });
    expect(asked()).toMatchObject([
      {
        resource: { group: '', version: 'v1', resource: 'events' },
        requestResource: { group: 'events.k8s.io', version: 'v1', resource: 'events' },
        object: { apiVersion: 'v1', message: 'hello', involvedObject: { name: 'p' } },
      },
    ]);
  });

  test('the old object may be what a selector selects', async () => {
    const body = configMap();
    body['metadata'] = { name: 'one', labels: { seen: 'yes' } };
    await server.send('POST', configMaps(), { body });
    await configured('Validating', [hook('ask', { objectSelector: { matchLabels: { seen: 'yes' } } })], async () => {
      await create('two');
      const headers = { 'content-type': 'application/merge-patch+json' };
      await server.send('PATCH', `${configMaps()}/one`, { body: { metadata: { labels: { seen: null } } }, headers });
    });
    expect(asked()).toMatchObject([{ name: 'one', operation: 'UPDATE' }]);
  });

  test('connections, with their options as the object', async () => {
    webhook.on('/ask', (received) =>
      reviewed(received, { allowed: false, status: { message: 'no shells', code: 403 } }),
    );
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    await server.send('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, {
      body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } },
    });
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    await server.send('POST', pods, { body: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec } });
    const rules = [{ operations: ['CONNECT'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods/exec'] }];
    await configured('Validating', [hook('ask', { rules })], async () => {
      const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
      const headers = { ...upgrade, 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' };
      const path = `${pods}/p/exec?command=sh&command=-c&stdin=true&stdout=true`;
      const answer = await server.send('GET', path, { headers });
      expect(answer.code).toBe(403);
      expect(answer.text).toContain('admission webhook \\"ask.hooks.test\\" denied the request: no shells');
    });
    expect(asked()).toMatchObject([
      {
        operation: 'CONNECT',
        subResource: 'exec',
        name: 'p',
        namespace,
        kind: { group: '', version: 'v1', kind: 'PodExecOptions' },
        object: { kind: 'PodExecOptions', apiVersion: 'v1', command: ['sh', '-c'], stdin: true, stdout: true },
        oldObject: null,
        options: null,
      },
    ]);
  });

  test('every version of a custom resource, in the one that the rule names', async () => {
    const group = `${namespace}.example.com`;
    const names = { plural: 'widgets', kind: 'Widget' };
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    const versions = ['v1', 'v2'].map((name) => ({ name, served: true, storage: name === 'v1', schema }));
    const metadata = { name: `widgets.${group}` };
    const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const spec = { group, scope: 'Namespaced', names, versions };
    await server.send('POST', crds, {
      body: { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata, spec },
    });
    const widgets = `/apis/${group}/v2/namespaces/${namespace}/widgets`;
    await expect.poll(async () => (await server.send('GET', widgets)).code).toBe(200);
    const rules = [{ operations: ['CREATE'], apiGroups: [group], apiVersions: ['v1'], resources: ['widgets'] }];
    webhook.on('/ask', (received) => reviewed(received, patchOf({ op: 'add', path: '/added', value: 1 })));
    await configured('Mutating', [hook('ask', { rules })], async () => {
      const body = { apiVersion: `${group}/v2`, kind: 'Widget', metadata: { name: 'w' } };
      expect((await server.send('POST', widgets, { body })).body).toMatchObject({
        apiVersion: `${group}/v2`,
        added: 1,
      });
    });
    expect(asked()).toMatchObject([
      { resource: { version: 'v1' }, requestResource: { version: 'v2' }, object: { apiVersion: `${group}/v1` } },
    ]);
    await server.send('DELETE', `${crds}/${metadata.name}`);
  });

  test('never about what configures admission', async () => {
    const rules = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }];
    const only = { matchConditions: [{ name: 'mine', expression: "request.name == 'exempt'" }], namespaceSelector: {} };
    await configured('Validating', [hook('ask', { rules, ...only })], async () => {
      const body = {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'MutatingWebhookConfiguration',
        metadata: { name: 'exempt' },
      };
      expect((await server.send('POST', collection('Mutating'), { body })).code).toBe(201);
      await server.send('DELETE', `${collection('Mutating')}/exempt`);
    });
    expect(asked()).toEqual([]);
  });
});
