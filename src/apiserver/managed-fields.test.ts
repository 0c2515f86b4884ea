/** What kube-apiserver 1.34 answered to the same requests. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Fields, KubeObject } from '../machinery/index.ts';
import { type Answer, startTestServer, type TestServer } from './https.testing.ts';

const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const MAPS = '/api/v1/namespaces/default/configmaps';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const patch = (path: string, body: unknown, type: string): Promise<Answer> =>
  server.send('PATCH', path, { body, headers: { 'content-type': `application/${type}` } });
const apply = (path: string, body: object): Promise<Answer> => patch(path, body, 'apply-patch+yaml');
const merge = (path: string, body: object): Promise<Answer> => patch(path, body, 'merge-patch+json');

/** Each manager with its operation, subresource and fields. */
function managers(answer: Answer): [string, string, string | undefined, Fields][] {
  const entries = ((answer.body['metadata'] as Fields)['managedFields'] ?? []) as Fields[];
  return entries.map((entry) => [
    entry['manager'] as string,
    entry['operation'] as string,
    entry['subresource'] as string | undefined,
    entry['fieldsV1'] as Fields,
  ]);
}

const deployment = (name: string, spec: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, labels: { l: '1' } },
  spec: {
    selector: { matchLabels: { app: 'x' } },
    template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'a', image: 'i' }] } },
    ...spec,
  },
});
const configMap = (name: string, rest: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  ...rest,
});

describe('managed fields of built-in kinds', () => {
  test('a creator owns no struct that is always there, only what is in it', async () => {
    const body = deployment('created', { strategy: { type: 'Recreate' } });
    const created = await server.send('POST', `${DEPLOYMENTS}?fieldManager=m`, { body });
    const [[, , , fields] = []] = managers(created);
    expect(fields).toMatchObject({
      'f:metadata': { 'f:labels': { '.': {}, 'f:l': {} } },
      'f:spec': {
        'f:selector': {},
        'f:strategy': { 'f:type': {} },
        'f:template': {
          'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
          'f:spec': { 'f:containers': { 'k:{"name":"a"}': { '.': {}, 'f:name': {} } }, 'f:securityContext': {} },
        },
      },
    });
    for (const path of ['f:spec', 'f:strategy', 'f:template', 'f:containers']) {
      expect(JSON.stringify(fields), path).not.toContain(`"${path}":{".":`);
    }
  });

  test('an empty list of managers resets them', async () => {
    await server.send('POST', `${MAPS}?fieldManager=m`, { body: configMap('reset', { data: { a: '1' } }) });
    const reset = await merge(`${MAPS}/reset`, { metadata: { managedFields: [] } });
    expect(managers(reset)).toEqual([]);
  });

  test('an applied null owns the field; a map that others have filled stays', async () => {
    await server.send('POST', `${MAPS}?fieldManager=m`, { body: configMap('null', { data: { a: '1' } }) });
    const applied = await apply(`${MAPS}/null?fieldManager=n`, configMap('null', { data: null }));
    expect(applied.body['data']).toEqual({ a: '1' });
    expect(managers(applied).map(([manager, , , fields]) => [manager, fields])).toEqual([
      ['n', { 'f:data': {} }],
      ['m', { 'f:data': { '.': {}, 'f:a': {} } }],
    ]);
  });

  test('an apply that drops all it had keeps what identifies the object', async () => {
    const path = `${MAPS}/dropped?fieldManager=m`;
    await apply(path, configMap('dropped', { data: { a: '1' }, immutable: false }));
    await apply(path, { ...configMap('dropped'), metadata: { name: 'dropped', annotations: {} } });
    const last = await apply(path, configMap('dropped'));
    expect(last.code).toBe(200);
    expect(last.body).toMatchObject({ metadata: { name: 'dropped', uid: expect.any(String) } });
    expect(last.body).not.toHaveProperty('data');
  });

  test('a scale is owned by who scales, once anybody owns it, and by nobody at zero', async () => {
    await apply(`${DEPLOYMENTS}/scaled?fieldManager=m`, deployment('scaled'));
    await merge(`${DEPLOYMENTS}/scaled/scale?fieldManager=s`, { spec: { replicas: 3 } });
    expect(managers(await server.send('GET', `${DEPLOYMENTS}/scaled`)).map(([manager]) => manager)).toEqual(['m']);
    await merge(`${DEPLOYMENTS}/scaled?fieldManager=u`, { spec: { replicas: 5 } });
    await merge(`${DEPLOYMENTS}/scaled/scale?fieldManager=s`, { spec: { replicas: 6 } });
    const owners = managers(await server.send('GET', `${DEPLOYMENTS}/scaled`));
    expect(owners.slice(1)).toEqual([['s', 'Update', 'scale', { 'f:spec': { 'f:replicas': {} } }]]);
    // Entries are in the order of their times: that of who scales has none.
    const { metadata } = (await server.send('GET', `${DEPLOYMENTS}/scaled`)).body as unknown as KubeObject;
    expect(metadata.managedFields?.map(({ manager, time }) => [manager, typeof time])).toEqual([
      ['m', 'string'],
      ['s', 'undefined'],
    ]);
    const none = await merge(`${DEPLOYMENTS}/scaled/scale?fieldManager=t`, { spec: { replicas: 0 } });
    expect(none.body['spec']).toEqual({});
    expect(managers(await server.send('GET', `${DEPLOYMENTS}/scaled`)).map(([manager]) => manager)).toEqual(['m']);
  });

  test('a status may be written with metadata, but for the labels of a Deployment', async () => {
    await server.send('POST', DEPLOYMENTS, { body: deployment('status') });
    const written = await merge(`${DEPLOYMENTS}/status/status?fieldManager=s`, {
      metadata: { annotations: { a: '1' }, labels: { l: '2' } },
      spec: { replicas: 9 },
      status: { replicas: 1 },
    });
    expect(written.body).toMatchObject({
      metadata: { annotations: { a: '1' }, labels: { l: '1' } },
      spec: { replicas: 1 },
      status: { replicas: 1 },
    });
    expect(managers(written).find(([manager]) => manager === 's')).toEqual([
      's',
      'Update',
      'status',
      { 'f:metadata': { 'f:annotations': { '.': {}, 'f:a': {} } }, 'f:status': { 'f:replicas': {} } },
    ]);
  });

  test('a patch that makes no object of the kind is invalid itself', async () => {
    await server.send('POST', MAPS, { body: configMap('broken') });
    const broken = await merge(`${MAPS}/broken`, { metadata: { labels: 2 } });
    expect(broken).toMatchObject({
      code: 422,
      body: { reason: 'Invalid', details: { causes: [{ reason: 'FieldValueInvalid', field: 'patch' }] } },
    });
    expect(broken.body.message).toMatch(
      /^ "" is invalid: patch: Invalid value: ".*": json: cannot unmarshal number into Go struct field ObjectMeta\.metadata\.labels of type map\[string\]string$/,
    );
  });
});
