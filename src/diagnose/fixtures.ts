import type { Fields, KubeObject, OwnerReference } from '../machinery/index.ts';
import { diagnose, type ObjectSource, type Provenance } from './index.ts';
import { memorySource } from './memory-source.ts';

export const at = '2024-05-01T10:00:00Z';
export const later = '2024-05-01T10:00:07Z';
const now = new Date('2024-05-01T10:05:00Z');

export function make(
  apiVersion: string,
  kind: string,
  name: string,
  more: Fields = {},
  owner?: KubeObject,
): KubeObject {
  const reference: OwnerReference[] = owner
    ? [
        {
          apiVersion: owner.apiVersion,
          kind: owner.kind,
          name: owner.metadata.name,
          uid: owner.metadata.uid ?? '',
          controller: true,
        },
      ]
    : [];
  const { metadata, ...rest } = more as { metadata?: object };
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace: 'a-team',
      uid: `${kind}-${name}`,
      creationTimestamp: at,
      ownerReferences: reference,
      ...metadata,
    },
    ...rest,
  };
}

export interface App {
  /** Fields of the main container. */
  container?: Fields;
  containerStatus?: Fields;
  podStatus?: Fields;
  podSpec?: Fields;
  owner?: KubeObject;
  deploymentStatus?: Fields;
}

/** A Deployment with its ReplicaSet and a pod, as the controllers and a node write them. */
export function app(options: App = {}) {
  const labels = { app: 'silly-demo' };
  const container = { name: 'main', image: 'ghcr.io/vfarcic/silly-demo:1.4.305', ...options.container };
  const podSpec = { containers: [container], ...options.podSpec };
  const template = { metadata: { labels }, spec: podSpec };
  const deployment = make(
    'apps/v1',
    'Deployment',
    'silly-demo',
    { spec: { replicas: 1, template }, status: { replicas: 1, updatedReplicas: 1, ...options.deploymentStatus } },
    options.owner,
  );
  const set = make(
    'apps/v1',
    'ReplicaSet',
    'silly-demo-5d8f',
    { spec: { replicas: 1, template }, status: { replicas: 1 } },
    deployment,
  );
  const injected = { name: 'sidecar', image: 'proxy:1' };
  const pod = make(
    'v1',
    'Pod',
    'silly-demo-5d8f-abcde',
    {
      metadata: { labels },
      spec: { ...podSpec, containers: [injected, container] },
      status: {
        phase: 'Running',
        conditions: [{ type: 'ContainersReady', status: 'False', lastTransitionTime: later }],
        containerStatuses: [
          { name: 'main', ready: false, restartCount: 0, ...options.containerStatus },
          { name: 'sidecar', ready: true, state: { running: { startedAt: at } } },
        ],
        ...options.podStatus,
      },
    },
    set,
  );
  return { deployment, set, pod, all: [deployment, set, pod] };
}

export const waiting = (reason: string, message: string): Fields => ({ state: { waiting: { reason, message } } });
export const crashed = (state: Fields): Fields => ({
  restartCount: 3,
  ...waiting('CrashLoopBackOff', 'back-off 40s restarting failed container'),
  lastState: { terminated: { finishedAt: later, ...state } },
});
export const event = (about: KubeObject, reason: string, message: string, time = later): KubeObject =>
  make('v1', 'Event', `${reason}-${message.length}`, {
    involvedObject: { uid: about.metadata.uid },
    reason,
    message,
    firstTimestamp: at,
    lastTimestamp: time,
  });

export const why = (
  object: KubeObject,
  objects: KubeObject[],
  more: { provenance?: Provenance; source?: Partial<ObjectSource> } = {},
) =>
  diagnose({
    object,
    source: { ...memorySource(objects), ...more.source },
    now,
    ...(more.provenance ? { provenance: more.provenance } : {}),
  });

export const missingTag = 'ghcr.io/vfarcic/silly-demo:this-tag-does-not-exist';
export const notThere = `image "${missingTag}" is not in the local image store (tags there: 1.4.304, 1.4.305); build it`;
export const wrongImage: App = { container: { image: missingTag }, containerStatus: waiting('ErrImagePull', notThere) };
