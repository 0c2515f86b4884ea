// The API as @kubernetes/client-node uses it: everything over JSON and WebSockets.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import {
  CoreV1Api,
  Exec,
  KubeConfig,
  Log,
  PatchStrategy,
  PortForward,
  setHeaderOptions,
  type V1ConfigMap,
  type V1Status,
  Watch,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { buildDemoImage } from './support/images.ts';
import { eventually } from './support/run.ts';

const image = 'silly-demo:1.4.305';
const namespace = 'default';
let dataDir: string;
let homeport: TestHomeport;
let config: KubeConfig;
let core: CoreV1Api;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'homeport-client-node-'));
  homeport = await startHomeport(['--runtime', 'linux'], dataDir);
  await buildDemoImage(homeport, image);
  config = new KubeConfig();
  config.loadFromFile(homeport.status.kubeconfig);
  core = config.makeApiClient(CoreV1Api);
});
afterAll(async () => {
  await homeport.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** A stream that keeps what it is given. */
function sink(): Writable & { text(): string } {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  return Object.assign(stream, { text: () => text });
}

const configMap = (name: string, data: Record<string, string> = {}): V1ConfigMap => ({ metadata: { name }, data });

test('objects: create, patch, replace, list, delete, and errors with their Status', async () => {
  const created = await core.createNamespacedConfigMap({ namespace, body: configMap('plain', { a: '1' }) });
  expect(created.metadata?.creationTimestamp).toBeInstanceOf(Date);
  const patched = await core.patchNamespacedConfigMap(
    { namespace, name: 'plain', body: { data: { b: '2' } } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  );
  expect(patched.data).toEqual({ a: '1', b: '2' });
  await expect(core.replaceNamespacedConfigMap({ namespace, name: 'plain', body: created })).rejects.toMatchObject({
    code: 409,
    body: expect.stringContaining('the object has been modified'),
  });
  const listed = await core.listNamespacedConfigMap({ namespace, fieldSelector: 'metadata.name=plain' });
  expect(listed.items.map((item) => item.data)).toEqual([{ a: '1', b: '2' }]);
  expect(await core.deleteNamespacedConfigMap({ namespace, name: 'plain' })).toMatchObject({ status: 'Success' });
});

test('watch tells of what changes, from where it is told to begin', async () => {
  const { metadata } = await core.listNamespacedConfigMap({ namespace });
  const seen: string[] = [];
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const query = { resourceVersion: metadata?.resourceVersion };
  const ended = Promise.withResolvers<unknown>();
  const abort = await new Watch(config).watch(
    path,
    query,
    (phase, object: V1ConfigMap) => seen.push(`${phase} ${object.metadata?.name}`),
    ended.resolve,
  );
  await core.createNamespacedConfigMap({ namespace, body: configMap('watched') });
  await core.deleteNamespacedConfigMap({ namespace, name: 'watched' });
  await eventually('both events', async () => seen.length === 2);
  abort.abort();
  await ended.promise;
  expect(seen).toEqual(['ADDED watched', 'DELETED watched']);
});

test('exec, log and port-forward of a pod', async () => {
  const name = 'web';
  const container = { name: 'main', image, readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 } };
  const spec = { terminationGracePeriodSeconds: 1, containers: [container] };
  await core.createNamespacedPod({ namespace, body: { metadata: { name }, spec } });
  await eventually('the pod', async () => {
    const { status } = await core.readNamespacedPod({ namespace, name });
    return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
  });

  const exec = async (command: string[], input: Readable | null = null) => {
    const [out, err] = [sink(), sink()];
    const ended = Promise.withResolvers<V1Status>();
    await new Exec(config).exec(namespace, name, 'main', command, out, err, input, false, ended.resolve);
    return { status: await ended.promise, out: out.text(), err: err.text() };
  };
  expect(await exec(['sh', '-c', 'echo out; echo err >&2'])).toMatchObject({
    status: { status: 'Success' },
    out: 'out\n',
    err: 'err\n',
  });
  expect(await exec(['head', '-n', '1'], Readable.from(['typed\n']))).toMatchObject({ out: 'typed\n' });
  expect((await exec(['sh', '-c', 'exit 3'])).status).toMatchObject({
    status: 'Failure',
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: '3' }] },
  });

  const answer = await throughPort(name, 8080, 'GET /fibonacci?number=10 HTTP/1.0\r\n\r\n');
  expect(answer).toMatch(/^HTTP\/1.1 200 OK/);
  expect(answer).toContain('55');

  const log = sink();
  await new Log(config).log(namespace, name, 'main', log, { follow: true });
  await eventually('the request in the log', async () => log.text().includes('/fibonacci?number=10'));
  // Not aborted: the library would throw that where nobody can catch it. A followed log ends with its pod.
  const over = once(log, 'finish');
  await core.deleteNamespacedPod({ namespace, name });
  await over;
});

/** Sends bytes to a port of a pod, and resolves with what came back until the far end closed. */
async function throughPort(pod: string, port: number, request: string): Promise<string> {
  const input = new PassThrough();
  const output = sink();
  const socket = await new PortForward(config).portForward(namespace, pod, [port], output, null, input);
  input.write(request);
  const answer = await eventually('an answer', async () => output.text().includes('\r\n\r\n') && output.text());
  if (typeof socket !== 'function') socket.close();
  return answer;
}
