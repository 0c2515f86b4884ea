import { equalJson, type KubeObject } from '../../machinery/index.ts';
import type { Service } from '../types.ts';
import { type Backend, type BackendGroup, type BackendPort, familiesOf, familyOf } from './addresses.ts';
import { headlessLabel, isHeadless, isNamedBy } from './slices.ts';

const managedByLabel = 'endpoints.kubernetes.io/managed-by';

/**
 * The core/v1 Endpoints of a service: the older form of what its slices say, in the main one of its families and without
 * terminating pods, unless the service is for pods that are not ready too.
 */
export function endpointsFor(service: Service, groups: readonly BackendGroup[]): KubeObject {
  const { name, namespace, labels } = service.metadata;
  const headless: Record<string, string> = isHeadless(service) ? { [headlessLabel]: '' } : {};
  const subsets = subsetsOf(service, groups);
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name, namespace, labels: { ...labels, ...headless, [managedByLabel]: 'endpoint-controller' } },
    ...(subsets.length > 0 ? { subsets } : {}),
  };
}

/** Endpoints that nobody else made: ours to delete with the service. */
export function isManagedEndpoints(object: KubeObject): boolean {
  return object.metadata.labels?.[managedByLabel] === 'endpoint-controller';
}

export function isSameEndpoints(a: KubeObject, b: KubeObject): boolean {
  return (
    equalJson(a.metadata.labels ?? {}, b.metadata.labels ?? {}) && equalJson(a['subsets'] ?? [], b['subsets'] ?? [])
  );
}

interface Located {
  ip: string;
  ready: boolean;
  address: Record<string, unknown>;
}

/** One subset for all ports that the same addresses have (upstream: RepackSubsets). */
function subsetsOf(service: Service, groups: readonly BackendGroup[]): Record<string, unknown>[] {
  const hasNoPorts = (service.spec?.ports ?? []).length === 0;
  const byPort = new Map<string, { port: BackendPort | undefined; located: Located[] }>();
  for (const { ports, backends } of groups) {
    const located = locateAll(service, backends);
    for (const port of hasNoPorts ? [undefined] : ports) {
      const key = JSON.stringify(port) ?? '';
      const known = byPort.get(key);
      if (known) known.located.push(...located);
      else byPort.set(key, { port, located: [...located] });
    }
  }
  const byAddresses = new Map<string, { ports: BackendPort[]; located: Located[] }>();
  for (const { port, located } of byPort.values()) {
    if (located.length === 0) continue;
    // Sorted, so that what kubectl shows does not change with the order in which pods were seen.
    located.sort((a, b) => (a.ip < b.ip ? -1 : 1));
    const key = JSON.stringify(located);
    const subset = byAddresses.get(key) ?? { ports: [], located };
    if (port) subset.ports.push(port);
    byAddresses.set(key, subset);
  }
  return [...byAddresses.values()].map(subsetOf);
}

function subsetOf({ ports, located }: { ports: BackendPort[]; located: Located[] }): Record<string, unknown> {
  const addresses = located.filter(({ ready }) => ready).map(({ address }) => address);
  const notReadyAddresses = located.filter(({ ready }) => !ready).map(({ address }) => address);
  return {
    ...(addresses.length > 0 ? { addresses } : {}),
    ...(notReadyAddresses.length > 0 ? { notReadyAddresses } : {}),
    ...(ports.length > 0 ? { ports: ports.map(({ name, ...rest }) => (name ? { name, ...rest } : rest)) } : {}),
  };
}

function locateAll(service: Service, backends: readonly Backend[]): Located[] {
  const everybody = service.spec?.publishNotReadyAddresses ?? false;
  const staying = backends.filter(({ terminating }) => everybody || !terminating);
  return staying.map((backend) => locate(service, backend)).filter((each) => each !== undefined);
}

/** undefined if the pod has no address of the service's main family. */
function locate(service: Service, backend: Backend): Located | undefined {
  const { pod, ips, ready } = backend;
  const [family] = familiesOf(service);
  const ip = ips.find((each) => familyOf(each) === family);
  if (ip === undefined) return undefined;
  const { name, namespace, uid } = pod.metadata;
  const { nodeName, hostname } = pod.spec ?? {};
  const address = {
    ip,
    ...(isNamedBy(service, backend) ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    targetRef: { kind: 'Pod', name, namespace, uid },
  };
  return { ip, ready, address };
}
