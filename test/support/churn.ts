// Deployments that come, grow, roll and go, many times over.

import type { Client } from '../../src/client/index.ts';
import { createClient, createHttpTransport, loadKubeconfig } from '../../src/client/index.ts';
import { resourceOf } from '../../src/machinery/index.ts';
import type { TestHomeport } from './homeport.ts';

const deployments = resourceOf('apps/v1', 'Deployment');
const pods = resourceOf('v1', 'Pod');
const namespace = 'default';
/** How long one step of a deployment may take, in milliseconds. */
const patience = 60_000;

export interface ChurnOptions {
  /** Deployments at the same time. */
  lanes: number;
  /** How often each of them comes and goes. */
  rounds: number;
  /** An image that is there, with `sleep`. */
  image: string;
  tell?: (pods: number) => void;
}

/** Pods that one deployment starts in its life: it begins with three, grows to five, and rolls. */
export const PODS_OF_A_LIFE = 10;

/** Runs the churn to its end, when all it made is gone again. Resolves to how many pods were started. */
export async function churn(platform: TestHomeport, options: ChurnOptions): Promise<number> {
  const transport = createHttpTransport(await loadKubeconfig(platform.status.kubeconfig));
  const client = createClient(transport);
  let started = 0;
  try {
    const lane = async (index: number): Promise<void> => {
      for (let round = 0; round < options.rounds; round++) {
        await live(client, `churn-${index}-${round}`, options.image);
        started += PODS_OF_A_LIFE;
        options.tell?.(started);
      }
    };
    await Promise.all(Array.from({ length: options.lanes }, (_, index) => lane(index)));
  } finally {
    transport.close();
  }
  return started;
}

async function live(client: Client, name: string, image: string): Promise<void> {
  const key = { namespace, name };
  await client.create(deployments, deployment(name, image));
  await available(client, name, 3);
  await client.patch(deployments, key, 'merge', { spec: { replicas: 5 } });
  await available(client, name, 5);
  const rolled = { metadata: { annotations: { round: 'second' } } };
  await client.patch(deployments, key, 'merge', { spec: { template: rolled } });
  await available(client, name, 5);
  await client.delete(deployments, key, { propagationPolicy: 'Foreground' });
  await podsGone(client, name);
}

function deployment(name: string, image: string) {
  const labels = { churn: name };
  const container = { name: 'main', image, command: ['sh', '-c', 'trap exit TERM; sleep 100000 & wait'] };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
  };
}

/** Watches until as many pods of the newest template are available, and no others are left. */
async function available(client: Client, name: string, replicas: number): Promise<void> {
  const signal = AbortSignal.timeout(patience);
  for await (const { object } of client.watch(deployments, {
    namespace,
    fieldSelector: `metadata.name=${name}`,
    signal,
  })) {
    const { metadata, status = {} } = object;
    const is = (field: string): boolean => status[field] === replicas;
    const isNewest = status['observedGeneration'] === metadata.generation;
    if (isNewest && is('replicas') && is('updatedReplicas') && is('availableReplicas')) return;
  }
  throw new Error(`${name} did not become available with ${replicas} pods within ${patience / 1000} s`);
}

async function podsGone(client: Client, name: string): Promise<void> {
  const labelSelector = `churn=${name}`;
  const { items, metadata } = await client.list(pods, { namespace, labelSelector });
  const { resourceVersion } = metadata;
  const left = new Set(items.map(({ metadata }) => metadata.name));
  const signal = AbortSignal.timeout(patience);
  if (left.size === 0) return;
  for await (const { type, object } of client.watch(pods, { namespace, labelSelector, resourceVersion, signal })) {
    if (type === 'DELETED') left.delete(object.metadata.name);
    else left.add(object.metadata.name);
    if (left.size === 0) return;
  }
  throw new Error(`pods of ${name} are still there: ${[...left].join(', ')}`);
}
