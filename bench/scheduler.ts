// How many pods a second find a node among a thousand: deciding alone, and through the API server until they are bound, and
// until they run. Everything in one process, as in a running Homeport. The processor time is that of the whole process, API
// server included: it stays comparable on a machine that others use as well; rates do not.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { startApiServer } from '../src/apiserver/index.ts';
import { createClient, createPlatformContext } from '../src/client/index.ts';
import { type KubeObject, resourceOf } from '../src/machinery/index.ts';
import { startSimulatedNodes } from '../src/node/index.ts';
import { simulatedNode } from '../src/node/simulated-nodes/node-object.ts';
import { createCluster } from '../src/workloads/scheduler/cluster.ts';
import { scheduler } from '../src/workloads/scheduler/controller.ts';
import { decide } from '../src/workloads/scheduler/decide.ts';
import { createPlacer } from '../src/workloads/scheduler/placer.ts';
import { defaultPlugins } from '../src/workloads/scheduler/plugins/index.ts';
import { podInfoOf } from '../src/workloads/scheduler/pod-info.ts';
import type { Storage } from '../src/workloads/scheduler/storage.ts';
import type { Node, Pod, PodSpec } from '../src/workloads/types.ts';
import { printTable } from './support/table.ts';

const nodeCount = 1000;
const decisions = 20_000;
const bindings = 5000;
/** Pods of one application: those keep apart, or are spread. */
const replicas = 100;

const labelsOf = (index: number) => ({ app: `app-${Math.floor(index / replicas)}` });

const spreadOver = (topologyKey: string, index: number) => ({
  maxSkew: 1,
  topologyKey,
  whenUnsatisfiable: 'DoNotSchedule',
  labelSelector: { matchLabels: labelsOf(index) },
});

const kinds: Record<string, (index: number) => Partial<PodSpec>> = {
  'plain pods': () => ({}),
  'pods that keep apart (anti-affinity, 100 of each kind)': (index) => {
    const term = { labelSelector: { matchLabels: labelsOf(index) }, topologyKey: 'kubernetes.io/hostname' };
    return { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } };
  },
  'pods that are spread over zones and nodes (100 of each kind)': (index) => ({
    topologySpreadConstraints: [
      spreadOver('topology.kubernetes.io/zone', index),
      spreadOver('kubernetes.io/hostname', index),
    ],
  }),
};

function podOf(index: number, spec: Partial<PodSpec>): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `pod-${index}`, namespace: 'default', uid: String(index), labels: labelsOf(index) },
    spec: {
      containers: [{ name: 'web', image: 'web:1', resources: { requests: { cpu: '100m', memory: '128Mi' } } }],
      ...spec,
    },
  };
}

interface Rate {
  perSecond: number;
  /** Microseconds of processor time a pod. */
  cpu: number;
}

function meter(): (count: number) => Rate {
  const [began, used] = [performance.now(), process.cpuUsage()];
  return (count) => {
    const { user, system } = process.cpuUsage(used);
    return { perSecond: (count / (performance.now() - began)) * 1000, cpu: (user + system) / count };
  };
}

/** A decision each, and counting the pod on its node; no API server. */
function deciding(spec: (index: number) => Partial<PodSpec>): Rate {
  const cluster = createCluster(() => undefined);
  for (let index = 1; index <= nodeCount; index++) cluster.setNode(simulatedNode(index, 'v1.34.2') as Node);
  const placer = createPlacer(
    cluster,
    defaultPlugins(() => undefined, { claimsOf: () => ({ claims: [] }) } as unknown as Storage),
  );
  const pods = Array.from({ length: decisions }, (_, index) => podOf(index, spec(index)));
  const stop = meter();
  for (const pod of pods) {
    const info = podInfoOf(pod);
    const outcome = decide(info, placer, cluster, () => []);
    if (!('node' in outcome)) throw new Error(`no node for ${info.key}: ${outcome.message}`);
    cluster.assume(info, outcome.node.name);
  }
  return stop(decisions);
}

/** Pods that wait in the API server before the scheduler starts; over when the last of them is bound, or runs. */
async function binding(spec: (index: number) => Partial<PodSpec>, isDone: (pod: KubeObject) => boolean, run: boolean) {
  const dataDir = mkdtempSync(join(tmpdir(), 'homeport-bench-'));
  const log = pino({ level: 'silent' });
  const api = await startApiServer({ dataDir, port: 0, log });
  const context = createPlatformContext(createClient(api.transport()), log);
  const resource = resourceOf('v1', 'Pod');
  // What the controller of service accounts does.
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'default' } };
  await context.client.create(resourceOf('v1', 'ServiceAccount'), account);
  const stopNodes = await startSimulatedNodes(context, nodeCount);
  if (!run) await stopNodes();
  await Promise.all(
    Array.from({ length: bindings }, (_, index) =>
      context.client.create<KubeObject>(resource, podOf(index, spec(index))),
    ),
  );
  const left = new Set(Array.from({ length: bindings }, (_, index) => `pod-${index}`));
  const all = Promise.withResolvers<void>();
  const informer = context.informers.for(resource);
  await informer.synced;
  const detach = informer.addHandler({
    upsert(pod) {
      if (isDone(pod) && left.delete(pod.metadata.name) && left.size === 0) all.resolve();
    },
  });
  const stop = meter();
  const controller = scheduler(context);
  controller.start();
  await all.promise;
  const rate = stop(bindings);
  detach();
  await controller.stop();
  await stopNodes();
  await context.stop();
  await api.stop();
  rmSync(dataDir, { recursive: true, force: true });
  return rate;
}

const isBound = ({ spec }: KubeObject): boolean => spec?.['nodeName'] !== undefined;
const isRunning = ({ status }: KubeObject): boolean => status?.['phase'] === 'Running';

const row = (what: string, kind: string, { perSecond, cpu }: Rate): string[] => [
  what,
  kind,
  `${Math.round(perSecond).toLocaleString('en')}/s`,
  `${Math.round(cpu)} µs`,
];

const rows: string[][] = [];
for (const [kind, spec] of Object.entries(kinds)) rows.push(row('decided', kind, deciding(spec)));
for (const [kind, spec] of Object.entries(kinds)) rows.push(row('bound', kind, await binding(spec, isBound, false)));
rows.push(row('running', 'plain pods', await binding(() => ({}), isRunning, true)));
printTable([['pods', 'of', 'rate', 'processor time a pod'], ...rows]);
