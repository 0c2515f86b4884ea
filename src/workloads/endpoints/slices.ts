import { equalJson, type KubeObject, ownerReferenceTo } from '../../machinery/index.ts';
import { shortHash } from '../short-hash.ts';
import type { Service } from '../types.ts';
import { type Backend, type BackendGroup, type BackendPort, type Family, familiesOf, familyOf } from './addresses.ts';
import { type Endpoint, packEndpoints } from './slice-packing.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const headlessLabel = 'service.kubernetes.io/headless';
const manager = 'endpointslice-controller.k8s.io';

export interface SliceChanges {
  create: KubeObject[];
  update: KubeObject[];
  remove: KubeObject[];
}

/** What one family's slices with the same ports are to hold. */
export interface SliceGroup {
  family: Family;
  ports: readonly BackendPort[];
  endpoints: readonly Endpoint[];
}

/** Who the slices belong to, and what they all bear. */
export interface SliceOwner {
  owner: KubeObject;
  labels: Record<string, string>;
  /** Left out where they may have whatever annotations they have. */
  annotations?: Record<string, string>;
}

export function isManaged(slice: KubeObject): boolean {
  return slice.metadata.labels?.[managedByLabel] === manager;
}

/** What has to be written so that the service's slices show these backends. */
export function sliceChanges(
  service: Service,
  groups: readonly BackendGroup[],
  existing: readonly KubeObject[],
): SliceChanges {
  const wanted = familiesOf(service).flatMap((family) => {
    const ofFamily = groups
      .map(({ ports, backends }) => ({ family, ports, endpoints: endpointsIn(family, service, backends) }))
      .filter(({ endpoints }) => endpoints.length > 0);
    // A service without backends still has a slice, so that "none" can be told from "not looked at yet".
    return ofFamily.length > 0 ? ofFamily : [{ family, ports: [], endpoints: [] }];
  });
  return changesOf({ owner: service, labels: sliceLabels(service) }, wanted, existing);
}

/** What has to be written so that the owner's slices hold what these groups say. Slices of another owner go. */
export function changesOf(
  of: SliceOwner,
  groups: readonly SliceGroup[],
  existing: readonly KubeObject[],
): SliceChanges {
  const changes: SliceChanges = { create: [], update: [], remove: [] };
  const own = existing.filter(({ metadata }) => isOwned(metadata, of.owner));
  const unused = new Set(own.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)));
  const missing: KubeObject[] = [];
  for (const group of groups) {
    const slices = [...unused].filter((slice) => holds(slice, group));
    const { update, create, empty } = packEndpoints(group.endpoints, slices);
    for (const slice of slices) {
      if (empty.includes(slice) || (group.endpoints.length > 0 && isEmpty(slice) && !update.has(slice))) continue;
      unused.delete(slice);
      const content = { endpoints: update.get(slice) ?? slice['endpoints'] };
      if (update.has(slice) || !isLabelled(slice, of)) changes.update.push(labelled({ ...slice, ...content }, of));
    }
    const isPlaceholderMissing = group.endpoints.length === 0 && !slices.some((slice) => !unused.has(slice));
    const contents = isPlaceholderMissing ? [[]] : create;
    for (const endpoints of contents) missing.push(newSlice(of, group, endpoints));
  }
  recycle(of, changes, missing, existing, unused);
  changes.remove.push(...unused, ...existing.filter((slice) => !own.includes(slice)));
  return changes;
}

/** New slices come in the place of those that would go, of the same family: the family of a slice cannot change. */
function recycle(
  of: SliceOwner,
  changes: SliceChanges,
  missing: readonly KubeObject[],
  existing: readonly KubeObject[],
  unused: Set<KubeObject>,
): void {
  const names = freeNames(of.owner, existing);
  for (const slice of missing) {
    const spare = [...unused].find((each) => each['addressType'] === slice['addressType']);
    if (spare) {
      unused.delete(spare);
      changes.update.push(labelled({ ...spare, endpoints: slice['endpoints'], ports: slice['ports'] }, of));
    } else {
      changes.create.push({ ...slice, metadata: { ...slice.metadata, name: names.next().value } });
    }
  }
}

function holds(slice: KubeObject, { family, ports }: SliceGroup): boolean {
  return slice['addressType'] === family && equalJson(slice['ports'] ?? [], ports);
}

function isEmpty(slice: KubeObject): boolean {
  return ((slice['endpoints'] ?? []) as unknown[]).length === 0;
}

function isOwned({ ownerReferences = [] }: KubeObject['metadata'], owner: KubeObject): boolean {
  return ownerReferences.some(({ kind, uid }) => kind === owner.kind && uid === owner.metadata.uid);
}

function isLabelled({ metadata }: KubeObject, { labels, annotations }: SliceOwner): boolean {
  const isSame = !annotations || equalJson(metadata.annotations ?? {}, annotations);
  return isSame && equalJson(metadata.labels ?? {}, labels);
}

function labelled(slice: KubeObject, { labels, annotations = slice.metadata.annotations }: SliceOwner): KubeObject {
  return { ...slice, metadata: { ...slice.metadata, labels, annotations } };
}

function endpointsIn(family: Family, service: Service, backends: readonly Backend[]): Endpoint[] {
  const inFamily = (ip: string): boolean => familyOf(ip) === family;
  return backends
    .filter(({ ips }) => ips.some(inFamily))
    .map((each) => endpointOf(service, each, each.ips.filter(inFamily)));
}

function endpointOf(service: Service, backend: Backend, addresses: string[]): Endpoint {
  const { pod, zone, ready, serving, terminating } = backend;
  const { name, namespace, uid } = pod.metadata;
  const { hostname, nodeName } = pod.spec ?? {};
  const hints = ready ? hintsFor(service, backend) : undefined;
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hostname && isNamedBy(service, backend) ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    targetRef: { kind: 'Pod', name, namespace, ...(uid ? { uid } : {}) },
    ...(zone ? { zone } : {}),
    ...(hints ? { hints } : {}),
  };
}

/** Whether the pod has a name of its own in the service's domain. */
export function isNamedBy({ metadata }: Service, { pod }: Backend): boolean {
  return Boolean(pod.spec?.hostname) && pod.spec?.subdomain === metadata.name;
}

/** For whom an endpoint is meant first, by the service's trafficDistribution (KEP-4444, KEP-3015). */
function hintsFor({ spec }: Service, { pod, zone }: Backend): Record<string, unknown> | undefined {
  const wish = spec?.trafficDistribution ?? '';
  if (!['PreferClose', 'PreferSameZone', 'PreferSameNode'].includes(wish)) return undefined;
  const node = wish === 'PreferSameNode' ? pod.spec?.nodeName : undefined;
  const hints = { ...(zone ? { forZones: [{ name: zone }] } : {}), ...(node ? { forNodes: [{ name: node }] } : {}) };
  return Object.keys(hints).length > 0 ? hints : undefined;
}

function sliceLabels(service: Service): Record<string, string> {
  const { [headlessLabel]: _, ...labels } = service.metadata.labels ?? {};
  const headless: Record<string, string> = isHeadless(service) ? { [headlessLabel]: '' } : {};
  return { ...labels, ...headless, [serviceNameLabel]: service.metadata.name, [managedByLabel]: manager };
}

export function isHeadless({ spec }: Service): boolean {
  return spec?.clusterIP === 'None' || spec?.clusterIP === '';
}

/**
 * Names for new slices, always the same ones for an owner: a slice that the cache does not show yet is not made twice,
 * because its name is taken.
 */
function* freeNames({ metadata }: KubeObject, taken: readonly KubeObject[]): Generator<string, never> {
  const names = new Set(taken.map((slice) => slice.metadata.name));
  const prefix = metadata.name.slice(0, 240);
  for (let index = 0; ; index += 1) {
    const name = `${prefix}-${shortHash(`${metadata.uid}/${index}`)}`;
    if (!names.has(name)) yield name;
  }
}

function newSlice(
  { owner, labels, annotations }: SliceOwner,
  group: SliceGroup,
  endpoints: readonly Endpoint[],
): KubeObject {
  const { namespace } = owner.metadata;
  const metadata = { name: '', namespace, labels, annotations, ownerReferences: [ownerReferenceTo(owner)] };
  const type = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: group.family };
  return { ...type, metadata, endpoints: [...endpoints], ports: [...group.ports] };
}
