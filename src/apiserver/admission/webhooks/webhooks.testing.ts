import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import type { Fields } from '../../../machinery/index.ts';
import { type Answer, startTestServer, type TestServer } from '../../https.testing.ts';
import { startWebhook, type TestWebhook } from '../../webhooks/webhook.testing.ts';

/** The server of a file of tests, what it asks, and the namespace of the running test. */
export let server: TestServer;
export let webhook: TestWebhook;
export let namespace = '';
let count = 0;

/** Has the tests of a file share a server and a webhook, and each begin with a namespace of its own. */
export function serveWebhooks(): void {
  beforeAll(async () => {
    [server, webhook] = await Promise.all([startTestServer(), startWebhook(['hook.default.svc'])]);
  });
  afterAll(async () => {
    await server.stop();
    await webhook.stop();
  });
  beforeEach(async () => {
    namespace = `hooks-${++count}`;
    webhook.received.length = 0;
    const metadata = { name: namespace, labels: { hooked: namespace } };
    await server.send('POST', '/api/v1/namespaces', { body: { apiVersion: 'v1', kind: 'Namespace', metadata } });
  });
}

export type Kind = 'Mutating' | 'Validating';

export const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1';
export const collection = (kind: Kind): string => `${CONFIGURATIONS}/${kind.toLowerCase()}webhookconfigurations`;
export const configMaps = (): string => `/api/v1/namespaces/${namespace}/configmaps`;
export const RULE = { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };

export function hook(path: string, more: Fields = {}): Fields {
  return {
    name: `${path}.hooks.test`,
    clientConfig: { url: `${webhook.url}/${path}`, caBundle: webhook.caBundle },
    rules: [RULE],
    namespaceSelector: { matchLabels: { hooked: namespace } },
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    timeoutSeconds: 2,
    ...more,
  };
}

/** Configures webhooks for as long as `during` takes. */
export async function configured<T>(kind: Kind, webhooks: Fields[], during: () => Promise<T>): Promise<T> {
  const name = `c-${namespace}-${kind.toLowerCase()}`;
  const body = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}WebhookConfiguration`,
    metadata: { name },
    webhooks,
  };
  expect((await server.send('POST', collection(kind), { body })).body).toMatchObject({ metadata: { name } });
  try {
    return await during();
  } finally {
    await server.send('DELETE', `${collection(kind)}/${name}`);
  }
}

export const configMap = (name = 'one', more: Fields = {}): Fields => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { a: 'b' },
  ...more,
});

export const create = (name = 'one', query = ''): Promise<Answer> =>
  server.send('POST', `${configMaps()}?fieldManager=test${query}`, { body: configMap(name) });

/** The 500 of a webhook that could not be asked. */
export const failure = (path: string, why: string) => ({
  code: 500,
  reason: 'InternalError',
  message: `Internal error occurred: failed calling webhook "${path}.hooks.test": ${why}`,
  details: { causes: [{ message: `failed calling webhook "${path}.hooks.test": ${why}` }] },
});
