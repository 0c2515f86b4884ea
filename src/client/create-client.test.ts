import { describe, expect, it, vi } from 'vitest';
import { ApiError, type KubeObject, type Resource } from '../machinery/index.ts';
import { createClient } from './create-client.ts';
import { createFakeApi } from './testing/fake-api.ts';
import type { Transport, TransportRequest } from './transport.ts';

const pods: Resource = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };
const nodes: Resource = { group: '', version: 'v1', resource: 'nodes', kind: 'Node', namespaced: false };
const widgets: Resource = { group: 'test.dev', version: 'v1', resource: 'widgets', kind: 'Widget', namespaced: true };

/** A transport that notes what it is asked and gives one answer. */
function recording(answer: unknown) {
  const requests: TransportRequest[] = [];
  const transport: Transport = {
    async request(request) {
      requests.push(request);
      return answer;
    },
    async *watch(request) {
      requests.push(request);
      yield { type: 'ERROR', object: { code: 410, reason: 'Expired', message: 'too old' } };
    },
  };
  return { client: createClient(transport), requests };
}

const pod: KubeObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'one', namespace: 'a' } };

describe('a client', () => {
  it("asks for a container's log with the options that are set, never for all of it", async () => {
    const { client, requests } = recording('said\n');
    const key = { name: 'one', namespace: 'a' };
    expect(await client.logs(key)).toBe('said\n');
    expect(await client.logs(key, { container: 'c', previous: true, tailLines: 3, limitBytes: 9 })).toBe('said\n');
    const path = '/api/v1/namespaces/a/pods/one/log';
    expect(requests).toEqual([
      { method: 'GET', path, query: { limitBytes: '1048576' } },
      { method: 'GET', path, query: { container: 'c', previous: 'true', tailLines: '3', limitBytes: '9' } },
    ]);
    expect(await recording(undefined).client.logs(key)).toBe('');
    await expect(recording({}).client.logs(key)).rejects.toThrow('not a text');
    await expect(client.logs({ name: 'one' })).rejects.toThrow('a namespace is required');
  });

  it('speaks the paths, queries and media types of the API', async () => {
    const { client, requests } = recording({ metadata: { resourceVersion: '1' }, items: [] });
    await client.list(pods, { namespace: 'a', labelSelector: 'x=y', limit: 5 });
    await client.create(pods, pod, { fieldManager: 'me', dryRun: true });
    await client.update(pods, pod, { subresource: 'status' });
    await client.patch(pods, { name: 'one', namespace: 'a' }, 'strategic', { spec: {} }, { subresource: 'status' });
    await client.apply(pods, pod, { fieldManager: 'me', force: true });
    await client.delete(nodes, { name: 'n' }, { propagationPolicy: 'Foreground', uid: 'u' });
    const path = '/api/v1/namespaces/a/pods';
    expect(requests).toMatchObject([
      { method: 'GET', path, query: { labelSelector: 'x=y', limit: '5' } },
      { method: 'POST', path, query: { fieldManager: 'me', dryRun: 'All' }, body: pod },
      { method: 'PUT', path: `${path}/one/status`, body: pod },
      { method: 'PATCH', path: `${path}/one/status`, contentType: 'application/strategic-merge-patch+json' },
      { method: 'PATCH', path: `${path}/one`, contentType: 'application/apply-patch+yaml', query: { force: 'true' } },
      {
        method: 'DELETE',
        path: '/api/v1/nodes/n',
        body: { kind: 'DeleteOptions', propagationPolicy: 'Foreground', preconditions: { uid: 'u' } },
      },
    ]);
  });

  it('never addresses a collection when a name or namespace is missing', async () => {
    const { client, requests } = recording({});
    await expect(client.delete(nodes, { name: '' })).rejects.toThrow('name is required');
    await expect(client.delete(pods, { name: 'one' })).rejects.toThrow('namespace is required');
    expect(requests).toEqual([]);
  });

  it('throws an ERROR event of a watch', async () => {
    const { client } = recording({});
    const watch = client.watch(pods, { signal: new AbortController().signal });
    await expect(watch[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 410 });
  });

  it('gives the items of a list their kind, which servers leave out', async () => {
    const { client } = recording({ metadata: { resourceVersion: '1' }, items: [{ metadata: { name: 'one' } }] });
    expect((await client.list(pods)).items).toEqual([{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'one' } }]);
  });

  it('finds nothing where there is nothing, and passes other errors on', async () => {
    const api = createFakeApi([pods]);
    const client = createClient(api);
    expect(await client.find(pods, { name: 'one', namespace: 'a' })).toBeUndefined();
    api.failWith = new ApiError(500, 'InternalError', 'no');
    await expect(client.find(pods, { name: 'one', namespace: 'a' })).rejects.toThrow('no');
  });
});

describe('discovery', () => {
  it('asks a group-version once, also when many ask at the same time', async () => {
    const api = createFakeApi([widgets]);
    const client = createClient(api);
    const found = await Promise.all([1, 2, 3].map(() => client.resourceFor('test.dev/v1', 'Widget')));
    expect(found).toEqual([widgets, widgets, widgets]);
    await client.resourceFor('test.dev/v1', 'Widget');
    expect(api.requests).toEqual(['GET /apis/test.dev/v1']);
  });

  it('asks again for a kind that was missing, but not at once', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const api = createFakeApi([pods]);
    const client = createClient(api);
    expect(await client.resourceFor('test.dev/v1', 'Widget')).toBeUndefined();
    api.install(widgets);
    expect(await client.resourceFor('test.dev/v1', 'Widget')).toBeUndefined();
    expect(api.requests).toHaveLength(1);
    vi.advanceTimersByTime(1000);
    expect(await client.resourceFor('test.dev/v1', 'Widget')).toEqual(widgets);
    vi.useRealTimers();
  });

  it('lists every resource once and names the group-versions that fail', async () => {
    const api = createFakeApi([pods, nodes, widgets]);
    const failing: Transport = {
      ...api,
      async request(request) {
        if (request.path === '/apis/test.dev/v1') throw new ApiError(503, 'ServiceUnavailable', 'away');
        return api.request(request);
      },
    };
    const { resources, failures } = await createClient(failing).discover();
    expect(resources.map(({ resource }) => resource)).toEqual(['pods', 'nodes']);
    expect(failures).toMatchObject([{ groupVersion: 'test.dev/v1', error: { message: 'away' } }]);
  });
});
