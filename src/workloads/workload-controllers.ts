import type { CertificateSigner, Controller, PlatformContext } from '../client/index.ts';
import type { VolumeDrivers } from '../volumes/index.ts';
import { certificateApprovingController, certificateSigningController } from './certificates/controllers.ts';
import { clusterRoleAggregation } from './cluster-role-aggregation.ts';
import { daemonSetController } from './daemonset/controller.ts';
import { deploymentController } from './deployment/controller.ts';
import { apiServerEndpointsController } from './endpoints/api-server.ts';
import { endpointsController } from './endpoints/controller.ts';
import { withFieldManager } from './field-manager.ts';
import { garbageCollector } from './gc/controller.ts';
import { jobController, jobOrphanController } from './job/controller.ts';
import { ttlAfterFinishedController } from './job/ttl-after-finished.ts';
import { namespaceController } from './namespace/controller.ts';
import { replicaSetController, replicationController } from './replicaset/controller.ts';
import { resourceQuotaController } from './resource-quota.ts';
import { scheduler } from './scheduler/controller.ts';
import { serviceAccountTokenController } from './service-account-tokens.ts';
import { rootCaPublisher, serviceAccountController } from './service-accounts.ts';
import { statefulSetController } from './statefulset/controller.ts';
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
 * The controllers that a cluster's control plane runs beside its API server: deployments, replica sets, replication controllers, jobs, endpoints,
 * garbage collection, namespaces, service accounts, quotas, what holds storage in use, and the scheduler. None of them is started.
 */
export function workloadControllers(platform: PlatformContext, options: WorkloadOptions = {}): Controller[] {
  const { caPem, apiAddress, apiPort, signer } = options;
  const context = { ...platform, client: withFieldManager(platform.client, 'kube-controller-manager') };
  const controllers = [
    deploymentController(context),
    replicaSetController(context),
    statefulSetController(context),
    daemonSetController(context),
    replicationController(context),
    jobController(context),
    jobOrphanController(context),
    ttlAfterFinishedController(context),
    endpointsController(context),
    garbageCollector(context),
    namespaceController(context),
    serviceAccountController(context),
    clusterRoleAggregation(context),
    resourceQuotaController(context),
    ...volumeControllers(context, options.drivers),
    scheduler(context),
  ];
  if (caPem) controllers.push(rootCaPublisher(context, caPem), serviceAccountTokenController(context, caPem));
  if (signer) {
    controllers.push(certificateSigningController(context, signer), certificateApprovingController(context, signer));
  }
  if (apiAddress && apiPort) {
    controllers.push(apiServerEndpointsController(context, { address: apiAddress, port: apiPort }));
  }
  return controllers;
}
