import { equalJson, type KubeObject } from '../../machinery/index.ts';
import type { Service } from '../types.ts';
import type { Backend, BackendGroup } from './addresses.ts';
import { headlessLabel, isHeadless } from './slices.ts';

const managedByLabel = 'endpoints.kubernetes.io/managed-by';

/** The core/v1 Endpoints of a service: the older form of what its slices say, without terminating pods. */
export function endpointsFor(service: Service, groups: readonly BackendGroup[]): KubeObject {
  const { name, namespace, labels } = service.metadata;
  const headless: Record<string, string> = isHeadless(service) ? { [headlessLabel]: '' } : {};
  const subsets = groups.map(subsetOf).filter((subset) => subset !== undefined);
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

function subsetOf({ ports, backends }: BackendGroup): Record<string, unknown> | undefined {
  // Sorted, so that what kubectl shows does not change with the order in which pods were seen.
  const staying = backends.filter(({ terminating }) => !terminating).sort((a, b) => (a.ip < b.ip ? -1 : 1));
  if (staying.length === 0) return undefined;
  const addresses = staying.filter(({ ready }) => ready).map(addressOf);
  const notReadyAddresses = staying.filter(({ ready }) => !ready).map(addressOf);
  return {
    ...(addresses.length > 0 ? { addresses } : {}),
    ...(notReadyAddresses.length > 0 ? { notReadyAddresses } : {}),
    ports: ports.map(({ name, ...rest }) => (name ? { name, ...rest } : rest)),
  };
}

function addressOf({ pod, ip }: Backend): Record<string, unknown> {
  const { name, namespace, uid } = pod.metadata;
  const nodeName = pod.spec?.nodeName;
  return { ip, ...(nodeName ? { nodeName } : {}), targetRef: { kind: 'Pod', name, namespace, uid } };
}
