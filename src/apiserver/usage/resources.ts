import { formatQuantity, type KubeObject, parseQuantity, type Schema } from '../../machinery/index.ts';
import type { ServedResource } from '../contracts.ts';
import { column, NAME, table } from '../printers/table.ts';

export const METRICS_GROUP = 'metrics.k8s.io';
export const METRICS_VERSION = `${METRICS_GROUP}/v1beta1`;

/** Amounts by resource: 'cpu' and 'memory'. */
export type Amounts = { cpu: string; memory: string };

type Metrics = KubeObject & {
  timestamp: string;
  window: string;
  usage?: Amounts;
  containers?: { name: string; usage: Amounts }[];
};

const AMOUNTS: Schema = {
  type: 'object',
  description: 'What is used of each resource.',
  additionalProperties: { type: 'string', description: 'A quantity.' },
};
const COMMON: Record<string, Schema> = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: { type: 'object' },
  timestamp: { type: 'string', format: 'date-time', description: 'When the window ended in which usage was measured.' },
  window: { type: 'string', description: 'How long the window was.' },
};

/** What is used, as columns: sums over the containers of a pod. */
const printer = table<Metrics>(
  [
    NAME,
    column('CPU', 'What is used of CPUs.'),
    column('Memory', 'What is used of the memory.'),
    column('Window', 'How long it was measured.'),
  ],
  ({ metadata, window, usage, containers = [] }) => {
    const all = usage ? [usage] : containers.map((container) => container.usage);
    return [metadata.name, sum(all.map(({ cpu }) => cpu)), sum(all.map(({ memory }) => memory)), window];
  },
);

function sum(amounts: readonly string[]): string {
  const [first = parseQuantity('0'), ...rest] = amounts.map(parseQuantity);
  return formatQuantity({ ...first, nanos: rest.reduce((total, { nanos }) => total + nanos, first.nanos) });
}

function resource(
  plural: string,
  kind: string,
  namespaced: boolean,
  properties: Record<string, Schema>,
): ServedResource {
  return {
    ...{ group: METRICS_GROUP, version: 'v1beta1', resource: plural, kind, namespaced },
    // Without a singular of their own, clients go by the kind: 'kubectl get podmetrics'.
    ...{ singular: '', shortNames: [], categories: [], verbs: ['get', 'list'], subresources: [] },
    schema: { type: 'object', description: `${kind} is what is used.`, properties: { ...COMMON, ...properties } },
    printer,
    virtual: false,
    // No type of Kubernetes' own: it has no protobuf.
    custom: true,
    fingerprint: METRICS_VERSION,
  };
}

export const nodeMetrics = resource('nodes', 'NodeMetrics', false, { usage: AMOUNTS });
export const podMetrics = resource('pods', 'PodMetrics', true, {
  containers: {
    type: 'array',
    description: 'The containers that run.',
    items: { type: 'object', properties: { name: { type: 'string' }, usage: AMOUNTS } },
  },
});
