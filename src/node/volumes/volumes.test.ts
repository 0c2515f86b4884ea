import { mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Client } from '../../client/index.ts';
import type { KubeObject, Resource } from '../../machinery/index.ts';
import type { Container, Pod, Volume } from '../pod.ts';
import { createPodVolumes } from './pod-volumes.ts';

let dir: string;
let objects: Map<string, KubeObject>;
let tokens: number;
beforeEach(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), 'homeport-volumes-')));
  objects = new Map();
  tokens = 0;
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** The two calls that volumes make. */
const client = {
  find: async (resource: Resource, key: { name: string }) => objects.get(`${resource.kind}/${key.name}`),
  post: async () => {
    tokens += 1;
    return { status: { token: `token-${tokens}` } };
  },
} as unknown as Client;

function setUp(volumes: Volume[], mounts: Container['volumeMounts'] = []) {
  const container: Container = { name: 'main', volumeMounts: mounts };
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'a', uid: 'u', labels: { app: 'x' } },
    spec: { containers: [container], volumes },
  };
  const made = createPodVolumes(pod, { folders: { pods: dir, memory: join(dir, 'memory') } });
  const sources = { client, pod, podIp: '10.0.0.1', hostIp: '10.0.0.2', capacity: { cpu: 4, memory: 1 << 30 } };
  return {
    made,
    prepare: () => made.prepare(sources),
    mounts: () => made.mountsOf(container, new Map([['NAME', 'sub']])),
  };
}

const configMap = (name: string, data: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});

test('a ConfigMap shows its keys, and all of a change at once', async () => {
  objects.set('ConfigMap/cm', configMap('cm', { a: '1', b: '2' }));
  const { prepare } = setUp([{ name: 'v', configMap: { name: 'cm' } }]);
  await prepare();
  const folder = join(dir, 'u/volumes/v');
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe('1');
  expect(await readlink(join(folder, 'a'))).toBe('..data/a');
  const before = await readlink(join(folder, '..data'));
  await prepare();
  expect(await readlink(join(folder, '..data'))).toBe(before);
  objects.set('ConfigMap/cm', configMap('cm', { a: '3', c: '4' }));
  await prepare();
  expect((await readdir(folder)).filter((name) => !name.startsWith('..')).sort()).toEqual(['a', 'c']);
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe('3');
  expect((await readdir(folder)).length).toBe(4);
});

test('secrets, tokens and the downward API lie in memory together, and a token is kept while it is good', async () => {
  objects.set('Secret/s', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    data: { pw: Buffer.from('pass').toString('base64') },
  });
  const sources = [
    { secret: { name: 's', items: [{ key: 'pw', path: 'deep/er/pw', mode: 0o400 }] } },
    { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
    { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
  ];
  const { made, prepare } = setUp([{ name: 'v', projected: { sources } }]);
  await prepare();
  await prepare();
  const folder = join(dir, 'memory/v');
  expect(await readFile(join(folder, 'deep/er/pw'), 'utf8')).toBe('pass');
  expect((await stat(join(folder, 'deep/er/pw'))).mode & 0o777).toBe(0o400);
  expect(await readFile(join(folder, 'token'), 'utf8')).toBe('token-1');
  expect(await readFile(join(folder, 'labels'), 'utf8')).toBe('app="x"');
  expect(made.renewAt()).toBeGreaterThan(Date.now() + 2_800_000);
});

test.each<[string, Volume, RegExp]>([
  [
    'a missing ConfigMap',
    { name: 'v', configMap: { name: 'no' } },
    /^MountVolume.SetUp failed for volume "v" : configmap "no" not found$/,
  ],
  [
    'a missing key',
    { name: 'v', configMap: { name: 'cm', items: [{ key: 'no', path: 'x' }] } },
    /references non-existent config key: no/,
  ],
  [
    'a path that leads out',
    { name: 'v', configMap: { name: 'cm', items: [{ key: 'a', path: '../x' }] } },
    /leads out of its volume/,
  ],
  [
    'a kind of volume of another machine',
    { name: 'v', nfs: { server: 'x', path: '/' } },
    /^MountVolume.SetUp failed for volume "v" : this node does not support volumes of type nfs$/,
  ],
  [
    'a claim that is not there',
    { name: 'v', persistentVolumeClaim: { claimName: 'x' } },
    /^Unable to attach or mount volumes: unmounted volumes=\[v\].* error processing PVC a\/x: failed to fetch PVC/,
  ],
  [
    'a hostPath of another type',
    { name: 'v', hostPath: { path: '/', type: 'File' } },
    /check failed: \/ is not a file/,
  ],
  [
    'a hostPath that is not there',
    { name: 'v', hostPath: { path: '/nowhere', type: 'Directory' } },
    /hostPath type check failed: \/nowhere is not a directory/,
  ],
  [
    'a source of another kind',
    { name: 'v', projected: { sources: [{ podCertificate: { signerName: 'x' } }] } },
    /this node does not support projected volumes with podCertificate/,
  ],
])('%s is an error that says so', async (_what, volume, message) => {
  objects.set('ConfigMap/cm', configMap('cm', { a: '1' }));
  await expect(setUp([volume]).prepare()).rejects.toThrow(message);
});

test('subPath: a folder that is turned into a link meanwhile leads nowhere', async () => {
  const outside = join(dir, 'outside');
  await mkdir(outside, { mode: 0o700 });
  const made = setUp([{ name: 'e', emptyDir: {} }], [{ name: 'e', mountPath: '/m', subPath: 'a/b' }]);
  await made.prepare();
  const place = join(dir, 'u/volumes/e/a');
  let over = false;
  const flipping = (async () => {
    while (!over) {
      // Both sides get in each other's way; only where it leads counts.
      await rm(place, { recursive: true, force: true }).catch(() => undefined);
      await symlink(outside, place).catch(() => undefined);
      await rm(place, { recursive: true, force: true }).catch(() => undefined);
      await mkdir(place).catch(() => undefined);
    }
  })();
  for (let i = 0; i < 200; i++) await made.mounts().catch(() => undefined);
  over = true;
  await flipping;
  expect(await readdir(outside)).toEqual([]);
  expect((await stat(outside)).mode & 0o777).toBe(0o700);
});

test('subPath: folders are made, files of ours are resolved, links and ways out are refused', async () => {
  objects.set('ConfigMap/cm', configMap('cm', { a: '1' }));
  const volumes: Volume[] = [
    { name: 'e', emptyDir: {} },
    { name: 'c', configMap: { name: 'cm' } },
  ];
  const mount = (name: string, subPath: string) => [{ name, mountPath: '/m', subPath }];
  const made = setUp(volumes, [{ name: 'e', mountPath: '/m', subPathExpr: 'deep/$(NAME)' }]);
  await made.prepare();
  expect(await made.mounts()).toEqual([
    { containerPath: '/m', hostPath: join(dir, 'u/volumes/e'), kind: 'folder', readOnly: false, subPath: 'deep/sub' },
  ]);
  expect((await stat(join(dir, 'u/volumes/e/deep/sub'))).mode & 0o777).toBe(0o777);
  const file = setUp(volumes, mount('c', 'a'));
  await file.prepare();
  expect(await file.mounts()).toMatchObject([{ kind: 'file', readOnly: true }]);
  await symlink('/etc', join(dir, 'u/volumes/e/link'));
  await writeFile(join(dir, 'u/volumes/e/file'), '');
  for (const subPath of ['../x', '/etc', 'link', 'link/x', 'file']) {
    const wrong = setUp(volumes, mount('e', subPath));
    await wrong.prepare();
    await expect(wrong.mounts(), subPath).rejects.toThrow(/subPath/);
  }
});
