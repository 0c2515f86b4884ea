import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isReady } from '../pods.ts';
import type { Pod } from '../types.ts';
import { limitsOf } from './limits.ts';
import { missingAndExcess } from './manage.ts';
import { type Daemons, daemonsOf } from './placement.ts';
import { rollingStep } from './rollout.ts';
import type { DaemonSet } from './types.ts';

const labels = { app: 'agent' };
const endings = { mayReplace: () => true, succeeded: () => undefined };

function daemonSet(rollingUpdate: { maxSurge?: number | string; maxUnavailable?: number | string }): DaemonSet {
  return {
    ...{ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent', namespace: 'a' } },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [] } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate },
    },
  };
}

function pod(name: string, node: string, hash: string, ready: boolean): Pod {
  const at = '2025-01-01T00:00:00Z';
  return {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { name, uid: name, labels: { ...labels, 'controller-revision-hash': hash }, creationTimestamp: at },
    spec: { nodeName: node, containers: [] },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: at }],
    },
  };
}

const nodesNamed = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name: `n${index}` } }));

/** Takes the steps of a rollout until there are none: pods that are deleted go, and new ones are ready at once. */
function* steps(set: DaemonSet, count: number, first: readonly Pod[]): Generator<Daemons> {
  let pods = [...first];
  for (let made = 0; ; ) {
    const daemons = daemonsOf(set, 'new', nodesNamed(count), pods);
    yield daemons;
    const righted = missingAndExcess(daemons, endings);
    const idle = righted.create.length === 0 && righted.remove.length === 0;
    const { create, remove } = idle ? rollingStep(daemons) : righted;
    if (create.length === 0 && remove.length === 0) return;
    const born = create.map((node, index) => pod(`new-${made + index}`, node, 'new', true));
    made += born.length;
    pods = [...pods.filter((each) => !remove.includes(each)), ...born];
  }
}

const limit = fc.oneof(
  fc.integer({ min: 0, max: 5 }),
  fc.integer({ min: 0, max: 100 }).map((percent) => `${percent}%`),
);

it('comes to an end with one new pod on each node, never with fewer that work or more in all than is allowed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), limit, limit, (count, maxSurge, maxUnavailable) => {
      const set = daemonSet({ maxSurge, maxUnavailable });
      const limits = limitsOf(set, count);
      const old = nodesNamed(count).map(({ metadata: { name } }) => pod(`old-${name}`, name, 'old', true));
      let last: Pod[] = [];
      for (const daemons of steps(set, count, old)) {
        last = [...daemons.pods.values()].flat();
        const working = [...daemons.pods.values()].filter((pods) => pods.some(isReady)).length;
        expect(working).toBeGreaterThanOrEqual(limits.maxSurge > 0 ? count : count - limits.maxUnavailable);
        expect(last.length).toBeLessThanOrEqual(count + limits.maxSurge);
      }
      expect(last.map(({ spec, metadata }) => [spec?.nodeName, metadata.labels?.['controller-revision-hash']])).toEqual(
        expect.arrayContaining(nodesNamed(count).map(({ metadata: { name } }) => [name, 'new'])),
      );
      expect(last).toHaveLength(count);
    }),
    { numRuns: 200 },
  );
});
