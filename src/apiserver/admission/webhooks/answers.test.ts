import { describe, expect, test } from 'vitest';
import type { Fields } from '../../../machinery/index.ts';
import { type Behaviour, reviewed } from '../../webhooks/webhook.testing.ts';
import {
  configMaps,
  configured,
  create,
  failure,
  hook,
  type Kind,
  server,
  serveWebhooks,
  webhook,
} from './webhooks.testing.ts';

serveWebhooks();

const raw =
  (code: number, body: string, type = 'text/plain'): Behaviour =>
  (_, response) => {
    response.writeHead(code, { 'content-type': type });
    response.end(body);
  };

/** What kube-apiserver 1.34.1 answered to the same webhooks. */
describe.each<Kind>(['Validating', 'Mutating'])('what a %s webhook answers', (kind) => {
  const denials: [string, Fields, Fields][] = [
    [
      'nothing',
      {},
      { code: 400, message: 'admission webhook "answer.hooks.test" denied the request without explanation' },
    ],
    [
      'a code and a message',
      { status: { message: 'no way', code: 403 } },
      { code: 403, message: 'admission webhook "answer.hooks.test" denied the request: no way' },
    ],
    [
      'a reason, causes and a code of success',
      { status: { reason: 'NotNow', code: 200, details: { causes: [{ message: 'm', field: 'f', reason: 'r' }] } } },
      {
        code: 400,
        reason: 'NotNow',
        message: 'admission webhook "answer.hooks.test" denied the request: NotNow',
        details: { causes: [{ message: 'm', field: 'f', reason: 'r' }] },
      },
    ],
  ];
  test.each(denials)('refuses with %s', async (_, response, expected) => {
    webhook.on('/answer', (received) => reviewed(received, { allowed: false, ...response }));
    await configured(kind, [hook('answer')], async () => {
      const answer = await create();
      expect(answer.code).toBe(expected['code']);
      expect(answer.body).toMatchObject(expected);
      expect('reason' in answer.body).toBe('reason' in expected);
    });
    expect((await server.send('GET', `${configMaps()}/one`)).code).toBe(404);
  });

  const failures: [string, Behaviour, string][] = [
    [
      'no response',
      () => ({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' }),
      'received invalid webhook response: webhook response was absent',
    ],
    [
      'another version',
      (received) => ({ ...reviewed(received), apiVersion: 'admission.k8s.io/v1beta1' }),
      'failed to call webhook: converting (v1beta1.AdmissionReview) to (v1.AdmissionReview): unknown conversion',
    ],
    [
      'half a document',
      () => '{"a":',
      "failed to call webhook: couldn't get version/kind; json parse error: unexpected end of JSON input",
    ],
    [
      'nothing at all',
      raw(200, '', 'application/json'),
      'failed to call webhook: 0-length response with status code: 200 and content type: application/json',
    ],
    [
      'a server error',
      raw(500, 'boom'),
      'failed to call webhook: an error on the server ("boom") has prevented the request from succeeding',
    ],
    ['no such path', raw(404, 'nope'), 'failed to call webhook: the server could not find the requested resource'],
    ['its own 403', raw(403, 'nope'), 'failed to call webhook: nope'],
    [
      'ten megabytes',
      () => `"${'x'.repeat(10_000_000)}"`,
      'failed to call webhook: the response is larger than the limit of 3145728 bytes',
    ],
  ];
  test.each(failures)('fails with %s, or is passed over', async (_, behaviour, why) => {
    webhook.on('/broken', behaviour);
    await configured(kind, [hook('broken')], async () => {
      expect((await create()).body).toMatchObject(failure('broken', why));
    });
    await configured(kind, [hook('broken', { failurePolicy: 'Ignore' })], async () => {
      expect((await create()).code).toBe(201);
    });
  });

  test('is refused with the uid of another request', async () => {
    webhook.on('/uid', (received) => reviewed(received, { uid: 'x' }));
    await configured(kind, [hook('uid')], async () => {
      const { message } = (await create()).body;
      expect(message).toMatch(/received invalid webhook response: expected response.uid="[0-9a-f-]{36}", got "x"$/);
    });
  });

  test('is not waited for longer than its timeout', async () => {
    webhook.on('/hang', () => undefined);
    await configured(kind, [hook('hang', { timeoutSeconds: 1 })], async () => {
      const url = `${webhook.url}/hang?timeout=1s`;
      const why = `failed to call webhook: Post "${url}": context deadline exceeded`;
      expect((await create()).body).toMatchObject(failure('hang', why));
    });
  });

  test('passes its warnings on', async () => {
    webhook.on('/warn', (received) => reviewed(received, { warnings: ['careful', 'very'] }));
    await configured(kind, [hook('warn')], async () => {
      expect(await create()).toMatchObject({ code: 201, warnings: ['careful', 'very'] });
    });
  });

  test('is sent no dry run that it cannot undo', async () => {
    webhook.on('/dry', (received) => reviewed(received));
    await configured(kind, [hook('dry', { sideEffects: 'NoneOnDryRun' })], async () => {
      expect((await create('one', '&dryRun=All')).code).toBe(201);
      expect(webhook.received[0]?.body.request).toMatchObject({ dryRun: true, options: { dryRun: ['All'] } });
    });
    expect((await server.send('GET', `${configMaps()}/one`)).code).toBe(404);
  });
});

test('what webhooks answer is counted in the names that dashboards know', async () => {
  webhook.on('/count-yes', (received) => reviewed(received));
  webhook.on('/count-no', (received) => reviewed(received, { allowed: false, status: { code: 418 } }));
  webhook.on('/count-broken', raw(500, 'oops'));
  const quiet = { failurePolicy: 'Ignore' };
  await configured('Mutating', [hook('count-yes'), hook('count-broken', quiet)], () => create());
  await configured('Validating', [hook('count-no')], () => create('two'));
  await configured('Validating', [hook('count-broken')], () => create('three'));
  const text = (await server.send('GET', '/metrics')).text;
  const name = 'apiserver_admission_webhook';
  const of = (path: string): string => `name="${path}.hooks.test"`;
  for (const line of [
    `request_total{code="200",${of('count-yes')},operation="CREATE",rejected="false",type="admit"} 1`,
    `request_total{code="503",${of('count-broken')},operation="CREATE",rejected="false",type="admit"} 1`,
    `fail_open_count{${of('count-broken')},type="admit"} 1`,
    `request_total{code="418",${of('count-no')},operation="CREATE",rejected="true",type="validating"} 1`,
    `rejection_count{error_type="no_error",${of('count-no')},operation="CREATE",rejection_code="418",type="validating"} 1`,
    `rejection_count{error_type="calling_webhook_error",${of('count-broken')},operation="CREATE",rejection_code="503",type="validating"} 1`,
    `admission_duration_seconds_count{${of('count-yes')},operation="CREATE",rejected="false",type="admit"} 1`,
  ]) {
    expect(text).toContain(`\n${name}_${line}\n`);
  }
});
