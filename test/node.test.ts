// The node agent against the API server in this process: what it writes about pods, without kubectl in between.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, startApiServer } from '../src/apiserver/index.ts';
import { type Client, createClient, createPlatformContext, type PlatformContext } from '../src/client/index.ts';
import type { KubeObject } from '../src/machinery/index.ts';
import { chooseRuntime, type NodeAgent, type RuntimeChoice, startNode } from '../src/node/index.ts';
import { buildImage, createPuller, type ImageStore, openImageStore } from '../src/registry/index.ts';
import { pods, resource } from './support/cluster.ts';

const nodes = resource('', 'v1', 'nodes', 'Node', false);
const events = resource('', 'v1', 'events', 'Event');
const serviceAccounts = resource('', 'v1', 'serviceaccounts', 'ServiceAccount');

interface Bench {
  client: Client;
  node: NodeAgent;
  /** Where pods reach the API server. */
  url: string;
  store: ImageStore;
  /** Creates a pod on the node, without a scheduler. */
  run(name: string, spec: object): Promise<KubeObject>;
  /** Waits until a pod's status passes. */
  until(name: string, passes: (status: Status) => boolean): Promise<Status>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

interface ContainerStatus {
  image: string;
  ready: boolean;
  restartCount: number;
  state: {
    waiting?: { reason: string; message?: string };
    running?: object;
    terminated?: { exitCode: number; reason: string; message?: string };
  };
}

interface Status {
  phase?: string;
  reason?: string;
  initContainerStatuses?: ContainerStatus[];
  containerStatuses?: ContainerStatus[];
  conditions?: { type: string; status: string }[];
}

async function startBench(runtime: RuntimeChoice): Promise<Bench> {
  const dataDir = await mkdtemp(join(tmpdir(), 'homeport-node-'));
  const api: ApiServer = await startApiServer({});
  const client = createClient(api.transport());
  await client.create(serviceAccounts, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace: 'default' },
  });
  const store = await openImageStore(join(dataDir, 'images'));
  await buildImage({ store, folder: 'examples/silly-demo', tags: ['silly-demo:1'] });
  let context: PlatformContext & { stop(): Promise<void> };
  let node: NodeAgent;
  let url = '';
  async function start(): Promise<void> {
    context = createPlatformContext(client, pino({ level: 'silent' }));
    const apiServer = { host: '127.0.0.1', port: api.port };
    node = await startNode({
      context,
      images: { ...store, pull: createPuller(store).pull },
      dataDir,
      runtime,
      apiServer,
    });
    url = `https://${node.hostIp}:${api.port}`;
  }
  async function stopNode(): Promise<void> {
    await node.stop();
    await context.stop();
  }
  await start();
  return {
    client,
    store,
    get node() {
      return node;
    },
    get url() {
      return url;
    },
    run: (name, spec) =>
      client.create<KubeObject>(pods, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default' },
        spec: { nodeName: 'homeport', automountServiceAccountToken: false, ...spec },
      }),
    async until(name, passes) {
      let status: Status = {};
      await expect
        .poll(
          async () => {
            status = (await client.get(pods, { name, namespace: 'default' })).status as Status;
            return passes(status) || JSON.stringify(status);
          },
          { timeout: 20_000, interval: 20 },
        )
        .toBe(true);
      return status;
    },
    async restart() {
      await stopNode();
      await start();
    },
    async stop() {
      await stopNode();
      await api.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

const image = 'silly-demo:1';
const first = (status: Status) => status.containerStatuses?.[0];
/** The part of a pod's spec that an Event is about. */
const fieldPath = (event: KubeObject) =>
  (event['involvedObject'] as { fieldPath?: string }).fieldPath?.replace(/^spec\./, '');
const isReady = (status: Status) =>
  status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
const script = (text: string, more: object = {}) => ({
  containers: [{ name: 'main', image, command: ['sh', '-c', text], ...more }],
});

describe('simulated', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await startBench('simulated');
  });
  afterAll(() => bench.stop());

  test('registers a Node that is ready', async () => {
    const node = await bench.client.get(nodes, { name: 'homeport' });
    expect(node.status?.['conditions']).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }));
    expect(node.metadata.labels).toMatchObject({ 'kubernetes.io/os': 'linux', 'homeport.dev/runtime': 'simulated' });
  });

  test('any image of an unknown repository runs; an unknown tag of a known one does not', async () => {
    await bench.run('any', { containers: [{ name: 'main', image: 'nginx' }] });
    await bench.run('typo', { containers: [{ name: 'main', image: 'silly-demo:2' }] });
    expect(await bench.until('any', isReady)).toMatchObject({ phase: 'Running' });
    await bench.until('typo', (status) => first(status)?.state.waiting?.reason === 'ImagePullBackOff');
    await buildImage({ store: bench.store, folder: 'examples/silly-demo', tags: ['silly-demo:2'] });
    await bench.until('typo', isReady);
  });

  test('a pod whose image is changed goes on with the new one, whatever its restart policy', async () => {
    await bench.run('change', { restartPolicy: 'Never', containers: [{ name: 'main', image: 'silly-demo:typo' }] });
    await bench.until('change', (status) => first(status)?.state.waiting?.reason === 'ImagePullBackOff');
    const ref = { namespace: 'default', pod: 'change', container: 'main' };
    const options = { follow: false, previous: false, timestamps: false };
    await expect(
      bench.node.logs(ref, options, new AbortController().signal)[Symbol.asyncIterator]().next(),
    ).rejects.toThrow('container "main" in pod "change" is waiting to start: trying and failing to pull image');
    for (const [restarts, image] of ['silly-demo:1', 'nginx'].entries()) {
      const spec = { containers: [{ name: 'main', image }] };
      await bench.client.patch(pods, { name: 'change', namespace: 'default' }, 'strategic', { spec });
      await bench.until('change', (status) => isReady(status) && first(status)?.image.endsWith(image) === true);
      expect((await bench.until('change', isReady)).containerStatuses).toMatchObject([{ restartCount: restarts }]);
    }
  });

  test('a pod whose time is up fails, however long its container would still wait', async () => {
    const main = { name: 'main', image: 'silly-demo:typo', imagePullPolicy: 'Never' };
    const began = performance.now();
    await bench.run('late', { activeDeadlineSeconds: 1, containers: [main] });
    const status = await bench.until('late', ({ phase }) => phase === 'Failed');
    expect(status).toMatchObject({ reason: 'DeadlineExceeded' });
    // A container without an image is looked at again after ten.
    expect(performance.now() - began).toBeLessThan(6_000);
  });

  test('three hundred pods are ready soon, and gone when deleted', async () => {
    const names = Array.from({ length: 300 }, (_, at) => `many-${at}`);
    await Promise.all(names.map((name) => bench.run(name, { containers: [{ name: 'main', image: 'any' }] })));
    await Promise.all(names.map((name) => bench.until(name, isReady)));
    await Promise.all(names.map((name) => bench.client.delete(pods, { name, namespace: 'default' })));
    await expect
      .poll(
        async () =>
          (await bench.client.list(pods, {})).items.filter((pod) => pod.metadata.name.startsWith('many-')).length,
        { timeout: 20_000 },
      )
      .toBe(0);
  });
});

const { name: best } = await chooseRuntime('auto');

describe.runIf(best === 'linux')('linux', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await startBench('linux');
  });
  afterAll(() => bench.stop());

  test('a program that ends well or badly leaves its pod Succeeded or Failed, with its last words', async () => {
    await bench.run('well', { restartPolicy: 'Never', ...script('echo fine >/dev/termination-log') });
    await bench.run('badly', {
      restartPolicy: 'Never',
      ...script('echo oh no; exit 3', { terminationMessagePolicy: 'FallbackToLogsOnError' }),
    });
    expect(first(await bench.until('well', (status) => status.phase === 'Succeeded'))?.state.terminated).toMatchObject({
      exitCode: 0,
      reason: 'Completed',
      message: 'fine\n',
    });
    expect(first(await bench.until('badly', (status) => status.phase === 'Failed'))?.state.terminated).toMatchObject({
      exitCode: 3,
      reason: 'Error',
      message: 'oh no\n',
    });
  });

  test('init containers run in turn before the others, sidecars beside them', async () => {
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    const container = (name: string, text: string, more: object = {}) => ({
      name,
      image,
      command: ['sh', '-c', text],
      volumeMounts,
      ...more,
    });
    await bench.run('turns', {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      volumes: [{ name: 'v', emptyDir: {} }],
      initContainers: [
        container('one', 'echo 1 >>/v/order'),
        container('beside', 'echo side >>/v/order; touch /v/up; sleep 100', {
          restartPolicy: 'Always',
          startupProbe: { exec: { command: ['test', '-e', '/v/up'] } },
        }),
        container('two', 'echo 2 >>/v/order'),
      ],
      containers: [container('main', 'cat /v/order >/dev/termination-log')],
    });
    const status = await bench.until('turns', ({ phase }) => phase === 'Succeeded');
    expect(first(status)?.state.terminated?.message).toBe('1\nside\n2\n');
    const [one, , two] = status.initContainerStatuses ?? [];
    expect([one?.ready, two?.ready], 'an init container that has done its part is ready').toEqual([true, true]);
    const about = { fieldSelector: 'involvedObject.name=turns,reason=Started' };
    await expect
      .poll(async () => (await bench.client.list(events, about)).items.map(fieldPath).sort())
      .toEqual(['containers{main}', 'initContainers{beside}', 'initContainers{one}', 'initContainers{two}']);
  });

  test('a pod that cannot have its volumes fails when its time is up', async () => {
    const volumes = [{ name: 'absent', configMap: { name: 'absent' } }];
    await bench.run('unmounted', { activeDeadlineSeconds: 1, volumes, ...script('sleep 100') });
    const status = await bench.until('unmounted', ({ phase }) => phase === 'Failed');
    expect(status).toMatchObject({ reason: 'DeadlineExceeded' });
  });

  test('what the node cannot honour is refused, not ignored', async () => {
    await bench.run('privileged', script('true', { securityContext: { privileged: true } }));
    await bench.run('host', { hostNetwork: true, ...script('true') });
    const status = await bench.until(
      'privileged',
      (each) => first(each)?.state.waiting?.reason === 'CreateContainerConfigError',
    );
    expect(first(status)?.state.waiting?.message).toMatch(/does not support securityContext.privileged/);
    expect(await bench.until('host', ({ phase }) => phase === 'Failed')).toMatchObject({ reason: 'NotSupported' });
  });

  test('pods reach the API server, which listens on loopback only', async () => {
    const program = "fetch(process.argv[1] + '/readyz').then((answer) => answer.text()).then(console.log)";
    const env = [{ name: 'NODE_TLS_REJECT_UNAUTHORIZED', value: '0' }];
    const command = ['node', '-e', program, bench.url];
    await bench.run('api', {
      restartPolicy: 'Never',
      containers: [{ name: 'main', image, command, env, terminationMessagePolicy: 'FallbackToLogsOnError' }],
    });
    await bench.until('api', ({ phase }) => phase === 'Succeeded');
    const chunks: Uint8Array[] = [];
    const ref = { namespace: 'default', pod: 'api', container: '' };
    const options = { follow: false, previous: false, timestamps: false };
    for await (const chunk of bench.node.logs(ref, options, new AbortController().signal)) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toMatch(/ok\n$/);
  });

  test('after a restart pods run again from their init containers on, and count it', async () => {
    const init = { name: 'init', image, volumeMounts: [{ name: 'v', mountPath: '/v' }] };
    await bench.run('again', {
      terminationGracePeriodSeconds: 1,
      volumes: [{ name: 'v', emptyDir: {} }],
      initContainers: [{ ...init, command: ['sh', '-c', 'echo x >>/v/runs; grep -c x /v/runs >/dev/termination-log'] }],
      ...script('exec sleep 1000'),
    });
    // A job is not done twice: what ran when the node went has failed, what was done stays done.
    const [once, done] = [{ restartPolicy: 'Never', ...script('exec sleep 1000') }, script('true')];
    await bench.run('once', once);
    await bench.run('on-failure', { restartPolicy: 'OnFailure', ...done });
    await bench.until('once', isReady);
    await bench.until('on-failure', ({ phase }) => phase === 'Succeeded');
    await bench.until('again', isReady);
    const began = Date.now();
    await bench.restart();
    expect(Date.now() - began).toBeLessThan(5000);
    await bench.until('again', (status) => isReady(status) && first(status)?.restartCount === 1);
    const { initContainerStatuses = [] } = await bench.until('again', isReady);
    expect(initContainerStatuses[0]).toMatchObject({ restartCount: 1, state: { terminated: { message: '2\n' } } });
    await bench.until('once', ({ phase }) => phase === 'Failed');
    expect(await bench.until('on-failure', () => true)).toMatchObject({ phase: 'Succeeded' });
    await bench.client.delete(pods, { name: 'again', namespace: 'default' });
    await expect
      .poll(() => bench.client.find(pods, { name: 'again', namespace: 'default' }), { timeout: 5000 })
      .toBeUndefined();
  });
});
