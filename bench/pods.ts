// How long a pod takes from its creation until it is Ready, its image being there, alone and among many; and what many of
// them cost. The kubelet's own promise is 5 s (its pod startup SLO, without pulls); 110 pods is its default of a node.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { startApiServer } from '../src/apiserver/index.ts';
import { createClient, createPlatformContext } from '../src/client/index.ts';
import type { KubeObject, Resource } from '../src/machinery/index.ts';
import { startNode } from '../src/node/index.ts';
import { buildImage, openImageStore } from '../src/registry/index.ts';
import { printTable } from './support/table.ts';

const oneByOne = 20;
const together = 200;
const pods: Resource = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };
const serviceAccounts: Resource = { ...pods, resource: 'serviceaccounts', kind: 'ServiceAccount' };

const dataDir = await mkdtemp(join(tmpdir(), 'homeport-bench-'));
const api = await startApiServer({});
const client = createClient(api.transport());
await client.create(serviceAccounts, {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'default', namespace: 'default' },
});
const store = await openImageStore(join(dataDir, 'images'));
await buildImage({ store, folder: 'examples/silly-demo', tags: ['silly-demo:1'] });
const context = createPlatformContext(client, pino({ level: 'silent' }));
const images = { ...store, pull: () => Promise.reject(new Error('every image is here')) };
const node = await startNode({ context, images, dataDir, runtime: 'linux' });

/** When a pod was first seen Ready, and who waits for that; gone: when it was seen to be gone. */
const waiting = new Map<string, { ready: PromiseWithResolvers<number>; gone: PromiseWithResolvers<number> }>();
context.informers.for(pods).addHandler({
  upsert(pod) {
    const conditions = (pod.status?.['conditions'] ?? []) as { type: string; status: string }[];
    if (conditions.some(({ type, status }) => type === 'Ready' && status === 'True'))
      waiting.get(pod.metadata.name)?.ready.resolve(performance.now());
  },
  remove: (pod) => waiting.get(pod.metadata.name)?.gone.resolve(performance.now()),
});

/** Creates a pod that sleeps. @returns milliseconds until it was Ready */
async function start(name: string): Promise<number> {
  const one = { ready: Promise.withResolvers<number>(), gone: Promise.withResolvers<number>() };
  waiting.set(name, one);
  const began = performance.now();
  await client.create<KubeObject>(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName: node.name,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', image: 'silly-demo:1', command: ['sleep', '100000'] }],
    },
  });
  return (await one.ready.promise) - began;
}

async function end(name: string): Promise<void> {
  await client.delete(pods, { name, namespace: 'default' });
  await waiting.get(name)?.gone.promise;
}

const percentile = (times: readonly number[], part: number): string => {
  const sorted = [...times].sort((a, b) => a - b);
  return `${Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0)} ms`;
};

/** What this process's descendants hold of memory together, shared pages counted in part (Pss), in MiB. */
async function memoryOfPods(pid: number | string = process.pid): Promise<number> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const own = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  const below = await Promise.all(children.split(' ').filter(Boolean).map(memoryOfPods));
  const kibibytes = pid === process.pid ? 0 : Number(/^Pss:\s+(\d+)/m.exec(own)?.[1] ?? 0);
  return below.reduce((sum, each) => sum + each, kibibytes / 1024);
}

const row = (what: string, times: readonly number[], all: number, memory: string, ending: number) => [
  ...[what, percentile(times, 0.5), percentile(times, 0.99), `${(all / 1000).toFixed(1)} s`, memory],
  `${(ending / 1000).toFixed(1)} s`,
];

await start('warm');
const alone: number[] = [];
const first = performance.now();
for (let at = 0; at < oneByOne; at++) alone.push(await start(`alone-${at}`));
const aloneTook = performance.now() - first;
const names = Array.from({ length: together }, (_, at) => `many-${at}`);
let ending = performance.now();
await Promise.all(alone.map((_, at) => end(`alone-${at}`)));
const aloneEnded = performance.now() - ending;
const second = performance.now();
const many = await Promise.all(names.map(start));
const manyTook = performance.now() - second;
const each = (await memoryOfPods()) / together;
ending = performance.now();
await Promise.all(names.map(end));
const manyEnded = performance.now() - ending;

printTable([
  ['pods with their image present', 'p50', 'p99', 'all Ready', 'memory each', 'all gone'],
  row(`${oneByOne} one after another`, alone, aloneTook, '', aloneEnded),
  row(`${together} at once`, many, manyTook, `${each.toFixed(1)} MiB`, manyEnded),
]);

await node.stop();
await context.stop();
await api.stop();
await rm(dataDir, { recursive: true, force: true });
