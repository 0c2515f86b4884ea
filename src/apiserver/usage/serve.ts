import { groupResource, type KubeObject } from '../../machinery/index.ts';
import { reconcileRbac } from '../auth/bootstrap/reconcile.ts';
import { ensure } from '../bootstrap.ts';
import type { Core } from '../core.ts';
import type { Nodes } from '../http/pod-streams.ts';
import { builtinRegistration } from '../registry/registration.ts';
import type { Computed } from '../rest/computed.ts';
import { nodeMetricsOf, podMetricsOf } from './metrics.ts';
import { METRICS_GROUP, nodeMetrics, podMetrics } from './resources.ts';

/** Who may look at objects may see what they use: the role that metrics-server brings. */
const READER: KubeObject = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: {
    name: 'system:aggregated-metrics-reader',
    labels: Object.fromEntries(
      ['admin', 'edit', 'view'].map((role) => [`rbac.authorization.k8s.io/aggregate-to-${role}`, 'true']),
    ),
  },
  rules: [{ apiGroups: [METRICS_GROUP], resources: ['pods', 'nodes'], verbs: ['get', 'list', 'watch'] }],
};

/**
 * Serves metrics.k8s.io, as metrics-server does for a cluster that it is installed in, from what the nodes measure.
 * Resolves when who may read objects may read what they use, too.
 */
export async function serveUsage(core: Core, computed: Map<string, Computed>, nodes: Nodes): Promise<void> {
  const { store, registry } = core;
  for (const [resource, metrics] of [
    [nodeMetrics, nodeMetricsOf(store, nodes)],
    [podMetrics, podMetricsOf(store, nodes)],
  ] as const) {
    computed.set(groupResource(resource), metrics);
    registry.replace(resource, [builtinRegistration(resource)]);
  }
  await ensure(core, READER, reconcileRbac);
}
