// The controllers of the control plane against the API server in this process, for tests of what they do together.
import { afterAll, beforeAll, beforeEach, expect, vi } from 'vitest';
import type { KubeObject, Resource } from '../../src/machinery/index.ts';
import { namespaces, resource, startCluster, type TestCluster } from './cluster.ts';

export const deployments = resource('apps', 'v1', 'deployments', 'Deployment');
export const configMaps = resource('', 'v1', 'configmaps', 'ConfigMap');
export const replicaSets = resource('apps', 'v1', 'replicasets', 'ReplicaSet');
export const replicationControllers = resource('', 'v1', 'replicationcontrollers', 'ReplicationController');
const events = resource('', 'v1', 'events', 'Event');

export let cluster: TestCluster;
/** A new one for each test. */
export let namespace = '';

/** Starts a cluster for the tests of a file. */
export function useCluster(): void {
  let count = 0;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.stop());
  beforeEach(async () => {
    cluster.unready = () => false;
    count += 1;
    namespace = `test-${count}`;
    await cluster.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  });
}

export const until = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 10_000, interval: 20 });
export const key = (name: string) => ({ name, namespace });

export function deployment(name: string, spec: Record<string, unknown> = {}, image = 'web:1'): KubeObject {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'web', image, ports: [{ name: 'http', containerPort: 8080 }] }] },
      },
      ...spec,
    },
  };
}

export async function rolledOut(name: string, replicas: number): Promise<void> {
  await until(async () => {
    const { metadata, status } = await cluster.client.get(deployments, key(name));
    expect(status).toMatchObject({
      observedGeneration: metadata.generation,
      ...(replicas ? { replicas, updatedReplicas: replicas, availableReplicas: replicas } : {}),
    });
    expect(status?.['unavailableReplicas']).toBeUndefined();
  });
}

export async function names(of: Resource): Promise<string[]> {
  return (await cluster.client.list(of, { namespace })).items.map(({ metadata }) => metadata.name);
}

export async function eventTexts(): Promise<string[]> {
  const { items } = await cluster.client.list(events, { namespace });
  return items.map((event) => `${event['reason']}: ${event['message']}`);
}

export function configMap(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } };
}
