import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient, type LogOptions, type PodStreams } from '../client/index.ts';
import type { KubeObject, Resource } from '../machinery/index.ts';
import { type ApiServer, startApiServer } from './index.ts';

const pods: Resource = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };
const nobody = { username: 'nobody', groups: ['system:authenticated'] };
const key = { name: 'p', namespace: 'default' };

let server: ApiServer;
let asked: LogOptions[] = [];

const agent: PodStreams = {
  async *logs({ container }, options) {
    asked.push(options);
    yield Buffer.from(`said by ${container}\n`);
    for (let i = 0; i < 20; i++) yield Buffer.alloc(1024 * 1024, 'x');
  },
  exec: async () => 0,
  attach: async () => 0,
  portForward: () => Promise.reject(new Error('not here')),
};

beforeAll(async () => {
  server = await startApiServer();
  server.connectNode('n', agent);
  const client = createClient(server.transport());
  const account: KubeObject = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { ...key, name: 'default' } };
  await client.create({ ...pods, resource: 'serviceaccounts', kind: 'ServiceAccount' }, account);
  const spec = { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] };
  await client.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: key, spec });
});
afterAll(() => server.stop());

describe('a log read in process', () => {
  it('comes from the agent of the node, in one piece of bounded size', async () => {
    const client = createClient(server.transport());
    asked = [];
    expect(await client.logs(key, { previous: true, tailLines: 2, limitBytes: 10 })).toBe('said by c\n');
    expect(asked).toEqual([{ follow: false, previous: true, timestamps: false, tailLines: 2, limitBytes: 10 }]);
    expect(await client.logs(key, { limitBytes: 1e9 })).toHaveLength(8 * 1024 * 1024);
  });

  it('is refused as over HTTP, and may not be followed', async () => {
    const client = createClient(server.transport());
    await expect(client.logs(key, { container: 'd' })).rejects.toMatchObject({ code: 400 });
    await expect(client.logs(key, { tailLines: -1 })).rejects.toMatchObject({ code: 422 });
    await expect(client.logs({ ...key, name: 'q' })).rejects.toMatchObject({ code: 404 });
    await expect(createClient(server.transport(nobody)).logs(key)).rejects.toMatchObject({ code: 403 });
    const path = '/api/v1/namespaces/default/pods/p/log';
    const follow = server.transport().request({ method: 'GET', path, query: { follow: 'true' } });
    await expect(follow).rejects.toThrow('cannot be followed');
    await expect(server.transport().request({ method: 'PUT', path, body: {} })).rejects.toMatchObject({ code: 405 });
  });
});
