// Manifests written for clusters, unchanged: what is in their volumes, and what of it outlives a container and a pod.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chooseRuntime } from '../src/node/index.ts';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { buildDemoImage } from './support/images.ts';
import { eventually } from './support/run.ts';
import { root } from './support/tools.ts';

const { name: runtime } = await chooseRuntime('auto');
const input = (name: string): string => join(root, 'test', 'inputs', 'volumes', `${name}.yaml`);
/** The class that the claim names: on a cluster its operators have it. */
const managed = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'managed' },
  provisioner: 'folder.homeport.dev',
  volumeBindingMode: 'WaitForFirstConsumer',
};

let homeport: TestHomeport;
beforeAll(async () => {
  homeport = await startHomeport();
  const image = 'ghcr.io/vfarcic/silly-demo:1.4.235-alpine';
  await buildDemoImage(homeport, image);
});
afterAll(() => homeport.stop());

/** The manifests in a namespace of their own, with their pod ready. */
async function applied(namespace: string, ...names: string[]) {
  const kubectl = (args: string) => homeport.kubectl(`-n ${namespace} ${args}`);
  await homeport.kubectl(`create namespace ${namespace}`);
  for (const name of names) await kubectl(`apply -f ${input(name)}`);
  const ready = () => kubectl('rollout status deploy/silly-demo --timeout=60s');
  await ready();
  const inPod = (script: string) =>
    homeport.kubectl(['-n', namespace, 'exec', 'deploy/silly-demo', '--', 'sh', '-c', script]);
  return { kubectl, ready, inPod };
}
type Applied = Awaited<ReturnType<typeof applied>>;

const ask = ({ inPod }: Applied, method: string, path: string) =>
  inPod(
    `node -e 'fetch("http://127.0.0.1:8080${path}", {method: "${method}"}).then((r) => r.text()).then(console.log)'`,
  );
const videos = async (app: Applied) => JSON.parse(await ask(app, 'GET', '/videos')) as unknown;

/** Ends the program of the container, and waits until another one answers. */
async function restartContainer(app: Applied): Promise<void> {
  const restarts = () => app.kubectl('get pods -o jsonpath={.items[0].status.containerStatuses[0].restartCount}');
  await app.inPod('kill 1');
  await eventually('a restart', async () => (await restarts()) === '1');
  await app.kubectl('wait pods --all --for=condition=Ready --timeout=60s');
}

async function replacePod(app: Applied): Promise<void> {
  await app.kubectl('delete pods --all');
  await app.ready();
}

describe.runIf(runtime === 'linux')('the manifests of inputs/volumes', () => {
  test('a ConfigMap is files and variables', async () => {
    const { inPod } = await applied('config', 'config-map');
    expect(await inPod('echo $MESSAGE; cat /cache/message; echo; grep title /cache/videos.yaml')).toBe(
      'Hello, DevOps Toolkit!\nHello, DevOps Toolkit!\n  title: something\n  title: else\n',
    );
  });

  test('a Secret is files, in memory', async () => {
    const { inPod } = await applied('secret', 'secret');
    expect(await inPod('cat /cache/silly; cat /cache/message; stat -f -c %T /cache/')).toBe(
      'demo\nHello, DevOps Toolkit!\ntmpfs\n',
    );
  });

  test('an emptyDir outlives a container, and not its pod', async () => {
    const app = await applied('empty', 'empty-dir');
    await ask(app, 'POST', '/video?id=1&title=first');
    await restartContainer(app);
    expect(await videos(app)).toEqual([{ id: '1', title: 'first' }]);
    await replacePod(app);
    expect(await videos(app)).toEqual([]);
  });

  test('a claim outlives the pod', async () => {
    await homeport.kubectl('apply -f -', { input: JSON.stringify(managed) });
    const app = await applied('claim', 'persistent-volume-claim', 'persistent-volume');
    await ask(app, 'POST', '/video?id=1&title=first');
    await replacePod(app);
    expect(await videos(app)).toEqual([{ id: '1', title: 'first' }]);
    expect(await app.kubectl('get pvc silly-demo -o jsonpath={.status.phase}')).toBe('Bound');
  });
});
