// With less patience and fewer pods than it has in earnest.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startBareCluster } from '../../test/support/cluster.ts';
import type { Fields, KubeObject } from '../machinery/index.ts';
import { endedPodCollector, podGarbageCollector } from './pod-gc.ts';
import { nodes, pods } from './resources.ts';

let plane: Awaited<ReturnType<typeof startBareCluster>>;
let namespace = '';
beforeAll(async () => {
  plane = await startBareCluster();
  namespace = await plane.namespace('pod-gc');
  await plane.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } });
});
afterAll(() => plane.stop());

const until = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 10_000, interval: 20 });

function pod(name: string, spec: Fields, finalizers: string[] = []): Promise<KubeObject> {
  const containers = [{ name: 'main', image: 'main:1' }];
  const metadata = { name, namespace, finalizers };
  return plane.client.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers, ...spec } });
}

async function end(name: string, status: Fields): Promise<void> {
  await plane.client.patch(pods, { name, namespace }, 'merge', { status }, { subresource: 'status' });
}

test('gives up the pods of a node that is missing for long enough, and says so', async () => {
  await plane.client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'there' } });
  await pod('lost', { nodeName: 'gone' }, ['acme.dev/hold']);
  await pod('safe', { nodeName: 'there' });
  await end('lost', { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] });
  const collector = plane.run((context) => podGarbageCollector(context, 100));
  await until(async () => {
    const { metadata, status } = await plane.client.get(pods, { name: 'lost', namespace });
    expect(metadata.deletionTimestamp).toBeDefined();
    expect(status).toMatchObject({
      phase: 'Failed',
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'DisruptionTarget', reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' },
      ],
    });
  });
  await plane.client.delete(nodes, { name: 'there' });
  await until(async () => expect(await plane.client.find(pods, { name: 'safe', namespace })).toBeUndefined());
  await collector.stop();
  await plane.client.patch(pods, { name: 'lost', namespace }, 'merge', { metadata: { finalizers: null } });
});

test('keeps only so many pods that have ended: those that were evicted go first, then the oldest', async () => {
  for (const name of ['a', 'b', 'c', 'd', 'running']) await pod(name, { nodeName: 'node' });
  for (const name of ['a', 'b', 'd']) await end(name, { phase: 'Succeeded' });
  await end('c', { phase: 'Failed', reason: 'Evicted' });
  plane.run((context) => endedPodCollector(context, 2));
  await until(async () => {
    const { items } = await plane.client.list(pods, { namespace });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['b', 'd', 'running']);
  });
});
