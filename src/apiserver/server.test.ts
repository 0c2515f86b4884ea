import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Transport, TransportRequest } from '../client/index.ts';
import type { KubeObject } from '../machinery/index.ts';
import { type ApiServer, startApiServer } from './index.ts';

let server: ApiServer;
let transport: Transport;
let namespace = '';
let count = 0;

beforeAll(async () => {
  server = await startApiServer({});
  transport = server.transport();
});
afterAll(() => server.stop());

beforeEach(async () => {
  namespace = `test-${++count}`;
  await send('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
});

type Method = TransportRequest['method'];

async function send(
  method: Method,
  path: string,
  body?: unknown,
  query?: Record<string, string>,
  contentType?: string,
): Promise<KubeObject> {
  const answer = await transport.request({
    method,
    path,
    body,
    ...(query ? { query } : {}),
    ...(contentType ? { contentType } : {}),
  });
  return answer as KubeObject;
}

const maps = (name?: string): string => `/api/v1/namespaces/${namespace}/configmaps${name ? `/${name}` : ''}`;
const configMap = (name: string, data: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});

describe('create', () => {
  test('stamps the object and refuses a second one', async () => {
    const created = await send('POST', maps(), configMap('x', { a: 'b' }));
    expect(created.metadata).toMatchObject({ name: 'x', namespace, uid: expect.any(String) });
    expect(created.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    await expect(send('POST', maps(), configMap('x'))).rejects.toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
      message: 'configmaps "x" already exists',
    });
  });

  test('makes names from generateName', async () => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'x-' } };
    const created = await send('POST', maps(), object);
    expect(created.metadata.name).toMatch(/^x-[a-z0-9]{5}$/);
  });

  test('needs a namespace that exists and stays', async () => {
    await expect(send('POST', '/api/v1/namespaces/nope/configmaps', configMap('x'))).rejects.toMatchObject({
      code: 404,
      message: 'namespaces "nope" not found',
    });
    await send('DELETE', `/api/v1/namespaces/${namespace}`);
    await expect(send('POST', maps(), configMap('x'))).rejects.toMatchObject({
      code: 403,
      details: { causes: [{ reason: 'NamespaceTerminating' }] },
    });
  });

  test('with dryRun answers as if and stores nothing', async () => {
    const created = await send('POST', maps(), configMap('x'), { dryRun: 'All' });
    expect(created.metadata.uid).toBeDefined();
    expect(created.metadata).not.toHaveProperty('resourceVersion');
    await expect(send('GET', maps('x'))).rejects.toMatchObject({ code: 404 });
  });

  test('does not change the object it is given', async () => {
    const given = Object.freeze({ ...configMap('x'), metadata: Object.freeze({ name: 'x' }) });
    await send('POST', maps(), given);
    expect(given.metadata).toEqual({ name: 'x' });
  });
});

describe('update', () => {
  test('of an outdated object is a conflict', async () => {
    const first = await send('POST', maps(), configMap('x', { a: '1' }));
    await send('PUT', maps('x'), { ...first, data: { a: '2' } });
    await expect(send('PUT', maps('x'), { ...first, data: { a: '3' } })).rejects.toMatchObject({
      code: 409,
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on configmaps "x": the object has been modified; please apply your changes to the latest version and try again',
    });
  });

  test('that changes nothing keeps the resourceVersion', async () => {
    const first = await send('POST', maps(), configMap('x', { a: '1' }));
    const again = await send('PUT', maps('x'), first);
    expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });

  test('of the last finalizer of a deleted object removes it', async () => {
    const object = configMap('x');
    object.metadata.finalizers = ['example.com/hold'];
    await send('POST', maps(), object);
    const marked = await send('DELETE', maps('x'));
    expect(marked.metadata.deletionTimestamp).toBeDefined();
    await send('PATCH', maps('x'), { metadata: { finalizers: null } }, {}, 'application/merge-patch+json');
    await expect(send('GET', maps('x'))).rejects.toMatchObject({ code: 404 });
  });

  test('of the status leaves the rest alone, and the other way round', async () => {
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
    const template = {
      metadata: { labels: { app: 'x' } },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    };
    const spec = { selector: { matchLabels: { app: 'x' } }, template };
    const created = await send('POST', path, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'x' },
      spec,
    });
    expect(created.metadata.generation).toBe(1);
    const status = await send('PUT', `${path}/x/status`, {
      ...created,
      spec: { ...created.spec, replicas: 7 },
      status: { observedGeneration: 1 },
    });
    expect(status).toMatchObject({
      spec: { replicas: 1 },
      status: { observedGeneration: 1 },
      metadata: { generation: 1 },
    });
    const { status: _, ...bare } = status;
    const updated = await send('PUT', `${path}/x`, { ...bare, spec: { ...status.spec, replicas: 3 } });
    expect(updated).toMatchObject({
      spec: { replicas: 3 },
      status: { observedGeneration: 1 },
      metadata: { generation: 2 },
    });
    const scaled = await send(
      'PATCH',
      `${path}/x/scale`,
      { spec: { replicas: 5 } },
      {},
      'application/merge-patch+json',
    );
    expect(scaled).toMatchObject({ kind: 'Scale', spec: { replicas: 5 }, status: { selector: 'app=x' } });
  });
});

describe('server-side apply', () => {
  const apply = (name: string, data: Record<string, string>, fieldManager: string, force = false) =>
    send(
      'PATCH',
      maps(name),
      configMap(name, data),
      { fieldManager, ...(force ? { force: 'true' } : {}) },
      'application/apply-patch+yaml',
    );

  test('creates, merges by owner, and says who is in the way', async () => {
    await apply('x', { a: '1' }, 'one');
    await apply('x', { b: '2' }, 'two');
    expect((await send('GET', maps('x')))['data']).toEqual({ a: '1', b: '2' });
    await expect(apply('x', { a: '3' }, 'two')).rejects.toMatchObject({
      code: 409,
      details: { causes: [{ reason: 'FieldManagerConflict', field: '.data.a' }] },
    });
    expect((await apply('x', { a: '3' }, 'two', true))['data']).toEqual({ a: '3' });
  });

  test('again changes nothing', async () => {
    const first = await apply('x', { a: '1' }, 'one');
    expect((await apply('x', { a: '1' }, 'one')).metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });
});

describe('delete', () => {
  test('checks preconditions', async () => {
    await send('POST', maps(), configMap('x'));
    const body = { preconditions: { uid: 'other' } };
    await expect(send('DELETE', maps('x'), body)).rejects.toMatchObject({ code: 409, reason: 'Conflict' });
    expect(await send('DELETE', maps('x'))).toMatchObject({ kind: 'Status', status: 'Success' });
  });

  test('foreground and orphan are finalizers', async () => {
    await send('POST', maps(), configMap('x'));
    const marked = await send('DELETE', maps('x'), { propagationPolicy: 'Foreground' });
    expect(marked.metadata.finalizers).toEqual(['foregroundDeletion']);
    const orphaned = await send('DELETE', maps('x'), { propagationPolicy: 'Orphan' });
    expect(orphaned.metadata.finalizers).toEqual(['orphan']);
  });

  test('of a collection takes what is selected', async () => {
    for (const name of ['x', 'y', 'z']) {
      const object = configMap(name);
      object.metadata.labels = { keep: String(name === 'z') };
      await send('POST', maps(), object);
    }
    await send('DELETE', maps(), undefined, { labelSelector: 'keep=false' });
    const left = (await send('GET', maps())) as unknown as { items: KubeObject[] };
    expect(left.items.map(({ metadata }) => metadata.name)).toEqual(['z']);
  });

  test('of a scheduled pod gives it its grace period', async () => {
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    // The account comes after the pod that needs it: the pod waits.
    const creating = send('POST', pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec });
    await send('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default' },
    });
    const pod = await creating;
    expect(pod.spec).toMatchObject({ serviceAccountName: 'default', priority: 0 });
    const volumes = pod.spec?.['volumes'] as { name: string }[];
    expect(volumes[0]?.name).toMatch(/^kube-api-access-/);
    await send('POST', `${pods}/x/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'x' },
      target: { kind: 'Node', name: 'n' },
    });
    const marked = await send('DELETE', `${pods}/x`);
    expect(marked.metadata).toMatchObject({ deletionGracePeriodSeconds: 30 });
    await send('DELETE', `${pods}/x`, { gracePeriodSeconds: 0 });
    await expect(send('GET', `${pods}/x`)).rejects.toMatchObject({ code: 404 });
  });
});

describe('services', () => {
  test('get cluster IPs and node ports that are theirs alone', async () => {
    const path = `/api/v1/namespaces/${namespace}/services`;
    const service = (name: string, extra: object = {}) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { type: 'NodePort', ports: [{ port: 80 }], ...extra },
    });
    const one = await send('POST', path, service('one'));
    const two = await send('POST', path, service('two'));
    expect(one.spec?.['clusterIP']).toMatch(/^10\.96\./);
    expect(one.spec?.['clusterIP']).not.toBe(two.spec?.['clusterIP']);
    const [port] = (one.spec?.['ports'] ?? []) as { nodePort: number }[];
    expect(port?.nodePort).toBeGreaterThanOrEqual(30_000);
    const stolen = service('three', { clusterIP: one.spec?.['clusterIP'] });
    await expect(send('POST', path, stolen)).rejects.toMatchObject({ code: 422, reason: 'Invalid' });
    await send('DELETE', `${path}/one`);
    await send('POST', path, stolen);
  });

  test('that are refused, or only tried out, take no address and no port with them', async () => {
    const path = `/api/v1/namespaces/${namespace}/services`;
    const spec = { type: 'NodePort', clusterIP: '10.96.200.7', ports: [{ port: 80, nodePort: 31_234 }] };
    const service = (labels: Record<string, string>): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'one', labels },
      spec,
    });
    await expect(send('POST', path, service({ a: 'not a label!' }))).rejects.toMatchObject({ code: 422 });
    await send('POST', path, service({}), { dryRun: 'All' });
    expect(await send('POST', path, service({}))).toMatchObject({ spec: { clusterIP: '10.96.200.7' } });
    const other = { ...service({}), metadata: { name: 'two' } };
    await expect(send('POST', path, other)).rejects.toMatchObject({ code: 422 });
  });

  test('that ask at the same time for the same port do not both get it', async () => {
    const path = `/api/v1/namespaces/${namespace}/services`;
    const service = (name: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { type: 'NodePort', ports: [{ port: 80, nodePort: 31_235 }] },
    });
    const answers = await Promise.allSettled(['a', 'b', 'c'].map((name) => send('POST', path, service(name))));
    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
  });
});

describe('events', () => {
  test('are the same objects in both of their groups', async () => {
    const regarding = { kind: 'Pod', name: 'p', namespace };
    const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
    const event = { apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name: 'e' }, regarding, note: 'hello' };
    const rest = { reason: 'R', type: 'Normal', action: 'a', reportingController: 'c', reportingInstance: 'i' };
    await send('POST', path, { ...event, ...rest, eventTime: '2026-01-01T00:00:00.000000Z' });
    const core = `/api/v1/namespaces/${namespace}/events`;
    expect(await send('GET', `${core}/e`)).toMatchObject({
      apiVersion: 'v1',
      involvedObject: regarding,
      message: 'hello',
    });
    expect(await send('GET', `${path}/e`)).toMatchObject({ apiVersion: 'events.k8s.io/v1', regarding, note: 'hello' });
    const find = async (name: string): Promise<number> => {
      const list = await send('GET', core, undefined, { fieldSelector: `involvedObject.name=${name}` });
      return (list['items'] as unknown[]).length;
    };
    expect([await find('p'), await find('q')]).toEqual([1, 0]);
    await expect(send('GET', core, undefined, { fieldSelector: 'nonsense=1' })).rejects.toMatchObject({ code: 400 });
  });
});

describe('watch in process', () => {
  test('streams what there is, an end mark, and what comes', async () => {
    await send('POST', maps(), configMap('x'));
    const stop = new AbortController();
    const query = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: 'true' };
    const seen: string[] = [];
    for await (const { type, object } of transport.watch({ method: 'GET', path: maps(), query, signal: stop.signal })) {
      const metadata = object['metadata'] as { name?: string };
      seen.push(`${type} ${metadata.name ?? ''}`);
      if (type === 'BOOKMARK') await send('DELETE', maps('x'));
      if (type === 'DELETED') stop.abort();
    }
    expect(seen).toEqual(['ADDED x', 'BOOKMARK ', 'DELETED x']);
  });
});
