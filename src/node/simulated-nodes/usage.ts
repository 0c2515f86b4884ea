import type { MeasuredUsage, PlatformContext, UsageSource } from '../../client/index.ts';
import { asPod, type Pod, pods } from '../pod.ts';
import { usageOfSimulated } from '../usage/simulated.ts';
import { nodeNameOf } from './node-object.ts';

/** How long it is known which pods are on which node, in milliseconds: a list of nodes asks for each of them. */
const REMEMBERED = 1_000;

/** What the pods on simulated nodes use: what their annotations say. A node uses what its pods do. */
export function simulatedUsage({ informers }: PlatformContext, count: number): ReadonlyMap<string, UsageSource> {
  const informer = informers.for(pods);
  let known: { at: number; byNode: Map<unknown, Pod[]> } | undefined;

  function podsOn(node: string): readonly Pod[] {
    const now = performance.now();
    if (!known || now - known.at > REMEMBERED) {
      const running = informer.list().map(asPod).filter(isRunning);
      known = { at: now, byNode: Map.groupBy(running, ({ spec }) => spec?.nodeName) };
    }
    return known.byNode.get(node) ?? [];
  }

  const sourceOf = (node: string): UsageSource => ({
    async nodeUsage() {
      const used = podsOn(node).flatMap((pod) => [...usageOf(pod).values()]);
      const idle: MeasuredUsage = { at: Date.now(), window: 0, cpu: 0, memory: 0 };
      return used.reduce(
        (total, each) => ({ ...each, cpu: total.cpu + each.cpu, memory: total.memory + each.memory }),
        idle,
      );
    },
    async podUsage({ namespace, pod: name }) {
      const object = informer.get(`${namespace}/${name}`);
      const pod = object && asPod(object);
      return pod && pod.spec?.nodeName === node && isRunning(pod) ? usageOf(pod) : undefined;
    },
  });
  return new Map(Array.from({ length: count }, (_, index) => [nodeNameOf(index + 1), sourceOf(nodeNameOf(index + 1))]));
}

const isRunning = ({ status }: Pod): boolean => status?.phase === 'Running';

function usageOf(pod: Pod): Map<string, MeasuredUsage> {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always');
  return usageOfSimulated(
    pod,
    [...containers, ...sidecars].map(({ name }) => name),
  );
}
