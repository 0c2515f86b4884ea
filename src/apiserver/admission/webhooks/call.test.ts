import { describe, expect, test } from 'vitest';
import type { Fields } from '../../../machinery/index.ts';
import { reviewed } from '../../webhooks/webhook.testing.ts';
import { configured, create, hook, server, serveWebhooks, webhook } from './webhooks.testing.ts';

serveWebhooks();

describe('where a webhook is', () => {
  const places: [string, () => Fields, string | RegExp][] = [
    [
      'a port that nobody listens on',
      () => ({ url: 'https://127.0.0.1:1/x' }),
      'dial tcp 127.0.0.1:1: connect: connection refused',
    ],
    [
      'a host that is not',
      () => ({ url: 'https://nope.invalid/x' }),
      /dial tcp: lookup nope.invalid.*: (no such host|.*)$/,
    ],
    [
      "one with a stranger's certificate",
      () => ({ url: `${webhook.url}/x` }),
      'tls: failed to verify certificate: x509: certificate signed by unknown authority',
    ],
    [
      'a Service that is not',
      () => ({ service: { namespace: 'default', name: 'nope', path: '/x' } }),
      'service "nope" not found',
    ],
  ];
  test.each(places)('%s', async (_, clientConfig, why) => {
    await configured('Validating', [hook('x', { clientConfig: clientConfig() })], async () => {
      const { message = '' } = (await create()).body;
      expect(message).toContain('failed calling webhook "x.hooks.test": failed to call webhook: Post "https://');
      if (typeof why === 'string') expect(message.endsWith(why)).toBe(true);
      else expect(message).toMatch(why);
    });
  });

  test('a Service, by its name; connections are used again', async () => {
    webhook.on('/svc', (received) => reviewed(received));
    const metadata = { name: 'hook', namespace: 'default' };
    const spec = { type: 'ExternalName', externalName: 'localhost' };
    const service = { apiVersion: 'v1', kind: 'Service', metadata, spec };
    expect((await server.send('POST', '/api/v1/namespaces/default/services', { body: service })).code).toBe(201);
    const clientConfig = { service: { ...metadata, path: '/svc', port: webhook.port }, caBundle: webhook.caBundle };
    const before = webhook.connections;
    await configured('Validating', [hook('svc', { clientConfig })], async () => {
      for (const name of ['a', 'b', 'c']) expect((await create(name)).code).toBe(201);
    });
    expect(webhook.received.map(({ url }) => url)).toEqual(Array(3).fill('/svc?timeout=2s'));
    expect(webhook.connections - before).toBe(1);
  });
});
