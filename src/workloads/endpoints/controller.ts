import {
  type Client,
  type Controller,
  createController,
  type Informer,
  type PlatformContext,
} from '../../client/index.ts';
import { type KubeObject, keyOf } from '../../machinery/index.ts';
import { isNamespaceTerminating } from '../refusals.ts';
import { endpointSlices, endpoints, nodes, pods, services } from '../resources.ts';
import type { Pod, Service } from '../types.ts';
import { backendGroups } from './addresses.ts';
import { endpointsFor, isManagedEndpoints, isSameEndpoints } from './legacy.ts';
import { isManaged, sliceChanges } from './slices.ts';
import { addServiceIndex, createUnlessThere, remove, serviceIndex, serviceKeys, writeSlices } from './writes.ts';

/** 'namespace/label=value' of pods and, for one label of its selector, of services: how each finds the other. */
const labelIndex = 'labels';
const selectorIndex = 'selector';
const zoneLabel = 'topology.kubernetes.io/zone';

/** Keeps the EndpointSlices of services that select pods, and the Endpoints that mirror them. */
export function endpointsController(context: PlatformContext): Controller {
  const { client, informers } = context;
  const serviceInformer = informers.for(services);
  const podInformer = informers.for(pods);
  const sliceInformer = informers.for(endpointSlices);
  const endpointsInformer = informers.for(endpoints);
  const nodeInformer = informers.for(nodes);
  /** Services that have gone since the last look: their Endpoints go too, whoever made them. */
  const gone = new Set<string>();
  podInformer.addIndex(labelIndex, labelKeys);
  serviceInformer.addIndex(selectorIndex, (service) => selectorKeys(service as Service).slice(0, 1));
  addServiceIndex(sliceInformer);

  const zoneOf = (node: string): string | undefined => nodeInformer.get(node)?.metadata.labels?.[zoneLabel];

  async function reconcile(key: string): Promise<undefined> {
    const service = serviceInformer.get(key) as Service | undefined;
    const current = endpointsInformer.get(key);
    const slices = sliceInformer.byIndex(serviceIndex, key).filter(isManaged);
    if (!service || service.metadata.deletionTimestamp || !isSelecting(service)) {
      // With the service itself its slices go by their owner reference; a service that stops selecting keeps its own.
      const isLeftOver = !service && current && (gone.has(key) || isManagedEndpoints(current));
      if (isLeftOver) await remove(client, endpoints, current);
      gone.delete(key);
      return;
    }
    const groups = backendGroups(service, selectedPods(podInformer, service), zoneOf);
    try {
      await writeSlices(client, sliceChanges(service, groups, slices));
      await writeEndpoints(client, endpointsFor(service, groups), current);
    } catch (error) {
      if (!isNamespaceTerminating(error)) throw error;
    }
  }

  return createController({
    name: 'endpointslice-controller',
    context,
    sources: [
      {
        resource: services,
        keys(service, { deleted }) {
          if (deleted) gone.add(keyOf(service));
          return [keyOf(service)];
        },
      },
      // Only to know of them: the zone of a node does not change.
      { resource: nodes, keys: () => [] },
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
