// Informers of @kubernetes/client-node through what happens to a server and to the network before it. Wherever history
// reaches back far enough they go on where they were, with every change once; where it does not, they list again.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CoreV1Api,
  KubeConfig,
  ListWatch,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
  Watch,
} from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { startNetwork, type TestNetwork } from './support/network.ts';
import { ended, eventually } from './support/run.ts';

/** Small enough to be used up, which makes the server forget its history at once. */
const quota = ['--quota-backend-bytes', String(8 * 1024 * 1024)];
const flags = ['--runtime', 'simulated', ...quota];
let dataDir: string;
let homeport: TestHomeport;
let network: TestNetwork;
/** Straight to the server. */
let core: CoreV1Api;
const cleanUp: (() => Promise<void>)[] = [];

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'homeport-informers-'));
  homeport = await startHomeport(flags, dataDir);
  network = await startNetwork(port());
  core = config(port()).makeApiClient(CoreV1Api);
});
afterEach(async () => {
  for (const stop of cleanUp.splice(0)) await stop();
});
afterAll(async () => {
  await network.close();
  await homeport.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const port = (): number => Number(new URL(homeport.status.api).port);

/** The administrator's configuration, with the server at a port of this machine. */
function config(at: number): KubeConfig {
  const made = new KubeConfig();
  made.loadFromFile(homeport.status.kubeconfig);
  made.clusters = made.clusters.map((cluster) => ({ ...cluster, server: `https://127.0.0.1:${at}` }));
  return made;
}

/** A watch that keeps what the server said, which the informer above it would not tell when it came twice. */
class RecordedWatch extends Watch {
  readonly started: (string | number | boolean | undefined)[] = [];
  readonly said: { type: string; name: string; revision: number }[] = [];

  override watch: Watch['watch'] = (path, query, callback, done) => {
    this.started.push(query['resourceVersion']);
    const recorded: typeof callback = (type, object: V1ConfigMap, whole) => {
      const { name = '', resourceVersion } = object.metadata ?? {};
      if (type !== 'ERROR') this.said.push({ type, name, revision: Number(resourceVersion) });
      callback(type, object, whole);
    };
    return super.watch(path, query, recorded, done);
  };
}

interface Informed {
  informer: ListWatch<V1ConfigMap>;
  watch: RecordedWatch;
  lists: number;
  /** What its handlers were called for: 'add one', 'update one', 'delete one'. */
  calls: string[];
}

/** Starts an informer of a new namespace's ConfigMaps behind the network, and starts it again after every error. */
async function inform(namespace: string, parameters = ''): Promise<Informed> {
  await core.createNamespace({ body: { metadata: { name: namespace } } });
  // What the platform puts into every namespace is there before anything is counted.
  await eventually('the root certificate', () =>
    core.readNamespacedConfigMap({ namespace, name: 'kube-root-ca.crt' }).then(() => true),
  );
  const through = config(network.port);
  const remote = through.makeApiClient(CoreV1Api);
  const watch = new RecordedWatch(through);
  const list = () => {
    informed.lists++;
    return remote.listNamespacedConfigMap({ namespace });
  };
  const path = `/api/v1/namespaces/${namespace}/configmaps${parameters}`;
  // Without the library's pause of a second before each new watch.
  const options = { delayFn: () => sleep(10) };
  const informer = new ListWatch<V1ConfigMap>(path, watch, list, false, undefined, undefined, options);
  const informed: Informed = { informer, watch, lists: 0, calls: [] };
  for (const verb of ['add', 'update', 'delete'] as const) {
    informer.on(verb, (object) => void informed.calls.push(`${verb} ${object.metadata?.name}`));
  }
  let stopped = false;
  // The library leaves it to its user to start again after an error.
  informer.on('error', () => void sleep(20).then(() => (stopped ? undefined : informer.start())));
  await informer.start();
  cleanUp.push(() => {
    stopped = true;
    return informer.stop();
  });
  informed.calls.length = 0;
  return informed;
}

const create = (namespace: string, name: string) =>
  core.createNamespacedConfigMap({ namespace, body: { metadata: { name }, data: { count: '0' } } });
const change = (namespace: string, name: string, data: Record<string, string>) =>
  core.patchNamespacedConfigMap(
    { namespace, name, body: { data } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  );
const remove = (namespace: string, name: string) => core.deleteNamespacedConfigMap({ namespace, name });

const versions = (objects: readonly V1ConfigMap[]): string[] =>
  objects.map(({ metadata }) => `${metadata?.name}@${metadata?.resourceVersion}`).sort();

/** Waits until the informer holds what the server has, and checks that every change came at most once, and in order. */
async function agrees(namespace: string, { informer, watch }: Informed): Promise<void> {
  const stored = versions((await core.listNamespacedConfigMap({ namespace })).items);
  await eventually('the same objects', async () => {
    const held = versions(informer.list());
    if (held.join() === stored.join()) return true;
    throw new Error(`the informer holds ${held}, the server ${stored}`);
  });
  const changes = watch.said.filter(({ type }) => type !== 'BOOKMARK').map(({ revision }) => revision);
  expect(changes).toEqual([...new Set(changes)].sort((a, b) => a - b));
}

/** Ten objects that are made, changed five times each and of which every other goes: 65 changes, one after another. */
async function tenLives(namespace: string, between: (change: number) => void | Promise<void> = () => {}) {
  const made: string[] = [];
  const did = async (verb: string, name: string, write: Promise<unknown>) => {
    await write;
    made.push(`${verb} ${name}`);
    await between(made.length);
  };
  for (const name of Array.from({ length: 10 }, (_, at) => `map-${at}`)) {
    await did('add', name, create(namespace, name));
    for (let count = 1; count <= 5; count++) await did('update', name, change(namespace, name, { count: `${count}` }));
    if (Number(name.at(-1)) % 2 === 1) await did('delete', name, remove(namespace, name));
  }
  return made;
}

test('a watch that the server ends is begun again where it ended', async () => {
  const informed = await inform('ended', '?timeoutSeconds=1');
  const made = await tenLives('ended', () => sleep(25));
  await agrees('ended', informed);
  expect(informed.calls).toEqual(made);
  expect(informed.watch.started.length).toBeGreaterThan(2);
  expect(informed.lists).toBe(1);
});

test('a network that is slow and breaks in the middle of events loses and doubles none', async () => {
  const informed = await inform('slow');
  await create('slow', 'large');
  network.delay = 2;
  const made = await tenLives('slow', async (count) => {
    if (count % 8 !== 0) return;
    // Its event is many pieces, of which the break lets some through.
    await change('slow', 'large', { count: `${count}`.repeat(10_000) });
    network.cut();
  });
  network.delay = 0;
  await agrees('slow', informed);
  expect(informed.calls.filter((call) => !call.endsWith(' large'))).toEqual(made);
  expect(informed.calls.filter((call) => call === 'update large')).toHaveLength(8);
  expect(informed.watch.started.length).toBeGreaterThan(5);
  expect(informed.lists).toBe(1);
});

test('a server that is killed comes back with all that it confirmed, and the watch goes on without a new list', async () => {
  const informed = await inform('killed');
  await Promise.all(['kept', 'changed', 'deleted'].map((name) => create('killed', name)));
  await agrees('killed', informed);
  const at = port();
  const burst = Array.from({ length: 50 }, (_, index) => create('killed', `burst-${index}`));
  await Promise.any(burst);
  homeport.process.kill('SIGKILL');
  await ended(homeport.process);
  const confirmed = (await Promise.allSettled(burst)).flatMap((outcome) =>
    outcome.status === 'fulfilled' ? [outcome.value] : [],
  );
  homeport = await startHomeport([...flags, '--secure-port', String(at)], dataDir);
  expect(port()).toBe(at);
  const stored = versions((await core.listNamespacedConfigMap({ namespace: 'killed' })).items);
  expect(stored).toEqual(expect.arrayContaining(versions(confirmed)));
  await change('killed', 'changed', { count: '1' });
  await remove('killed', 'deleted');
  await create('killed', 'new');
  await agrees('killed', informed);
  const names = stored.map((version) => version.split('@')[0]).filter((name) => name !== 'kube-root-ca.crt');
  expect(informed.calls.filter((call) => call.startsWith('add')).sort()).toEqual(
    [...names, 'new'].map((name) => `add ${name}`).sort(),
  );
  expect(informed.calls.filter((call) => !call.startsWith('add'))).toEqual(['update changed', 'delete deleted']);
  expect(informed.lists).toBe(1);
});

test('history that is forgotten below an informer makes it list again, and tells it of what changed', async () => {
  const informed = await inform('forgotten');
  for (const name of ['kept', 'changed', 'deleted']) await create('forgotten', name);
  await agrees('forgotten', informed);
  informed.calls.length = 0;
  network.gone();
  await change('forgotten', 'changed', { count: '1' });
  await remove('forgotten', 'deleted');
  await create('forgotten', 'new');
  await create('forgotten', 'large');
  // Every version of the large one stays in history, until there is no room for one that is larger still.
  const fill = async () => {
    for (let size = 50_000; ; size += 10_000)
      await change('forgotten', 'large', { random: randomBytes(size).toString('hex') });
  };
  await expect(fill()).rejects.toMatchObject({ body: expect.stringContaining('database space exceeded') });
  await eventually('room again', () => create('forgotten', 'room').then(() => true));
  network.back();
  await agrees('forgotten', informed);
  expect(informed.calls.sort()).toEqual(['add large', 'add new', 'add room', 'delete deleted', 'update changed']);
  expect(informed.lists).toBe(2);
  // And it goes on from there.
  await create('forgotten', 'last');
  await agrees('forgotten', informed);
  expect(informed.lists).toBe(2);
});
