import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type ApiServer, startApiServer } from '../src/apiserver/index.ts';
import {
  type Client,
  createClient,
  createHttpTransport,
  createInformers,
  type HttpTransport,
  loadKubeconfig,
} from '../src/client/index.ts';
import type { KubeObject } from '../src/machinery/index.ts';
import { resource } from './support/cluster.ts';

const configMaps = resource('', 'v1', 'configmaps', 'ConfigMap');

let folder = '';
let api: ApiServer;
let transport: HttpTransport;
let client: Client;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'homeport-client-'));
  api = await startApiServer({});
  await writeFile(join(folder, 'config'), api.adminKubeconfig(), { mode: 0o600 });
  transport = createHttpTransport(await loadKubeconfig(join(folder, 'config')));
  client = createClient(transport);
});

afterAll(async () => {
  transport.close();
  await api.stop();
  await rm(folder, { recursive: true });
});

function configMap(name: string, data: Record<string, string>): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data };
}

it('reads and writes through a kubeconfig and HTTPS', async () => {
  const key = { name: 'one', namespace: 'default' };
  const created = await client.create(configMaps, configMap('one', { text: 'grün' }));
  expect(created['data']).toEqual({ text: 'grün' });
  await client.patch(configMaps, key, 'merge', { data: { more: 'x' } });
  await expect(client.update(configMaps, created)).rejects.toMatchObject({ code: 409, reason: 'Conflict' });
  const applied = await client.apply(configMaps, configMap('one', { mine: 'y' }), { fieldManager: 'test' });
  expect(applied['data']).toEqual({ text: 'grün', more: 'x', mine: 'y' });
  expect(
    (await client.list(configMaps, { namespace: 'default', fieldSelector: 'metadata.name=one' })).items,
  ).toHaveLength(1);
  await client.delete(configMaps, key, { uid: created.metadata.uid });
  expect(await client.find(configMaps, key)).toBeUndefined();
});

it('finds resources by kind', async () => {
  expect(await client.resourceFor('apps/v1', 'Deployment')).toEqual(
    resource('apps', 'v1', 'deployments', 'Deployment'),
  );
  expect(await client.resourceFor('nope.dev/v1', 'Nope')).toBeUndefined();
  const { resources, failures } = await client.discover();
  expect(failures).toEqual([]);
  expect(resources.map((each) => each.resource)).toEqual(expect.arrayContaining(['pods', 'deployments', 'leases']));
});

it('pages a long first list and follows what comes after it', async () => {
  const names = Array.from({ length: 600 }, (_, index) => `many-${index}`);
  await Promise.all(names.map((name) => client.create(configMaps, configMap(name, {}))));
  const informers = createInformers(client, pino({ level: 'silent' }));
  const informer = informers.for(configMaps);
  await informer.synced;
  expect(informer.list('default').filter(({ metadata }) => metadata.name.startsWith('many-'))).toHaveLength(600);
  await client.create(configMaps, configMap('late', {}));
  await vi.waitFor(() => expect(informer.get('default/late')).toBeDefined());
  await client.delete(configMaps, { name: 'late', namespace: 'default' });
  await vi.waitFor(() => expect(informer.get('default/late')).toBeUndefined());
  await informers.stop();
});
