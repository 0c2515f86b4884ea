import type { Fields, KubeObject } from '../object.ts';
import type { Quantity } from '../quantity.ts';
import { addAmounts, type ResourceAmounts, raiseAmounts, readAmounts } from './amounts.ts';

/** What pods may ask for as a whole, in place of what their containers ask for. */
const podLevel: ReadonlySet<string> = new Set(['cpu', 'memory']);

const listOf = (spec: Fields | undefined, key: string): Fields[] => (spec?.[key] as Fields[] | undefined) ?? [];

/** The containers of a pod and its init containers. */
export function containersOf({ spec }: KubeObject): Fields[] {
  return [...listOf(spec, 'containers'), ...listOf(spec, 'initContainers')];
}

/** The requests or limits of a container, or of a pod as a whole. */
export function resourcesOf(of: Fields | undefined, which: 'requests' | 'limits'): Map<string, Quantity> {
  return readAmounts((of?.['resources'] as Fields | undefined)?.[which]);
}

/**
 * What a pod's containers add up to (component-helpers PodRequests and PodLimits): the sum of the containers and
 * sidecars, or what its init containers need at any one time if that is more; or what the pod says as a whole.
 * @param overhead true to add what running the pod itself costs.
 */
export function podResources({ spec }: KubeObject, which: 'requests' | 'limits', overhead: boolean): ResourceAmounts {
  const total = new Map<string, Quantity>();
  const sidecars = new Map<string, Quantity>();
  const peak = new Map<string, Quantity>();
  for (const container of listOf(spec, 'containers')) addAmounts(total, resourcesOf(container, which));
  for (const container of listOf(spec, 'initContainers')) {
    const amounts = resourcesOf(container, which);
    const stays = container['restartPolicy'] === 'Always';
    if (stays) addAmounts(sidecars, amounts);
    const needed = new Map(sidecars);
    if (!stays) addAmounts(needed, amounts);
    raiseAmounts(peak, needed);
  }
  addAmounts(total, sidecars);
  raiseAmounts(total, peak);
  for (const [name, amount] of resourcesOf(spec, which)) if (podLevel.has(name)) total.set(name, amount);
  if (overhead) addOverhead(total, readAmounts(spec?.['overhead']), which);
  return total;
}

/** A limit grows by the overhead only where there is one. */
function addOverhead(total: Map<string, Quantity>, overhead: ResourceAmounts, which: 'requests' | 'limits'): void {
  const counted = [...overhead].filter(([name]) => which === 'requests' || total.has(name));
  addAmounts(total, new Map(counted));
}
