import { randomUUID } from 'node:crypto';
import { equalJson, type KubeObject, timestamp } from '../machinery/index.ts';
import type { Core } from './core.ts';
import { localApiStatus } from './kinds/index.ts';
import type { ServerLog } from './options.ts';
import type { Entry } from './store/entry.ts';
import type { Decision } from './store/store.ts';

const API_SERVICES = { group: 'apiregistration.k8s.io', resource: 'apiservices' };
const CRDS = { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' };
const AUTOMANAGED = 'kube-aggregator.kubernetes.io/automanaged';

/** The priorities of Kubernetes' own groups, as clients of an aggregated API see them: higher is preferred. */
const GROUP_PRIORITIES: Readonly<Record<string, number>> = {
  '': 18_000,
  apps: 17_800,
  'events.k8s.io': 17_750,
  'authentication.k8s.io': 17_700,
  'authorization.k8s.io': 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  'certificates.k8s.io': 17_300,
  'networking.k8s.io': 17_200,
  policy: 17_100,
  'rbac.authorization.k8s.io': 17_000,
  'storage.k8s.io': 16_800,
  'apiextensions.k8s.io': 16_700,
  'admissionregistration.k8s.io': 16_700,
  'scheduling.k8s.io': 16_600,
  'coordination.k8s.io': 16_500,
  'node.k8s.io': 16_300,
  'discovery.k8s.io': 16_200,
  'resource.k8s.io': 16_200,
  'flowcontrol.apiserver.k8s.io': 16_100,
  'metrics.k8s.io': 100,
};

/** Versions that are not preferred as v1 usually is. */
const VERSION_PRIORITIES: Readonly<Record<string, number>> = {
  'v1.': 1,
  'v1.flowcontrol.apiserver.k8s.io': 21,
  'v1.resource.k8s.io': 21,
  'v1beta1.admissionregistration.k8s.io': 12,
  'v2.autoscaling': 30,
};

/** An APIService for each group and version: a local one, since this server serves them all. */
function apiServiceOf(group: string, version: string, custom: boolean): KubeObject {
  const name = `${version}.${group}`;
  return {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name, labels: { [AUTOMANAGED]: custom ? 'true' : 'onstart' } },
    spec: {
      ...(group === '' ? {} : { group }),
      version,
      groupPriorityMinimum: GROUP_PRIORITIES[group] ?? 1000,
      versionPriority: custom ? 100 : (VERSION_PRIORITIES[name] ?? 15),
    },
  };
}

/**
 * Keeps an APIService for every group and version that is served, CustomResourceDefinitions' included.
 * @returns what looks again at what is served, and the way to stop.
 */
export function registerApiServices({ registry, store }: Core, log: ServerLog): { sync(): void; stop(): void } {
  const wanted = (): Map<string, KubeObject> => {
    const services = new Map<string, KubeObject>();
    for (const { served } of registry.all()) {
      const service = apiServiceOf(served.group, served.version, served.custom);
      if (!services.has(service.metadata.name)) services.set(service.metadata.name, service);
    }
    return services;
  };

  function write(name: string, decide: (current: Entry | undefined) => Decision): void {
    store.write(API_SERVICES, { namespace: '', name }, decide).catch((error: unknown) => {
      log.error({ err: error, apiService: name }, 'keeping an APIService failed');
    });
  }

  let generation = -1;
  function sync(): void {
    if (registry.generation === generation) return;
    generation = registry.generation;
    const services = wanted();
    for (const entry of [...store.cache(API_SERVICES).entries.from('')]) {
      const { name, labels } = entry.object.metadata;
      if (services.has(name) || labels?.[AUTOMANAGED] !== 'true') continue;
      write(name, (current) => (current ? { remove: true } : { keep: entry }));
    }
    for (const [name, service] of services) {
      const current = store.latest(API_SERVICES, { namespace: '', name })?.object;
      if (current && equalJson(current.spec, service.spec)) continue;
      write(name, (before) => ({ put: registered(service, before?.object) }));
    }
  }
  sync();
  return { sync, stop: store.cache(CRDS).onBatch(sync) };
}

/** An APIService as it is stored: what is there keeps its identity. */
function registered(service: KubeObject, before: KubeObject | undefined): KubeObject {
  const metadata = before?.metadata ?? {
    ...service.metadata,
    uid: randomUUID(),
    creationTimestamp: timestamp(),
  };
  return { ...service, metadata, status: before?.status ?? localApiStatus() };
}
