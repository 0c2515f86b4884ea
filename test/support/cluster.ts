import { pino } from 'pino';
import { type ApiServer, startApiServer } from '../../src/apiserver/index.ts';
import {
  type Client,
  type Controller,
  createClient,
  createController,
  createPlatformContext,
  deepFreeze,
  type PlatformContext,
  type Transport,
} from '../../src/client/index.ts';
import { type KubeObject, keyOf, type Resource } from '../../src/machinery/index.ts';
import { workloadControllers } from '../../src/workloads/index.ts';

/** A control plane in memory with every built-in controller and a node on which pods only seem to run. */
export interface TestCluster {
  api: ApiServer;
  client: Client;
  context: PlatformContext;
  /** Pods for which this says so stay not ready. */
  unready: (pod: KubeObject) => boolean;
  stop(): Promise<void>;
}

export const nodes = resource('', 'v1', 'nodes', 'Node', false);
export const namespaces = resource('', 'v1', 'namespaces', 'Namespace', false);
export const pods = resource('', 'v1', 'pods', 'Pod');

export function resource(group: string, version: string, plural: string, kind: string, namespaced = true): Resource {
  return { group, version, resource: plural, kind, namespaced };
}

export async function startCluster(
  allocatable: Record<string, string> = { cpu: '64', memory: '64Gi', pods: '5000' },
): Promise<TestCluster> {
  const api = await startApiServer({});
  const client = createClient(frozen(api.transport()));
  const log = pino({ level: process.env['LOG_LEVEL'] ?? 'silent' });
  const context = createPlatformContext(client, log);
  const cluster: TestCluster = { api, client, context, unready: () => false, stop };
  const controllers = [
    ...workloadControllers(context, { caPem: api.caPem, apiAddress: '192.0.2.1', apiPort: api.port }),
    seemingKubelet(context, (pod) => !cluster.unready(pod)),
  ];
  await client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node' } });
  const conditions = [{ type: 'Ready', status: 'True', reason: 'Test', message: '' }];
  await client.patch(
    nodes,
    { name: 'node' },
    'merge',
    { status: { allocatable, capacity: allocatable, conditions } },
    { subresource: 'status' },
  );
  for (const controller of controllers) controller.start();

  async function stop(): Promise<void> {
    await Promise.all(controllers.map((controller) => controller.stop()));
    await context.stop();
    await api.stop();
  }
  return cluster;
}

/** Whoever changes in place what is shared fails at once. */
function frozen(transport: Transport): Transport {
  return {
    request: async (request) => deepFreeze(await transport.request(request)),
    async *watch(request) {
      for await (const event of transport.watch(request)) yield deepFreeze(event);
    },
  };
}

/** Says of every pod bound to the node that it runs, and lets go at once of those that are deleted. */
function seemingKubelet(context: PlatformContext, isReady: (pod: KubeObject) => boolean): Controller {
  const { client, informers } = context;
  let addresses = 0;
  return createController({
    name: 'seeming-kubelet',
    context,
    sources: [{ resource: pods, keys: (pod) => (pod.spec?.['nodeName'] ? [keyOf(pod)] : []) }],
    workers: 8,
    async reconcile(key) {
      const pod = informers.for(pods).get(key);
      if (!pod) return undefined;
      if (pod.metadata.deletionTimestamp) {
        await client.delete(pods, pod.metadata, { gracePeriodSeconds: 0, uid: pod.metadata.uid });
        return undefined;
      }
      const status = isReady(pod) ? 'True' : 'False';
      const conditions = (pod.status?.['conditions'] ?? []) as { type: string; status: string }[];
      if (conditions.some((each) => each.type === 'Ready' && each.status === status)) return undefined;
      addresses += 1;
      const podIP = pod.status?.['podIP'] ?? `10.1.${addresses >> 8}.${addresses & 255}`;
      const lastTransitionTime = `${new Date().toISOString().slice(0, 19)}Z`;
      const ready = { type: 'Ready', status, lastTransitionTime };
      const patch = { status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions: [ready] } };
      await client.patch(pods, pod.metadata, 'strategic', patch, { subresource: 'status' });
      return undefined;
    },
  });
}
