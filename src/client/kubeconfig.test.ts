import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadKubeconfig } from './kubeconfig.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'homeport-kubeconfig-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(name: string, config: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof config === 'string' ? config : stringify(config));
  return path;
}

function configOf(user: Record<string, unknown>, cluster: Record<string, unknown> = {}): unknown {
  return {
    'current-context': 'main',
    contexts: [
      { name: 'main', context: { cluster: 'here', user: 'me', namespace: 'a-team' } },
      { name: 'other', context: { cluster: 'here', user: 'me' } },
    ],
    clusters: [{ name: 'here', cluster: { server: 'https://127.0.0.1:6443', ...cluster } }],
    users: [{ name: 'me', user }],
  };
}

describe('loadKubeconfig', () => {
  it('reads certificates inline or from files beside it', async () => {
    await writeFile(join(folder, 'client.key'), 'KEY');
    const inline = (text: string) => Buffer.from(text).toString('base64');
    const user = { 'client-certificate-data': inline('CERT'), 'client-key': 'client.key' };
    const cluster = { 'certificate-authority-data': inline('CA'), 'tls-server-name': 'api' };
    expect(await loadKubeconfig(await write('inline', configOf(user, cluster)))).toMatchObject({
      context: 'main',
      namespace: 'a-team',
      server: 'https://127.0.0.1:6443',
      caPem: 'CA',
      certPem: 'CERT',
      keyPem: 'KEY',
      serverName: 'api',
      insecure: false,
    });
  });

  it('reads tokens, and another context than the current one', async () => {
    const path = await write('token', configOf({ tokenFile: 'token.txt' }));
    const config = await loadKubeconfig(path, 'other');
    expect(config).toMatchObject({ context: 'other', namespace: 'default', tokenFile: join(folder, 'token.txt') });
  });

  it.each([
    ['not YAML', '{', 'is not YAML'],
    ['no context', {}, 'has no current-context'],
    ['an exec plugin', configOf({ exec: { command: 'aws' } }), 'relies on an exec plugin, which is not supported'],
    ['a proxy', configOf({}, { 'proxy-url': 'http://x' }), 'has a proxy-url'],
    ['a missing file', configOf({ 'client-key': 'missing.pem' }), 'client-key: '],
  ])('says what is wrong with %s', async (name, config, message) => {
    const path = await write(name.replaceAll(' ', '-'), config);
    await expect(loadKubeconfig(path)).rejects.toThrow(message);
    await expect(loadKubeconfig(path)).rejects.toThrow(path);
  });

  it('names the contexts there are', async () => {
    const path = await write('names', configOf({}));
    await expect(loadKubeconfig(path, 'nope')).rejects.toThrow('has no context named "nope" (it has: main, other)');
  });
});
