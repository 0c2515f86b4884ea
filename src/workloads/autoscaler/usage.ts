import type { Client } from '../../client/index.ts';
import {
  ApiError,
  groupResource,
  type KubeObject,
  type LabelSelector,
  parseQuantity,
  podResources,
  type Quantity,
  type Resource,
} from '../../machinery/index.ts';
import { lastingContainers } from '../pods.ts';
import type { Pod } from '../types.ts';
import { CalculationError, type PodUsage, type Usages } from './calculator.ts';

const podMetrics: Resource = {
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  resource: 'pods',
  kind: 'PodMetrics',
  namespaced: true,
};

type Amounts = Readonly<Record<string, string>>;
type PodMetrics = KubeObject & {
  timestamp: string;
  window: string;
  containers?: { name: string; usage: Amounts }[];
};

/** A metric could not be read, with upstream's words for why. */
export class MetricsError extends Error {}

/** Whose usage of what is wanted: of one container of each pod, or of all together. */
export interface Wanted {
  namespace: string;
  selector: LabelSelector;
  resource: string;
  container?: string | undefined;
}

/** What pods use of a resource, in thousandths. @throws MetricsError when metrics.k8s.io does not say. */
export async function usagesOf(client: Client, wanted: Wanted): Promise<Usages> {
  const { namespace, selector, resource, container } = wanted;
  const { items } = await reading(
    'resource',
    podMetrics,
    client.list<PodMetrics>(podMetrics, { namespace, labelSelector: selector.toString() }),
  );
  return new Map(
    items.flatMap((metrics) => {
      const usage = usageIn(metrics, resource, container);
      return usage ? [[metrics.metadata.name, usage] as const] : [];
    }),
  );
}

/** The values of an external metric, in thousandths. @throws MetricsError when external.metrics.k8s.io does not say. */
export async function externalValues(
  client: Client,
  namespace: string,
  metric: string,
  selector: LabelSelector,
): Promise<bigint[]> {
  const resource: Resource = {
    ...{ group: 'external.metrics.k8s.io', version: 'v1beta1', resource: metric },
    ...{ kind: 'ExternalMetricValue', namespaced: true },
  };
  const list = client.list(resource, { namespace, labelSelector: selector.toString() });
  const { items } = await reading('external', resource, list);
  return items.map((item) => milli(parseQuantity(String(item['value']))));
}

async function reading<T extends { items: readonly unknown[] }>(
  api: 'resource' | 'external',
  resource: Resource,
  list: Promise<T>,
): Promise<T> {
  try {
    const answer = await list;
    if (answer.items.length > 0) return answer;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // As client-go says it of what is not served at all.
    const where = error.details?.name === undefined ? ` (get ${groupResource(resource)})` : '';
    throw new MetricsError(`unable to fetch metrics from ${api} metrics API: ${error.message}${where}`);
  }
  throw new MetricsError(`no metrics returned from ${api} metrics API`);
}

function usageIn(metrics: PodMetrics, resource: string, container: string | undefined): PodUsage | undefined {
  const { containers = [], timestamp, window } = metrics;
  const wanted = container === undefined ? containers : containers.filter(({ name }) => name === container);
  const amounts = wanted.map(({ usage }) => usage[resource]);
  if (amounts.length === 0 || amounts.includes(undefined)) return undefined;
  const value = amounts.reduce((total, amount) => total + milli(parseQuantity(amount ?? '0')), 0n);
  return { value, at: Date.parse(timestamp), window: Number.parseFloat(window) * 1000 };
}

/** An amount in thousandths, rounded up. */
export function milli({ nanos }: Quantity): bigint {
  const thousandth = 1_000_000n;
  return nanos / thousandth + (nanos % thousandth > 0n ? 1n : 0n);
}

/** What pods ask for of a resource by name, in thousandths. @throws CalculationError for one that does not say. */
export function requestsOf(
  pods: readonly Pod[],
  resource: string,
  container: string | undefined,
): ReadonlyMap<string, bigint> {
  return new Map(pods.map((pod) => [pod.metadata.name, requestOf(pod, resource, container)]));
}

function requestOf(pod: Pod, resource: string, container: string | undefined): bigint {
  const { name } = pod.metadata;
  if (container === undefined && pod.spec?.resources?.requests) {
    const whole = podResources(pod as unknown as KubeObject, 'requests', true).get(resource);
    if (!whole) throw new CalculationError(`missing pod-level request for ${resource} in Pod ${name}`);
    return milli(whole);
  }
  const counted = lastingContainers(pod).filter((each) => container === undefined || each.name === container);
  return counted.reduce((total, each) => {
    const request = each.resources?.requests?.[resource];
    if (request === undefined) {
      throw new CalculationError(`missing request for ${resource} in container ${each.name} of Pod ${name}`);
    }
    return total + milli(parseQuantity(request));
  }, 0n);
}
