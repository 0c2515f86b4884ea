import { equalJson, type KubeObject } from '../../machinery/index.ts';

/** Endpoints a slice holds at most (upstream's --max-endpoints-per-slice). */
export const largestSlice = 100;

/** A discovery/v1 Endpoint, as far as it is looked at here. */
export type Endpoint = {
  addresses: string[];
  targetRef?: { uid?: string; [field: string]: unknown };
  [field: string]: unknown;
};

export interface Packing {
  /** Endpoints for existing slices that have to change. */
  update: Map<KubeObject, Endpoint[]>;
  /** Endpoints for slices that are not there yet. */
  create: Endpoint[][];
  /** Slices in which nothing is left. */
  empty: KubeObject[];
}

/**
 * Puts endpoints into slices with as few changes of slices as can be: an endpoint stays where it is; new ones come into
 * slices that change anyway, then into one that has room for all of them, and then into new slices.
 */
export function packEndpoints(wanted: readonly Endpoint[], slices: readonly KubeObject[]): Packing {
  const left = new Map(wanted.map((endpoint) => [identityOf(endpoint), endpoint]));
  const packing: Packing = { update: new Map(), create: [], empty: [] };
  const unchanged: KubeObject[] = [];
  for (const slice of slices) {
    const kept = takeKept(slice, left);
    if (equalJson(kept, endpointsOf(slice))) unchanged.push(slice);
    else if (kept.length === 0) packing.empty.push(slice);
    else packing.update.set(slice, kept);
  }
  const rest = [...left.values()];
  for (const endpoints of [...packing.update.values()].sort((a, b) => b.length - a.length)) fill(endpoints, rest);
  while (rest.length > 0) {
    const roomy = roomiest(
      unchanged.filter((slice) => !packing.update.has(slice)),
      rest.length,
    );
    const endpoints = roomy ? [...endpointsOf(roomy)] : [];
    fill(endpoints, rest);
    if (roomy) packing.update.set(roomy, endpoints);
    else packing.create.push(endpoints);
  }
  return packing;
}

export function endpointsOf(slice: KubeObject): Endpoint[] {
  return (slice['endpoints'] ?? []) as Endpoint[];
}

/** The wanted endpoints that are in the slice already, in their present state. */
function takeKept(slice: KubeObject, left: Map<string, Endpoint>): Endpoint[] {
  const kept: Endpoint[] = [];
  for (const endpoint of endpointsOf(slice)) {
    const identity = identityOf(endpoint);
    const found = left.get(identity);
    if (!found) continue;
    left.delete(identity);
    kept.push(found);
  }
  return kept;
}

function fill(endpoints: Endpoint[], rest: Endpoint[]): void {
  endpoints.push(...rest.splice(0, Math.max(0, largestSlice - endpoints.length)));
}

/** Of the slices that have room for so many endpoints more, the fullest. An empty one is not worth keeping for it. */
function roomiest(slices: readonly KubeObject[], more: number): KubeObject | undefined {
  const sizeOf = (slice: KubeObject): number => endpointsOf(slice).length;
  const fitting = slices.filter((slice) => sizeOf(slice) > 0 && sizeOf(slice) + more <= largestSlice);
  return fitting.sort((a, b) => sizeOf(b) - sizeOf(a))[0];
}

function identityOf({ addresses, targetRef }: Endpoint): string {
  return `${targetRef?.uid ?? ''} ${addresses.join()}`;
}
