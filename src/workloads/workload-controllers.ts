import {
  type CertificateSigner,
  type Controller,
  type Demand,
  onDemand,
  type PlatformContext,
} from '../client/index.ts';
import type { VolumeDrivers } from '../volumes/index.ts';
import { clusterRoleAggregation } from './cluster-role-aggregation.ts';
import { deploymentController } from './deployment/controller.ts';
import { staleDisruptionController } from './disruption/stale.ts';
import { apiServerEndpointsController } from './endpoints/api-server.ts';
import { endpointsController } from './endpoints/controller.ts';
import { endpointsMirroringController } from './endpoints/mirroring-controller.ts';
import { withFieldManager } from './field-manager.ts';
import { garbageCollector } from './gc/controller.ts';
import { isTracked } from './job/pods.ts';
import { namespaceController } from './namespace/controller.ts';
import { nodeLifecycleController } from './node-lifecycle/controller.ts';
import { taintEvictionController } from './node-lifecycle/taint-eviction.ts';
import { endedPodCollector, podGarbageCollector } from './pod-gc.ts';
import { replicaSetController } from './replicaset/controller.ts';
import { resourceQuotaController } from './resource-quota.ts';
import {
  certificateSigningRequests,
  cronJobs,
  daemonSets,
  horizontalPodAutoscalers,
  jobs,
  podDisruptionBudgets,
  pods,
  replicationControllers,
  statefulSets,
} from './resources.ts';
import { scheduler } from './scheduler/controller.ts';
import { serviceAccountTokenController } from './service-account-tokens.ts';
import { rootCaPublisher, serviceAccountController } from './service-accounts.ts';
import type { Pod } from './types.ts';
import { volumeControllers } from './volumes/controllers.ts';

export interface WorkloadOptions {
  /** The CA of the API server, published as the ConfigMap kube-root-ca.crt in every namespace. */
  caPem?: string;
  /** The cluster's certificate authority: signs what CertificateSigningRequests ask for once they are approved. */
  signer?: CertificateSigner;
  /** Where pods reach the API server: what the service default/kubernetes points at. Both or neither. */
  apiAddress?: string;
  apiPort?: number;
  /** Those that make volumes for claims. */
  drivers?: VolumeDrivers;
}

/**
 * The controllers that a cluster's control plane runs beside its API server: deployments, replica sets, endpoints, garbage
 * collection, namespaces, service accounts, quotas, what holds storage in use, the scheduler, and on demand whatever else
 * there are objects for. None of them is started.
 */
export function workloadControllers(platform: PlatformContext, options: WorkloadOptions = {}): Controller[] {
  const { caPem, apiAddress, apiPort, signer } = options;
  const context = { ...platform, client: withFieldManager(platform.client, 'kube-controller-manager') };
  const controllers = [
    deploymentController(context),
    replicaSetController(context),
    endpointsController(context),
    endpointsMirroringController(context),
    garbageCollector(context),
    namespaceController(context),
    podGarbageCollector(context),
    endedPodCollector(context),
    staleDisruptionController(context),
    serviceAccountController(context),
    clusterRoleAggregation(context),
    resourceQuotaController(context),
    ...volumeControllers(context, options.drivers),
    scheduler(context),
    nodeLifecycleController(context),
    taintEvictionController(context),
  ];
  if (caPem) controllers.push(rootCaPublisher(context, caPem), serviceAccountTokenController(context, caPem));
  if (apiAddress && apiPort) {
    controllers.push(apiServerEndpointsController(context, { address: apiAddress, port: apiPort }));
  }
  return [...controllers, ...controllersOnDemand(context, signer)];
}

/** Those of kinds that many never use. They come last: the informers that others need anyway are there then. */
function controllersOnDemand(context: PlatformContext, signer: CertificateSigner | undefined): Controller[] {
  const on = (name: string, demand: Demand, load: () => Promise<Controller>): Controller =>
    onDemand({ name, context, demands: [demand], load });
  const requests = { resource: certificateSigningRequests };
  return [
    on('statefulset-controller', { resource: statefulSets }, async () =>
      (await import('./statefulset/controller.ts')).statefulSetController(context),
    ),
    on('daemonset-controller', { resource: daemonSets }, async () =>
      (await import('./daemonset/controller.ts')).daemonSetController(context),
    ),
    on('replication-controller', { resource: replicationControllers }, async () =>
      (await import('./replicaset/controller.ts')).replicationController(context),
    ),
    on('job-controller', { resource: jobs }, async () => (await import('./job/controller.ts')).jobController(context)),
    on('job-orphan-controller', { resource: pods, when: (pod) => isTracked(pod as Pod) }, async () =>
      (await import('./job/controller.ts')).jobOrphanController(context),
    ),
    on('ttl-after-finished-controller', { resource: jobs }, async () =>
      (await import('./job/ttl-after-finished.ts')).ttlAfterFinishedController(context),
    ),
    on('disruption-controller', { resource: podDisruptionBudgets }, async () =>
      (await import('./disruption/controller.ts')).disruptionController(context),
    ),
    on('cronjob-controller', { resource: cronJobs }, async () =>
      (await import('./cronjob/controller.ts')).cronJobController(context),
    ),
    on('horizontal-pod-autoscaler', { resource: horizontalPodAutoscalers }, async () =>
      (await import('./autoscaler/controller.ts')).autoscalerController(context),
    ),
    ...(signer
      ? [
          on('csrsigning-controller', requests, async () =>
            (await import('./certificates/controllers.ts')).certificateSigningController(context, signer),
          ),
          on('csrapproving-controller', requests, async () =>
            (await import('./certificates/controllers.ts')).certificateApprovingController(context, signer),
          ),
        ]
      : []),
  ];
}
