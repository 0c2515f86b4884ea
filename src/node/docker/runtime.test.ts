import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { containerSpec, execute } from '../linux/runtime.testing.ts';
import type { ContainerSpec, Sandbox } from '../runtime.ts';
import { startFakeEngine } from './engine.testing.ts';
import { openEngine } from './engine.ts';
import { pauseProgram } from './pause-image.ts';
import { type DockerRuntime, startDockerRuntime } from './runtime.ts';

let dir: string;
let fake: Awaited<ReturnType<typeof startFakeEngine>>;
let runtime: DockerRuntime;
let sandbox: Sandbox;
const open = () => openEngine(`unix://${join(dir, 'docker.sock')}`);
const newSandbox = (more = {}) =>
  runtime.runSandbox({
    ...{ id: randomBytes(4).toString('hex'), uid: 'u', namespace: 'a', name: 'pod', hostname: 'pod' },
    ...{ hosts: ['1.2.3.4\tother'], resolvConf: 'nameserver 9.9.9.9\n', shareProcesses: false, ...more },
  });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'homeport-docker-'));
  fake = await startFakeEngine(join(dir, 'docker.sock'));
  runtime = await startDockerRuntime({ dataDir: dir, engine: open() });
  sandbox = await newSandbox();
});
afterAll(async () => {
  await runtime.stop();
  expect(fake.containers.size).toBe(0);
  expect(fake.networks.size).toBe(0);
  fake.stop();
  await rm(dir, { recursive: true });
});

async function start(script: string, more: Partial<ContainerSpec> = {}) {
  const image = await runtime.images.resolve('app:1');
  if (!image) throw new Error('no image');
  const made = containerSpec('', ['sh', '-c', script], { image, env: new Map([['A', 'b c']]), ...more });
  return { container: await sandbox.start(made.spec), output: made.output };
}

test('a program runs to its end, with what it wrote and how it ended', async () => {
  const { container, output } = await start('echo "$A"; echo oops >&2; exit 3');
  expect(await container.exited).toMatchObject({ code: 3, oomKilled: false });
  expect(output).toEqual({ stdout: 'b c\n', stderr: 'oops\n' });
  await container.remove();
});

test('the engine is told who it runs as and what it may use, and where the pod’s files are', async () => {
  const { container } = await start('sleep 100', {
    user: { uid: 1, gid: 2, groups: [3] },
    capabilities: ['chown'],
    readOnlyRoot: true,
    seccompUnconfined: true,
    limits: { memory: 1 << 26, cpu: 500 },
    mounts: [{ containerPath: '/data', hostPath: dir, kind: 'folder', readOnly: true }],
  });
  const [pause, made] = [...fake.containers.values()].slice(-2).map(({ body, id }) => ({ ...body, id }));
  expect(made).toMatchObject({
    User: '1:2',
    Labels: { 'io.kubernetes.pod.name': 'pod', 'io.kubernetes.container.name': 'main' },
  });
  expect(made?.HostConfig).toMatchObject({
    NetworkMode: `container:${pause?.id}`,
    GroupAdd: ['3'],
    CapDrop: ['ALL'],
    CapAdd: ['CAP_CHOWN'],
    SecurityOpt: ['no-new-privileges', 'seccomp=unconfined'],
    ReadonlyRootfs: true,
    Memory: 1 << 26,
    CpuQuota: 50_000,
  });
  const binds = made?.HostConfig['Binds'] as string[];
  expect(binds).toContain(`${dir}:/data:ro`);
  const hosts = binds.find((bind) => bind.endsWith(':/etc/hosts'))?.split(':')[0] ?? '';
  expect(await readFile(hosts, 'utf8')).toContain('1.2.3.4\tother\n');
  await container.resize({ memory: 1 << 27 });
  expect(fake.containers.get(made?.id ?? '')?.body.HostConfig).toMatchObject({ Memory: 1 << 27, CpuQuota: 50_000 });
  expect(await container.usage()).toEqual({ cpuNanos: 5e6, memoryBytes: 2000 });
  container.signal('SIGKILL');
  expect((await container.exited).code).toBe(137);
  await container.remove();
});

test('exec and attach: both ways, with exit code, sizes and an end', async () => {
  const { container } = await start('read line; echo "got $line"; sleep 100', { stdin: true });
  expect(await execute(container, ['sh', '-c', 'cat; echo err >&2; exit 7'], { stdin: 'in' })).toEqual({
    ...{ stdout: 'in', stderr: 'err\n', code: 7 },
  });
  async function* sizes() {
    yield { width: 100, height: 30 };
  }
  const { signal } = new AbortController();
  expect(await container.exec(['true'], { tty: true, resize: sizes(), signal })).toBe(0);
  expect(fake.calls).toContain('resize 100x30');
  const stop = new AbortController();
  const attached = container.attach({ stdin: Readable.from(['hello\n']), tty: false, signal: stop.signal });
  setTimeout(() => stop.abort(), 100);
  expect(await attached).toBe(0);
  container.signal('SIGTERM');
  expect((await container.exited).code).toBe(143);
  await container.remove();
});

test('a program that is not there, and what the engine refuses, are start errors', async () => {
  const image = await runtime.images.resolve('app:1');
  if (!image) throw new Error('no image');
  const { spec } = containerSpec('', ['no-such-program'], { image });
  await expect(sandbox.start(spec)).rejects.toMatchObject({
    reason: 'StartError',
    message: expect.stringContaining('executable file not found'),
  });
  const gone = containerSpec('', ['true'], { image: { ...image, reference: 'gone:1' } });
  await expect(sandbox.start(gone.spec)).rejects.toMatchObject({
    reason: 'CreateContainerError',
    message: 'No such image: gone:1',
  });
});

test('a pod’s ports are reached, and one that is taken down by others is known to be lost', async () => {
  const server = createServer((_, response) => response.end('here')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stream = await sandbox.dial((server.address() as AddressInfo).port);
  stream.end('GET / HTTP/1.0\r\n\r\n');
  let text = '';
  for await (const chunk of stream) text += chunk;
  expect(text).toMatch(/here$/);
  server.close();
  const other = await newSandbox();
  const pause = [...fake.containers.values()].at(-1);
  await open().call('DELETE', `/containers/${pause?.id}`, { query: { force: true } });
  await other.lost;
  await other.remove();
});

test('images are the engine’s: found, listed, pulled with the pod’s secrets, and missed in its words', async () => {
  const { images } = runtime;
  expect(await images.resolve('app:1')).toMatchObject({
    reference: 'app:1',
    config: { env: ['FROM=image'], workingDir: '/' },
  });
  expect(await images.resolve('nope')).toBeUndefined();
  await expect(images.resolve('../../etc')).rejects.toThrow(/invalid reference format/);
  expect((await images.list()).map(({ reference }) => reference)).toEqual(['app:1']);
  const auth = Buffer.from('me:secret').toString('base64');
  const pulled = await images.pull('there.example:5000/app', [{ auths: { 'https://there.example:5000': { auth } } }]);
  expect(pulled.reference).toBe('there.example:5000/app:latest');
  const sent = fake.calls.findLast((call) => call.startsWith('auth '))?.slice(5) ?? '';
  expect(JSON.parse(Buffer.from(sent, 'base64url').toString())).toMatchObject({ username: 'me', password: 'secret' });
  await expect(images.pull('missing:1', [])).rejects.toThrow('pull access denied for "it"');
});

test('what an earlier process left in the engine is removed', async () => {
  const other = await mkdtemp(join(tmpdir(), 'homeport-docker-'));
  const first = await startDockerRuntime({ dataDir: other, engine: open() });
  await first.runSandbox({
    ...{ id: 'left', uid: 'u', namespace: 'a', name: 'left', hostname: 'left' },
    ...{ hosts: [], resolvConf: '', shareProcesses: false },
  });
  const before = fake.containers.size;
  const second = await startDockerRuntime({ dataDir: other, engine: open() });
  expect(fake.containers.size).toBe(before - 1);
  await second.stop();
  await rm(other, { recursive: true });
});

test('an engine that is not there is said so', async () => {
  await expect(openEngine(`unix://${dir}/nothing`).call('GET', '/version')).rejects.toThrow(
    /asking the engine at unix:.*ENOENT/,
  );
  expect(() => openEngine('ssh://somewhere')).toThrow(/only unix:\/\/\/PATH and tcp:\/\/HOST:PORT/);
});

test('the program that holds a pod does nothing until it is killed', async () => {
  const path = join(dir, 'pause');
  await writeFile(path, pauseProgram(process.arch === 'x64' ? 'amd64' : 'arm64'), { mode: 0o755 });
  if (process.platform !== 'linux') return;
  const child = spawn(path);
  const ended = new Promise((resolve) => child.on('exit', (_code, signal) => resolve(signal)));
  expect(await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 200, 'waits'))])).toBe('waits');
  child.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
  expect(() => pauseProgram('s390x')).toThrow(/cannot hold pods on an engine for s390x/);
});
