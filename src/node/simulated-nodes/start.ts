import type { PlatformContext } from '../../client/index.ts';
import { isReason, type KubeObject } from '../../machinery/index.ts';
import { leases, nodes } from '../pod.ts';
import {
  indexOf,
  leaseSeconds,
  mostSimulatedNodes,
  nodeNameOf,
  simulatedLabel,
  simulatedLease,
  simulatedNode,
  simulatedStatus,
} from './node-object.ts';
import { simulatedKubelets } from './pods.ts';

/** Nodes that are written at a time. */
const atOnce = 64;

/**
 * Makes so many nodes that only seem to be there, and seems to run pods on them: for trying out scale. Those that an
 * earlier start made beyond that number are removed. Returns the way to stop; the Nodes stay.
 * @param version the Kubernetes version that the Nodes state.
 * @throws Error for more nodes than there are addresses for.
 */
export async function startSimulatedNodes(
  context: PlatformContext,
  count: number,
  version = 'v1.34.2',
): Promise<() => Promise<void>> {
  if (count > mostSimulatedNodes) {
    throw new Error(`${count} simulated nodes: there are addresses for ${mostSimulatedNodes}; ask for fewer`);
  }
  const { client } = context;
  const { items } = await client.list(nodes, { labelSelector: simulatedLabel, metadataOnly: true });
  const present = new Set(items.map(({ metadata }) => metadata.name));
  const surplus = [...present].filter((name) => (indexOf(name) ?? Number.POSITIVE_INFINITY) > count);
  await inParallel(surplus, (name) => removeNode(context, name));
  const wanted = Array.from({ length: count }, (_, index) => index + 1);
  await inParallel(wanted, async (index) => {
    await renewLease(context, index);
    await (present.has(nodeNameOf(index)) ? revive(context, index, version) : create(context, index, version));
  });
  if (count === 0) return async () => undefined;
  const kubelets = simulatedKubelets(context, count);
  kubelets.start();
  const stopRenewing = keepLeases(context, count);
  return async () => {
    stopRenewing();
    await kubelets.stop();
  };
}

async function create({ client }: PlatformContext, index: number, version: string): Promise<void> {
  await client.create(nodes, simulatedNode(index, version));
}

/** A node that was lost while nobody simulated it is there again. */
async function revive({ client }: PlatformContext, index: number, version: string): Promise<void> {
  const status = simulatedStatus(index, version);
  await client.patch(nodes, { name: nodeNameOf(index) }, 'strategic', { status }, { subresource: 'status' });
}

async function removeNode({ client }: PlatformContext, name: string): Promise<void> {
  try {
    await client.delete(nodes, { name });
    await client.delete(leases, { name, namespace: 'kube-node-lease' });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}

async function renewLease({ client }: PlatformContext, index: number): Promise<void> {
  const lease: KubeObject = simulatedLease(index);
  try {
    await client.create(leases, lease);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
    await client.patch(leases, lease.metadata, 'merge', { spec: lease.spec });
  }
}

/** Renews one lease after the other, each three times in its time. Returns the way to stop. */
function keepLeases(context: PlatformContext, count: number): () => void {
  let index = 0;
  const timer = setInterval(
    () => {
      index = (index % count) + 1;
      renewLease(context, index).catch((error: Error) => {
        context.log.warn({ error: error.message }, `renewing the lease of ${nodeNameOf(index)}`);
      });
    },
    (leaseSeconds * 1000) / 3 / count,
  );
  return () => clearInterval(timer);
}

async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const work = async (): Promise<void> => {
    for (const item of left) await act(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, work));
}
