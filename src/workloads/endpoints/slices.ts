import type { KubeObject } from '../../machinery/index.ts';
import { equalJson, ownerReferenceTo } from '../../machinery/index.ts';
import { shortHash } from '../short-hash.ts';
import type { Service } from '../types.ts';
import type { Backend, BackendGroup } from './addresses.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';
const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
const manager = 'endpointslice-controller.k8s.io';
export const headlessLabel = 'service.kubernetes.io/headless';

/** Endpoints a slice holds at most (upstream's --max-endpoints-per-slice). */
const largestSlice = 100;

export interface SliceChanges {
  create: KubeObject[];
  update: KubeObject[];
  remove: KubeObject[];
}

export function isManaged(slice: KubeObject): boolean {
  return slice.metadata.labels?.[managedByLabel] === manager;
}

/** What has to be written so that the service's slices show these backends; slices are reused in order of name. */
export function sliceChanges(
  service: Service,
  groups: readonly BackendGroup[],
  existing: readonly KubeObject[],
): SliceChanges {
  const wanted = groups.flatMap((group) => slicesOf(service, group));
  // A service without backends still has a slice, so that "none" can be told from "not looked at yet".
  if (wanted.length === 0) wanted.push({ endpoints: [], ports: [] });
  const available = existing.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const labels = sliceLabels(service);
  const changes: SliceChanges = { create: [], update: [], remove: [] };
  const names = freeNames(service, available);
  for (const content of wanted) {
    const at = Math.max(
      0,
      available.findIndex((slice) => equalJson(slice['ports'] ?? [], content.ports)),
    );
    const [slice] = available.splice(at, 1);
    if (!slice) changes.create.push(newSlice(service, names, labels, content));
    else if (!isSame(slice, labels, content)) {
      changes.update.push({ ...slice, metadata: { ...slice.metadata, labels }, ...content });
    }
  }
  changes.remove = available;
  return changes;
}

type SliceContent = Pick<KubeObject, 'endpoints' | 'ports'>;

function slicesOf(service: Service, { ports, backends }: BackendGroup): SliceContent[] {
  const slices: SliceContent[] = [];
  for (let start = 0; start < backends.length; start += largestSlice) {
    slices.push({
      ports,
      endpoints: backends.slice(start, start + largestSlice).map((backend) => endpointOf(service, backend)),
    });
  }
  return slices;
}

function endpointOf(service: Service, { pod, ip, ready, serving, terminating }: Backend): Record<string, unknown> {
  const { name, namespace, uid } = pod.metadata;
  const { hostname, subdomain, nodeName } = pod.spec ?? {};
  return {
    addresses: [ip],
    conditions: { ready, serving, terminating },
    ...(hostname && subdomain === service.metadata.name ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    targetRef: { kind: 'Pod', name, namespace, uid },
  };
}

function sliceLabels(service: Service): Record<string, string> {
  const labels = { ...service.metadata.labels, [serviceNameLabel]: service.metadata.name, [managedByLabel]: manager };
  return isHeadless(service) ? { ...labels, [headlessLabel]: '' } : labels;
}

export function isHeadless({ spec }: Service): boolean {
  return spec?.clusterIP === 'None' || spec?.clusterIP === '';
}

/**
 * Names for new slices, always the same ones for a service: a slice that the cache does not show yet is not made twice,
 * because its name is taken.
 */
function* freeNames(service: Service, taken: readonly KubeObject[]): Generator<string, never> {
  const names = new Set(taken.map(({ metadata }) => metadata.name));
  const prefix = service.metadata.name.slice(0, 240);
  for (let index = 0; ; index += 1) {
    const name = `${prefix}-${shortHash(`${service.metadata.uid}/${index}`)}`;
    if (!names.has(name)) yield name;
  }
}

function newSlice(
  service: Service,
  names: Generator<string, never>,
  labels: Record<string, string>,
  content: SliceContent,
): KubeObject {
  const { namespace } = service.metadata;
  const name = names.next().value;
  const metadata = { name, namespace, labels, ownerReferences: [ownerReferenceTo(service)] };
  const type = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' };
  return { ...type, metadata, ...content };
}

function isSame(slice: KubeObject, labels: Record<string, string>, content: SliceContent): boolean {
  return (
    equalJson(slice.metadata.labels ?? {}, labels) &&
    equalJson(slice['ports'] ?? [], content.ports) &&
    equalJson(slice['endpoints'] ?? [], content.endpoints)
  );
}
