import type { MeasuredUsage } from '../../client/index.ts';
import { formatQuantity, type KubeObject, notFound, timestamp } from '../../machinery/index.ts';
import type { Selection } from '../cache/selection.ts';
import type { Nodes } from '../http/pod-streams.ts';
import type { Computed } from '../rest/computed.ts';
import { Entry } from '../store/entry.ts';
import type { Store } from '../store/store.ts';
import { type Amounts, METRICS_GROUP, METRICS_VERSION } from './resources.ts';

const NODES = { group: '', resource: 'nodes' };
const PODS = { group: '', resource: 'pods' };

/** The NodeMetrics of the nodes that say what they use. */
export function nodeMetricsOf(store: Store, nodes: Nodes): Computed {
  return {
    entries: (selection) =>
      measured(selected(store, NODES, { ...selection, namespace: '' }), async (node) => {
        const usage = await nodes.usageOf(node.metadata.name)?.nodeUsage();
        return usage && metricsOf(node, 'NodeMetrics', usage, { usage: amountsOf(usage) });
      }),
    missing(_, name) {
      const exists = store.cache(NODES).entries.get('', name) !== undefined;
      return notFound(exists ? { group: METRICS_GROUP, resource: 'nodemetrics' } : NODES, name);
    },
  };
}

/** The PodMetrics of the pods that run on those nodes. */
export function podMetricsOf(store: Store, nodes: Nodes): Computed {
  return {
    entries: (selection) =>
      measured(selected(store, PODS, selection), async (pod) => {
        const { name, namespace = '' } = pod.metadata;
        const node = String(pod.spec?.['nodeName'] ?? '');
        const usage = await nodes.usageOf(node)?.podUsage({ namespace, pod: name });
        const [first, ...rest] = usage?.values() ?? [];
        if (!usage || !first) return undefined;
        // What is said of a pod holds for all of it: that it does since the container that was measured first.
        const oldest = rest.reduce((a, b) => (b.at < a.at ? b : a), first);
        const containers = [...usage].map(([container, used]) => ({ name: container, usage: amountsOf(used) }));
        return metricsOf(pod, 'PodMetrics', oldest, { containers });
      }),
    missing(namespace, name) {
      const exists = store.cache(PODS).entries.get(namespace, name) !== undefined;
      return notFound(exists ? { group: METRICS_GROUP, resource: 'podmetrics' } : PODS, `${namespace}/${name}`);
    },
  };
}

/** The objects whose usage is asked for. */
function selected(store: Store, resource: typeof PODS, { namespace, name, labels }: Selection): KubeObject[] {
  const all = [...store.cache(resource).entries.from(namespace)];
  return all
    .filter((entry) => name === undefined || entry.name === name)
    .map(({ object }) => object)
    .filter(({ metadata }) => !labels || labels.matches(metadata.labels));
}

async function measured(
  objects: readonly KubeObject[],
  measure: (object: KubeObject) => Promise<KubeObject | undefined>,
): Promise<Entry[]> {
  const all = await Promise.all(objects.map(measure));
  return all.filter((metrics) => metrics !== undefined).map((metrics) => Entry.fromObject(metrics, 0));
}

function metricsOf({ metadata }: KubeObject, kind: string, { at, window }: MeasuredUsage, more: object): KubeObject {
  const { name, namespace, labels } = metadata;
  return {
    kind,
    apiVersion: METRICS_VERSION,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      creationTimestamp: timestamp(),
      ...(labels ? { labels } : {}),
    },
    timestamp: timestamp(at),
    // As Go writes a time span.
    window: `${Math.round(window) / 1000}s`,
    ...more,
  };
}

function amountsOf({ cpu, memory }: MeasuredUsage): Amounts {
  return {
    cpu: formatQuantity({ nanos: BigInt(cpu), format: 'DecimalSI' }),
    memory: formatQuantity({ nanos: BigInt(Math.round(memory)) * 10n ** 9n, format: 'BinarySI' }),
  };
}
