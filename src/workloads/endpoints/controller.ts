import {
  type Client,
  type Controller,
  createController,
  type Informer,
  type PlatformContext,
} from '../../client/index.ts';
import { isReason, type KubeObject, keyOf, objectKey, type Resource, splitKey } from '../../machinery/index.ts';
import { ignoringAbsence, isNamespaceTerminating } from '../refusals.ts';
import { endpointSlices, endpoints, pods, services } from '../resources.ts';
import type { Pod, Service } from '../types.ts';
import { type BackendGroup, backendGroups } from './addresses.ts';
import { endpointsFor, isManagedEndpoints, isSameEndpoints } from './legacy.ts';
import { isManaged, serviceNameLabel, sliceChanges } from './slices.ts';

/** 'namespace/label=value' of pods and, for one label of its selector, of services: how each finds the other. */
const labelIndex = 'labels';
const selectorIndex = 'selector';
const serviceIndex = 'service';

/** Keeps the EndpointSlices of services that select pods, and the Endpoints that mirror them. */
export function endpointsController(context: PlatformContext): Controller {
  const { client, informers } = context;
  const serviceInformer = informers.for(services);
  const podInformer = informers.for(pods);
  const sliceInformer = informers.for(endpointSlices);
  const endpointsInformer = informers.for(endpoints);
  podInformer.addIndex(labelIndex, labelKeys);
  serviceInformer.addIndex(selectorIndex, (service) => selectorKeys(service as Service).slice(0, 1));
  sliceInformer.addIndex(serviceIndex, serviceKeys);

  async function reconcile(key: string): Promise<undefined> {
    const service = serviceInformer.get(key) as Service | undefined;
    const current = endpointsInformer.get(key);
    const slices = sliceInformer.byIndex(serviceIndex, key).filter(isManaged);
    if (!service || service.metadata.deletionTimestamp || !isSelecting(service)) {
      // With the service itself its slices go by their owner reference; a service that stops selecting keeps its own.
      if (!service && current && isManagedEndpoints(current)) await remove(client, endpoints, current);
      return;
    }
    const groups = backendGroups(service, selectedPods(podInformer, service));
    try {
      await writeSlices(client, service, groups, slices);
      await writeEndpoints(client, endpointsFor(service, groups), current);
    } catch (error) {
      if (!isNamespaceTerminating(error)) throw error;
    }
  }

  return createController({
    name: 'endpointslice-controller',
    context,
    sources: [
      { resource: services },
      { resource: pods, keys: (pod, { old }) => servicesOf(serviceInformer, pod as Pod, old as Pod | undefined) },
      { resource: endpointSlices, keys: serviceKeys },
      { resource: endpoints },
    ],
    reconcile,
  });
}

function isSelecting({ spec }: Service): boolean {
  return spec?.type !== 'ExternalName' && Object.keys(spec?.selector ?? {}).length > 0;
}

function labelKeys({ metadata }: KubeObject): string[] {
  return Object.entries(metadata.labels ?? {}).map(([name, value]) => `${metadata.namespace}/${name}=${value}`);
}

function selectorKeys({ metadata, spec }: Service): string[] {
  const pairs = Object.entries(spec?.selector ?? {});
  return pairs.map(([name, value]) => `${metadata.namespace}/${name}=${value}`);
}

function serviceKeys({ metadata }: KubeObject): string[] {
  const name = metadata.labels?.[serviceNameLabel];
  return name ? [objectKey(name, metadata.namespace)] : [];
}

function selects({ spec }: Service, { metadata }: Pod): boolean {
  return Object.entries(spec?.selector ?? {}).every(([name, value]) => metadata.labels?.[name] === value);
}

/** Looks only at the pods with the rarest label of the selector. */
function selectedPods(informer: Informer, service: Service): Pod[] {
  const candidates = selectorKeys(service).map((key) => informer.byIndex(labelIndex, key));
  candidates.sort((a, b) => a.length - b.length);
  return ((candidates[0] ?? []) as Pod[]).filter((pod) => selects(service, pod));
}

/** The services that select a pod, or selected it before a change of its labels. */
function servicesOf(informer: Informer, pod: Pod, old: Pod | undefined): string[] {
  const keys = new Set<string>();
  for (const version of old && old.metadata.labels !== pod.metadata.labels ? [pod, old] : [pod]) {
    for (const label of labelKeys(version)) {
      for (const service of informer.byIndex(selectorIndex, label)) {
        if (selects(service as Service, version)) keys.add(keyOf(service));
      }
    }
  }
  return [...keys];
}

async function writeSlices(
  client: Client,
  service: Service,
  groups: readonly BackendGroup[],
  existing: readonly KubeObject[],
): Promise<void> {
  const changes = sliceChanges(service, groups, existing);
  for (const slice of changes.create) await createUnlessThere(client, endpointSlices, slice);
  for (const slice of changes.update) await client.update(endpointSlices, slice);
  for (const slice of changes.remove) await remove(client, endpointSlices, slice);
}

async function writeEndpoints(client: Client, wanted: KubeObject, current: KubeObject | undefined): Promise<void> {
  if (!current) {
    await createUnlessThere(client, endpoints, wanted);
    return;
  }
  if (isSameEndpoints(current, wanted)) return;
  const { subsets: _, ...rest } = current;
  const metadata = { ...current.metadata, labels: wanted.metadata.labels };
  const { subsets } = wanted;
  await client.update(endpoints, { ...rest, metadata, ...(subsets ? { subsets } : {}) } as KubeObject);
}

/** What is there already is on its way into the cache, and brings the next reconcile when it arrives. */
async function createUnlessThere(client: Client, resource: Resource, object: KubeObject): Promise<void> {
  try {
    await client.create(resource, object);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
  }
}

async function remove(client: Client, resource: Resource, object: KubeObject): Promise<void> {
  const { name, namespace } = splitKey(keyOf(object));
  await ignoringAbsence(client.delete(resource, { name, namespace }, { uid: object.metadata.uid }));
}
