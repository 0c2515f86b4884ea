// DaemonSets: a pod on every node that fits, through changes of the nodes and of the template.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addNode } from '../src/envtest/index.ts';
import type { KubeObject } from '../src/machinery/index.ts';
import { nodes, pods, resource } from './support/cluster.ts';
import { cluster, eventTexts, key, namespace, until, useCluster } from './support/workloads.ts';

const daemonSets = resource('apps', 'v1', 'daemonsets', 'DaemonSet');
const revisions = resource('apps', 'v1', 'controllerrevisions', 'ControllerRevision');

useCluster();

let made: string[] = [];
beforeEach(() => join('one', 'two', 'three'));
afterEach(async () => {
  await Promise.all(made.map((name) => cluster.client.delete(nodes, { name })));
  made = [];
});

/** Adds nodes that the test's sets select. */
async function join(...names: string[]): Promise<void> {
  for (const each of names) {
    const name = nodeName(each);
    made.push(name);
    await addNode(cluster.context, name);
    await changeNode(each, { metadata: { labels: { of: namespace } } });
  }
}
const nodeName = (name: string) => `${namespace}-${name}`;
const changeNode = (name: string, patch: Record<string, unknown>) =>
  cluster.client.patch(nodes, { name: nodeName(name) }, 'merge', patch);
const taint = (name: string, ...effects: string[]) =>
  changeNode(name, { spec: { taints: effects.map((effect) => ({ key: 'test', effect })) } });

function daemonSet(spec: Record<string, unknown> = {}): KubeObject {
  const labels = { app: 'agent' };
  const containers = [{ name: 'c', image: 'agent:1' }];
  return {
    ...{ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent', namespace } },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { nodeSelector: { of: namespace }, containers } },
      ...spec,
    },
  };
}

const create = (spec?: Record<string, unknown>) => cluster.client.create(daemonSets, daemonSet(spec));
const change = (spec: Record<string, unknown>) => cluster.client.patch(daemonSets, key('agent'), 'strategic', { spec });
const setImage = (image: string) => change({ template: { spec: { containers: [{ name: 'c', image }] } } });

async function reaches(status: Record<string, unknown>): Promise<void> {
  await until(async () => {
    const set = await cluster.client.get(daemonSets, key('agent'));
    const zeros = { updatedNumberScheduled: 0, numberAvailable: 0, numberUnavailable: 0 };
    expect({ ...zeros, ...set.status }).toMatchObject({ observedGeneration: set.metadata.generation, ...status });
  });
}

const all = (count: number) => ({
  desiredNumberScheduled: count,
  currentNumberScheduled: count,
  numberReady: count,
  updatedNumberScheduled: count,
  numberAvailable: count,
  numberUnavailable: 0,
});

const imageOf = ({ spec = {} }: KubeObject): string => (spec['containers'] as { image: string }[])[0]?.image ?? '';

/** The image of the pod on each node. */
async function images(): Promise<Record<string, string>> {
  const { items } = await cluster.client.list(pods, { namespace });
  const placed = items.map((pod) => [String(pod.spec?.['nodeName']).slice(namespace.length + 1), imageOf(pod)]);
  return Object.fromEntries(placed);
}

/** The most pods there were at once until this is called. */
function watchMost(ready: boolean): () => number {
  let most = ready ? Number.POSITIVE_INFINITY : 0;
  const informer = cluster.context.informers.for(pods);
  const end = informer.addHandler({
    upsert: () => {
      const there = informer.list(namespace).filter(({ metadata }) => !metadata.deletionTimestamp);
      most = ready ? Math.min(most, there.filter(isReady).length) : Math.max(most, there.length);
    },
  });
  return () => {
    end();
    return most;
  };
}

function isReady({ status }: KubeObject): boolean {
  const conditions = (status?.['conditions'] ?? []) as { type: string; status: string }[];
  return conditions.some((each) => each.type === 'Ready' && each.status === 'True');
}

describe('a daemon set', () => {
  it('has the scheduler put a pod on every node that its template fits, through the troubles of nodes', async () => {
    await create();
    await reaches({ ...all(3), numberMisscheduled: 0 });
    const [pod] = (await cluster.client.list(pods, { namespace })).items;
    const [revision] = (await cluster.client.list(revisions, { namespace })).items;
    const hash = revision?.metadata.labels?.['controller-revision-hash'];
    expect(revision?.metadata.name).toBe(`agent-${hash}`);
    expect(pod).toMatchObject({
      metadata: {
        generateName: 'agent-',
        labels: { app: 'agent', 'controller-revision-hash': hash, 'pod-template-generation': '1' },
        ownerReferences: [{ kind: 'DaemonSet', name: 'agent', controller: true }],
      },
      spec: {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                { matchFields: [{ key: 'metadata.name', operator: 'In', values: [pod?.spec?.['nodeName']] }] },
              ],
            },
          },
        },
        tolerations: [
          { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
          { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
          { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
          { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
          { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
          { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
        ],
      },
    });
    expect(await eventTexts()).toContain(`SuccessfulCreate: Created pod: ${pod?.metadata.name}`);
  });

  it('follows its nodes: their labels, their taints, their coming and going', async () => {
    await create();
    await reaches(all(3));
    await join('four');
    await reaches(all(4));
    await changeNode('one', { metadata: { labels: { of: null } } });
    await reaches({ ...all(3), numberMisscheduled: 0 });
    expect(Object.keys(await images()).sort()).toEqual(['four', 'three', 'two']);
    await taint('two', 'NoSchedule');
    await reaches({ ...all(2), numberMisscheduled: 1 });
    await taint('two', 'NoExecute');
    await reaches({ ...all(2), numberMisscheduled: 0 });
    expect(Object.keys(await images()).sort()).toEqual(['four', 'three']);
    await taint('two');
    await reaches(all(3));
  });

  it('replaces one pod after the other when its template changes', async () => {
    await create();
    await reaches(all(3));
    const leastReady = watchMost(true);
    await setImage('agent:2');
    await reaches(all(3));
    expect(leastReady()).toBe(2);
    expect(new Set(Object.values(await images()))).toEqual(new Set(['agent:2']));
  });

  it('has no more pods unavailable than it may, and replaces those that do not work first', async () => {
    await create({ updateStrategy: { rollingUpdate: { maxUnavailable: '50%' } } });
    await reaches(all(3));
    cluster.unready = ({ spec }) => JSON.stringify(spec).includes('agent:bad');
    await setImage('agent:bad');
    await reaches({ updatedNumberScheduled: 2, numberReady: 1, numberUnavailable: 2 });
    await setImage('agent:3');
    await reaches(all(3));
  });

  it('with maxSurge starts the new pod of a node before the old one goes', async () => {
    await create({ updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } });
    await reaches(all(3));
    const [most, leastReady] = [watchMost(false), watchMost(true)];
    await setImage('agent:2');
    await reaches(all(3));
    expect([most(), leastReady()]).toEqual([4, 3]);
    cluster.unready = ({ spec }) => JSON.stringify(spec).includes('agent:bad');
    await setImage('agent:bad');
    // Which of two pods that a node has since the same second its status counts, their names decide: so look at the pods.
    await until(async () => {
      const { items } = await cluster.client.list(pods, { namespace });
      expect(items.map((pod) => `${imageOf(pod)} ${isReady(pod)}`).sort()).toEqual([
        ...Array(3).fill('agent:2 true'),
        'agent:bad false',
      ]);
    });
  });

  it('with OnDelete leaves pods as they are until somebody deletes them', async () => {
    await create({ updateStrategy: { type: 'OnDelete' } });
    await reaches(all(3));
    await setImage('agent:2');
    await reaches({ updatedNumberScheduled: 0 });
    const { items } = await cluster.client.list(pods, { namespace });
    for (const { metadata } of items.slice(1)) await cluster.client.delete(pods, metadata);
    await reaches({ numberReady: 3, updatedNumberScheduled: 2 });
    expect(Object.values(await images()).sort()).toEqual(['agent:1', 'agent:2', 'agent:2']);
  });

  it('replaces pods that have come to an end, and tells so', async () => {
    await create();
    await reaches(all(3));
    const { items } = await cluster.client.list(pods, { namespace });
    for (const [index, phase] of ['Failed', 'Succeeded'].entries()) {
      const { metadata = { name: '' } } = items[index] ?? {};
      await cluster.client.patch(pods, metadata, 'merge', { status: { phase } }, { subresource: 'status' });
    }
    const found = (index: number): string =>
      `${namespace}/${items[index]?.metadata.name} on node ${String(items[index]?.spec?.['nodeName'])}`;
    await until(async () =>
      expect(await eventTexts()).toEqual(
        expect.arrayContaining([
          `FailedDaemonPod: Found failed daemon pod ${found(0)}, will try to kill it`,
          `SucceededDaemonPod: Found succeeded daemon pod ${found(1)}, will try to delete it`,
        ]),
      ),
    );
    await reaches(all(3));
  });

  it('goes back to a template of before, and keeps no more of them than it may', async () => {
    await create({ revisionHistoryLimit: 1 });
    await reaches(all(3));
    for (const image of ['agent:2', 'agent:3', 'agent:2']) {
      await setImage(image);
      await reaches(all(3));
    }
    await until(async () => {
      const kept = (await cluster.client.list(revisions, { namespace })).items;
      expect(kept.map((each) => each['revision']).sort()).toEqual([3, 4]);
    });
    await cluster.client.delete(daemonSets, key('agent'));
    await until(async () => {
      expect((await cluster.client.list(revisions, { namespace })).items).toEqual([]);
      expect((await cluster.client.list(pods, { namespace })).items).toEqual([]);
    });
  });
});
