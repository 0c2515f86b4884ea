import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeProtobuf, type KubeObject } from '../machinery/index.ts';
import { type Answer, startTestServer, type TestServer } from './https.testing.ts';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const MAPS = '/api/v1/namespaces/default/configmaps';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const get = (path: string, accept = PROTOBUF): Promise<Answer> => server.send('GET', path, { headers: { accept } });

async function create(path: string, object: object): Promise<KubeObject> {
  return (await server.api.transport().request({ method: 'POST', path, body: object })) as KubeObject;
}

/** The frames of a watch: four bytes of length, then a WatchEvent with its type (1) and a raw object (2.1). */
function events(bytes: Buffer): { type: string; object: KubeObject }[] {
  const found: { type: string; object: KubeObject }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const frame = bytes.subarray(at + 4, at + 4 + length);
    const type = frame.toString('utf8', 2, 2 + (frame[1] as number));
    found.push({ type, object: decodeProtobuf(frame.subarray(frame.indexOf('k8s\0'))) });
    at += 4 + length;
  }
  return found;
}

describe('answers in protobuf', () => {
  test('an object, a list, and what is left of it by its metadata', async () => {
    const name = `m-${'ü'.repeat(100)}`.normalize();
    for (const key of ['a', 'b']) {
      await create(MAPS, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: key, labels: { set: 'list' }, annotations: { 'example.com/note': name } },
        data: { key },
        binaryData: { raw: 'AAH/' },
      });
    }
    const json = JSON.parse((await get(`${MAPS}/a`, 'application/json')).text) as KubeObject;
    const one = await get(`${MAPS}/a`);
    expect(one.headers['content-type']).toBe(PROTOBUF);
    expect(decodeProtobuf(one.bytes)).toEqual(json);

    const jsonList = JSON.parse((await get(`${MAPS}?labelSelector=set=list`, 'application/json')).text) as KubeObject;
    const list = decodeProtobuf((await get(`${MAPS}?labelSelector=set=list`)).bytes);
    const items = (jsonList['items'] as KubeObject[]).map(({ apiVersion: _, kind: __, ...item }) => item);
    expect(list).toEqual({ ...jsonList, items });

    const partial = await get(`${MAPS}/a`, `${PROTOBUF};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`);
    expect(partial.bytes.includes('PartialObjectMetadata')).toBe(true);
    expect(partial.bytes.includes(Buffer.from('AAH/', 'base64'))).toBe(false);
  });

  test('a refusal is a Status', async () => {
    const { code, headers, bytes } = await get(`${MAPS}/none`);
    expect([code, headers['content-type']]).toEqual([404, PROTOBUF]);
    expect(bytes.includes('configmaps "none" not found')).toBe(true);
  });

  test('custom kinds stay JSON, but for their metadata', async () => {
    const names = { plural: 'crontabs', kind: 'CronTab' };
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    await create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'crontabs.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names,
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    });
    const definitions = await get('/apis/apiextensions.k8s.io/v1/customresourcedefinitions');
    expect(decodeProtobuf(definitions.bytes)).toMatchObject({ items: [{ spec: { group: 'example.com', names } }] });
    const path = '/apis/example.com/v1/namespaces/default/crontabs';
    await expect.poll(async () => (await get(path, 'application/json')).code).toBe(200);
    expect((await get(path)).code).toBe(406);
    expect((await get(path, `${PROTOBUF},application/json`)).headers['content-type']).toBe('application/json');
    const partial = `${PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1`;
    expect((await get(path, partial)).headers['content-type']).toBe(PROTOBUF);
  });

  test('a watch sends frames with their lengths, bookmarks and deletions included', async () => {
    const { metadata } = await create(MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'w' } });
    await server.api.transport().request({ method: 'DELETE', path: `${MAPS}/w` });
    const from = `fieldSelector=metadata.name=w&resourceVersion=${Number(metadata.resourceVersion) - 1}`;
    const watch = await get(`${MAPS}?watch=true&timeoutSeconds=1&${from}`, `${PROTOBUF};stream=watch`);
    expect(watch.headers['content-type']).toBe(`${PROTOBUF};stream=watch`);
    expect(events(watch.bytes).map(({ type, object }) => [type, object.kind, object.metadata.name])).toEqual([
      ['ADDED', 'ConfigMap', 'w'],
      ['DELETED', 'ConfigMap', 'w'],
    ]);
    const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const begun = await get(`${MAPS}?watch=true&timeoutSeconds=1&${initial}`, PROTOBUF);
    expect(events(begun.bytes).at(-1)).toMatchObject({
      type: 'BOOKMARK',
      object: { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
    });
  });
});
