import type { KubeObject } from '../../machinery/index.ts';
import { type BackendPort, familyOf } from './addresses.ts';
import type { Endpoint } from './slice-packing.ts';
import { changesOf, managedByLabel, type SliceChanges, type SliceGroup, serviceNameLabel } from './slices.ts';

const manager = 'endpointslicemirroring-controller.k8s.io';
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
/** Annotations that are about the Endpoints themselves. */
const ownAnnotations = new Set([
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
]);

/** Addresses of a subset that are mirrored at most (upstream's --mirroring-max-endpoints-per-subset). */
export const mostMirrored = 1000;

type Address = { ip: string; hostname?: string; nodeName?: string; targetRef?: Record<string, unknown> };
/** A subset of core/v1 Endpoints. */
type Subset = {
  addresses?: Address[];
  notReadyAddresses?: Address[];
  ports?: (Partial<BackendPort> & { port: number })[];
};

export interface Mirrored {
  changes: SliceChanges;
  /** How many addresses were beyond what is mirrored of a subset. */
  skipped: number;
}

export function isMirror(slice: KubeObject): boolean {
  return slice.metadata.labels?.[managedByLabel] === manager;
}

/** Whether these Endpoints were made by hand, and are to be found in slices too. */
export function isMirrored({ metadata }: KubeObject): boolean {
  return metadata.labels?.[skipLabel] !== 'true' && metadata.annotations?.[leaderAnnotation] === undefined;
}

/** What has to be written so that slices say what these Endpoints say. */
export function mirrorChanges(endpoints: KubeObject, existing: readonly KubeObject[]): Mirrored {
  const groups = new Map<string, SliceGroup & { endpoints: Endpoint[] }>();
  let skipped = 0;
  for (const subset of (endpoints['subsets'] ?? []) as Subset[]) {
    const ports = portsOf(subset);
    const all = endpointsIn(subset);
    skipped += Math.max(0, all.length - mostMirrored);
    for (const endpoint of all.slice(0, mostMirrored)) {
      const family = familyOf(endpoint.addresses[0] ?? '');
      const key = JSON.stringify([family, ports]);
      const group = groups.get(key) ?? { family, ports, endpoints: [] };
      group.endpoints.push(endpoint);
      groups.set(key, group);
    }
  }
  const { name, labels, annotations = {} } = endpoints.metadata;
  const kept = Object.entries(annotations).filter(([key]) => !ownAnnotations.has(key));
  const owner = {
    owner: endpoints,
    labels: { ...labels, [serviceNameLabel]: name, [managedByLabel]: manager },
    annotations: Object.fromEntries(kept),
  };
  return { changes: changesOf(owner, [...groups.values()], existing), skipped };
}

function portsOf({ ports = [] }: Subset): BackendPort[] {
  return ports.map(({ name = '', port, protocol = 'TCP', appProtocol }) => {
    const of = { name, port, protocol };
    return appProtocol ? { ...of, appProtocol } : of;
  });
}

function endpointsIn({ addresses = [], notReadyAddresses = [] }: Subset): Endpoint[] {
  return [
    ...addresses.map((address) => endpointOf(address, true)),
    ...notReadyAddresses.map((address) => endpointOf(address, false)),
  ];
}

function endpointOf({ ip, hostname, nodeName, targetRef }: Address, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    ...(targetRef ? { targetRef } : {}),
  };
}
