import { describe, expect, test } from 'vitest';
import type { Fields } from '../../../machinery/index.ts';
import type { Answer } from '../../https.testing.ts';
import { type Behaviour, reviewed } from '../../webhooks/webhook.testing.ts';
import {
  configMap,
  configMaps,
  configured,
  create,
  hook,
  namespace,
  RULE,
  server,
  serveWebhooks,
  webhook,
} from './webhooks.testing.ts';

serveWebhooks();

describe('while a webhook thinks', () => {
  /** Answers only after `first` was done, the first time. */
  function thinking(first: () => Promise<unknown>): Behaviour {
    let done = false;
    return async (received) => {
      if (!done) {
        done = true;
        await first();
      }
      return reviewed(received);
    };
  }
  const put = (data: Fields, resourceVersion?: string): Promise<Answer> =>
    server.send('PUT', `${configMaps()}/one`, {
      body: configMap('one', { data, metadata: { name: 'one', ...(resourceVersion ? { resourceVersion } : {}) } }),
      headers: { 'content-type': 'application/json' },
    });
  const patch = (data: Fields): Promise<Answer> =>
    server.send('PATCH', `${configMaps()}/one`, {
      body: { data },
      headers: { 'content-type': 'application/merge-patch+json' },
    });
  const ONLY_PATCHED = [{ name: 'slow', expression: '"slow" in object.data' }];

  test('a patch meets the object as it is by then', async () => {
    await create();
    webhook.on(
      '/think',
      thinking(() => patch({ other: '1' })),
    );
    await configured('Validating', [hook('think', { matchConditions: ONLY_PATCHED })], async () => {
      expect((await patch({ slow: '1' })).body['data']).toEqual({ a: 'b', other: '1', slow: '1' });
    });
    expect(webhook.received).toHaveLength(2);
  });

  test('a PUT of what was read before conflicts', async () => {
    const { resourceVersion } = (await create()).body['metadata'] as { resourceVersion: string };
    webhook.on(
      '/think',
      thinking(() => patch({ other: '1' })),
    );
    await configured('Validating', [hook('think', { matchConditions: ONLY_PATCHED })], async () => {
      const answer = await put({ slow: '1' }, resourceVersion);
      expect(answer).toMatchObject({ code: 409, body: { reason: 'Conflict' } });
    });
  });

  test('an object that somebody else creates exists already', async () => {
    webhook.on(
      '/think',
      thinking(() => create('one')),
    );
    const matchConditions = [{ name: 'slow', expression: 'has(object.data.slow)' }];
    await configured('Validating', [hook('think', { matchConditions })], async () => {
      const body = configMap('one', { data: { slow: '1' } });
      expect(await server.send('POST', configMaps(), { body })).toMatchObject({
        code: 409,
        body: { reason: 'AlreadyExists' },
      });
    });
  });

  test('a namespace that goes takes no new object', async () => {
    webhook.on(
      '/think',
      thinking(() => server.send('DELETE', `/api/v1/namespaces/${namespace}`)),
    );
    await configured('Validating', [hook('think')], async () => {
      expect(await create()).toMatchObject({ code: 403, body: { reason: 'Forbidden' } });
    });
  });

  test('two Services do not get the same address', async () => {
    const services = `/api/v1/namespaces/${namespace}/services`;
    const service = (name: string): Fields => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { clusterIP: '10.96.77.77', ports: [{ port: 80 }] },
    });
    const other: { code?: number } = {};
    webhook.on(
      '/think',
      thinking(async () => {
        other.code = (await server.send('POST', services, { body: service('two') })).code;
      }),
    );
    const rules = [{ ...RULE, resources: ['services'] }];
    await configured(
      'Validating',
      [hook('think', { rules, objectSelector: { matchLabels: { slow: 'yes' } } })],
      async () => {
        const body = service('one');
        body['metadata'] = { name: 'one', labels: { slow: 'yes' } };
        expect((await server.send('POST', services, { body })).code).toBe(201);
      },
    );
    expect(other.code).toBe(422);
  });
});
