import { parseQuantity } from '../../machinery/index.ts';
import type { Container, Pod, PodSpec } from '../types.ts';

/** Amounts of what a node has and pods ask for: cpu in thousandths of a core, all else in units. */
export interface Resources {
  cpu: number;
  memory: number;
  'ephemeral-storage': number;
  pods: number;
  /** Extended resources ('nvidia.com/gpu'), huge pages and attachable volumes, by name; undefined when there are none. */
  others: Map<string, number> | undefined;
}

type QuantityMap = Record<string, string | number>;

/** What scoring takes a container for that asks for no cpu or memory (kube-scheduler's non-zero requests). */
const unspoken = { cpu: 100, memory: 200 * 1024 * 1024 };

const nanosPerUnit = 10n ** 9n;

export function noResources(): Resources {
  return { cpu: 0, memory: 0, 'ephemeral-storage': 0, pods: 0, others: undefined };
}

/** Reads a resource list; fractions are rounded up, as upstream's Quantity.Value and MilliValue do. */
export function resourcesOf(quantities: QuantityMap | undefined): Resources {
  const resources = noResources();
  for (const name in quantities) set(resources, name, amountOf(name, quantities[name] ?? 0));
  return resources;
}

/** The same few texts come again and again: pods of one template ask for the same. */
const known = new Map<string, number>();
const mostKnown = 1000;

function amountOf(name: string, quantity: string | number): number {
  const key = name === 'cpu' ? `cpu ${quantity}` : String(quantity);
  let amount = known.get(key);
  if (amount === undefined) {
    const { nanos } = parseQuantity(quantity);
    const unit = name === 'cpu' ? nanosPerUnit / 1000n : nanosPerUnit;
    amount = Number((nanos + unit - 1n) / unit);
    if (known.size >= mostKnown) known.clear();
    known.set(key, amount);
  }
  return amount;
}

function set(resources: Resources, name: string, amount: number): void {
  if (isPlain(name)) resources[name] = amount;
  else {
    resources.others ??= new Map();
    resources.others.set(name, amount);
  }
}

type Plain = Exclude<keyof Resources, 'others'>;

const plain: ReadonlySet<string> = new Set<Plain>(['cpu', 'memory', 'ephemeral-storage', 'pods']);

function isPlain(name: string): name is Plain {
  return plain.has(name);
}

/** Adds `amounts` to `total`, or takes them away with a sign of -1. */
export function addResources(total: Resources, amounts: Resources, sign: 1 | -1 = 1): void {
  total.cpu += sign * amounts.cpu;
  total.memory += sign * amounts.memory;
  total['ephemeral-storage'] += sign * amounts['ephemeral-storage'];
  total.pods += sign * amounts.pods;
  if (!amounts.others) return;
  total.others ??= new Map();
  for (const [name, amount] of amounts.others) total.others.set(name, (total.others.get(name) ?? 0) + sign * amount);
}

function raise(total: Resources, amounts: Resources): void {
  for (const name of plain as ReadonlySet<Plain>) total[name] = Math.max(total[name], amounts[name]);
  for (const [name, amount] of amounts.others ?? []) set(total, name, Math.max(total.others?.get(name) ?? 0, amount));
}

/**
 * What a pod asks a node for: the sum of its containers and sidecars, or what its init containers need at any one time
 * if that is more; or what the pod says as a whole; and its overhead; and one pod.
 */
export function requestsOf({ spec }: Pod): Resources {
  return total(spec, ({ resources }) => resourcesOf(resources?.requests));
}

/** Like requestsOf for cpu and memory, where a container that asks for none counts as asking for a little. */
export function scoredRequestsOf({ spec }: Pod): Resources {
  return total(spec, ({ resources }) => {
    const requests = resourcesOf(resources?.requests);
    if (resources?.requests?.['cpu'] === undefined) requests.cpu = unspoken.cpu;
    if (resources?.requests?.['memory'] === undefined) requests.memory = unspoken.memory;
    return requests;
  });
}

function total(spec: PodSpec | undefined, requests: (container: Container) => Resources): Resources {
  const sum = noResources();
  for (const container of spec?.containers ?? []) addResources(sum, requests(container));
  if (spec?.initContainers) addInitContainers(sum, spec.initContainers, requests);
  if (spec?.resources?.requests) overrule(sum, spec.resources.requests);
  if (spec?.overhead) addResources(sum, resourcesOf(spec.overhead));
  sum.pods = 1;
  return sum;
}

function addInitContainers(
  sum: Resources,
  containers: readonly Container[],
  requests: (container: Container) => Resources,
): void {
  const sidecars = noResources();
  const peak = noResources();
  for (const container of containers) {
    const needed = requests(container);
    if (container.restartPolicy === 'Always') {
      addResources(sidecars, needed);
      raise(peak, sidecars);
    } else {
      addResources(needed, sidecars);
      raise(peak, needed);
    }
  }
  addResources(sum, sidecars);
  raise(sum, peak);
}

/** What a pod asks for as a whole goes before the sum of its containers (KEP-2837). */
function overrule(sum: Resources, whole: QuantityMap): void {
  for (const name in whole) {
    const isSupported = name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');
    if (isSupported) set(sum, name, amountOf(name, whole[name] ?? 0));
  }
}
