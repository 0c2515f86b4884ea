import type { Logger } from 'pino';
import type { Client, EventRecorder } from '../../client/index.ts';
import { equalJson, isReason, type KubeObject, keyOf } from '../../machinery/index.ts';
import { services } from '../pod.ts';

/** Says in Services of type LoadBalancer where they answer. */
export interface LoadBalancers {
  /** All its ports listen. */
  ensured(service: KubeObject): void;
  /** One of its ports cannot listen: why. */
  failed(service: KubeObject, obstacle: string): void;
  /** It is not of that type any more. */
  dropped(service: KubeObject): void;
}

/**
 * Load balancers that are this machine itself, under one address for all of them. Events are worded as a cloud's service
 * controller does.
 */
export function createLoadBalancers(options: {
  client: Client;
  recorder: EventRecorder;
  log: Logger;
  address: string;
}): LoadBalancers {
  const { client, recorder, log } = options;
  const own = [{ ip: options.address, ipMode: 'VIP' }];

  /** @returns whether that was news */
  function write(service: KubeObject, ingress: typeof own): boolean {
    const present = (service.status?.['loadBalancer'] ?? {}) as { ingress?: unknown[] };
    if (service.metadata.deletionTimestamp || equalJson(present.ingress ?? [], ingress)) return false;
    const { name, namespace, uid } = service.metadata;
    const status = { loadBalancer: { ingress: ingress.length > 0 ? ingress : null } };
    const patch = { metadata: { uid }, status };
    client.patch(services, { name, namespace }, 'merge', patch, { subresource: 'status' }).catch((error: Error) => {
      if (isReason(error, 'NotFound') || isReason(error, 'Conflict')) return;
      log.warn({ service: keyOf(service), error: error.message }, 'writing the status of a load balancer');
    });
    return true;
  }

  return {
    ensured(service) {
      if (write(service, own)) recorder.event(service, 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer');
    },
    failed(service, obstacle) {
      const message = `Error syncing load balancer: failed to ensure load balancer: ${obstacle}`;
      recorder.event(service, 'Warning', 'SyncLoadBalancerFailed', message);
      write(service, []);
    },
    dropped: (service) => void write(service, []),
  };
}
