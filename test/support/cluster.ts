import { pino } from 'pino';
import {
  addNode,
  type ControlPlane,
  type KubeObject,
  seemingKubelet,
  startControlPlane,
} from '../../src/envtest/index.ts';
import type { Resource } from '../../src/machinery/index.ts';

/** A control plane in memory with every built-in controller and a node, `node`, on which pods only seem to run. */
export interface TestCluster extends ControlPlane {
  /** Pods for which this says so stay not ready. */
  unready: (pod: KubeObject) => boolean;
}

export const nodes = resource('', 'v1', 'nodes', 'Node', false);
export const namespaces = resource('', 'v1', 'namespaces', 'Namespace', false);
export const pods = resource('', 'v1', 'pods', 'Pod');

export function resource(group: string, version: string, plural: string, kind: string, namespaced = true): Resource {
  return { group, version, resource: plural, kind, namespaced };
}

export async function startCluster(): Promise<TestCluster> {
  const log = pino({ level: process.env['LOG_LEVEL'] ?? 'silent' });
  const plane = await startControlPlane({ controllers: 'all', log });
  const cluster: TestCluster = Object.assign(plane, { unready: () => false });
  await addNode(plane.context, 'node');
  plane.run((context) => seemingKubelet(context, (pod) => !cluster.unready(pod)));
  return cluster;
}

/** A control plane in memory where nothing happens but what a test starts. */
export function startBareCluster(): Promise<ControlPlane> {
  return startControlPlane();
}
