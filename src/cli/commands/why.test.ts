import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ApiServer, startApiServer } from '../../apiserver/index.ts';
import { createClient } from '../../client/index.ts';
import type { KubeObject, Resource } from '../../machinery/index.ts';
import { createProgram } from '../program.ts';

const of = (resource: string, kind: string, namespaced = true): Resource => ({
  ...{ group: '', version: 'v1', resource, kind, namespaced },
});
let server: ApiServer;
const folder = mkdtempSync(join(tmpdir(), 'homeport-why-'));
const kubeconfig = join(folder, 'kubeconfig');

beforeAll(async () => {
  server = await startApiServer();
  writeFileSync(kubeconfig, server.adminKubeconfig());
  const client = createClient(server.transport());
  const make = (kind: string, name: string, more: object = {}): KubeObject => ({
    ...{ apiVersion: 'v1', kind, metadata: { name, namespace: 'a-team' } },
    ...more,
  });
  for (const name of ['a-team', 'b-team']) {
    const namespace: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    await client.create(of('namespaces', 'Namespace', false), namespace);
  }
  const ports = [{ port: 80 }];
  await client.create(of('services', 'Service'), make('Service', 'web', { spec: { selector: { app: 'web' }, ports } }));
  await client.create(of('configmaps', 'ConfigMap'), make('ConfigMap', 'settings'));
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});
afterEach(() => vi.restoreAllMocks());

/** What the command prints. */
async function homeport(...words: string[]): Promise<string> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  await createProgram().parseAsync(['node', 'homeport', ...words, '--kubeconfig', kubeconfig]);
  const printed = log.mock.calls.flat().join('\n');
  log.mockRestore();
  return printed;
}

describe('homeport why', () => {
  it('explains one object', async () => {
    expect(await homeport('why', 'service/web', '-n', 'a-team')).toMatch(
      /^✗ service web selects no pods \(app=web\): change spec\.selector\n {2}where +Service\/web\n {2}field +spec\.selector\n {2}fixable by +you\n {2}since +\S+Z \(\d+s ago\)$/,
    );
    expect(await homeport('why', 'cm/settings', '-n', 'a-team')).toBe('✓ ConfigMap/settings: nothing is wrong');
    expect(JSON.parse(await homeport('why', 'svc/web', '-n', 'a-team', '-o', 'json'))).toMatchObject({
      healthy: false,
      object: 'Service/web',
      field: 'spec.selector',
      fixableBy: 'developer',
    });
  });

  it('lists all that is not healthy in the namespace, or anywhere', async () => {
    const line =
      /^✗ Service\/web: service web selects no pods \(app=web\): change spec\.selector \(fixable by you, for \d+s\)$/;
    expect(await homeport('why', '-n', 'a-team')).toMatch(line);
    expect(await homeport('why', '-A')).toContain('✗ Service/web in a-team: service web selects no pods');
    const [trouble] = JSON.parse(await homeport('why', '-A', '-o', 'json')) as object[];
    expect(trouble).toMatchObject({
      kind: 'Service',
      apiVersion: 'v1',
      namespace: 'a-team',
      name: 'web',
      healthy: false,
    });
  });

  it('says that all is well, or that there is nothing', async () => {
    expect(await homeport('why', '-n', 'default')).toMatch(
      /^✓ everything is healthy in namespace default \(\d+ objects\)$/,
    );
    expect(await homeport('why', '-n', 'b-team')).toContain('nothing to look at in namespace b-team');
    expect(await homeport('why', '-n', 'b-team', '-o', 'json')).toBe('[]');
    await expect(homeport('why', 'svc/web', '-A')).rejects.toThrow('not both');
  });
});

describe('homeport tree', () => {
  it('prints a table, or for scripts what they need', async () => {
    expect(await homeport('tree', 'svc/web', '-n', 'a-team')).toMatch(
      /^NAMESPACE {2}NAME +READY {2}STATUS +AGE\na-team +Service\/web {2}- +✓ Healthy {2}\d+s$/,
    );
    expect(JSON.parse(await homeport('tree', 'svc', 'web', '-n', 'a-team', '-o', 'json'))).toEqual({
      ...{ kind: 'Service', apiVersion: 'v1', namespace: 'a-team', name: 'web' },
      ...{ status: 'Healthy', message: '', link: 'root', children: [] },
    });
  });
});
