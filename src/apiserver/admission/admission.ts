import type { KubeObject } from '../../machinery/index.ts';
import type { Registration } from '../registry/registration.ts';
import type { Store } from '../store/store.ts';
import { bindNamespace } from './namespace-lifecycle.ts';
import type { PodSecurityConfiguration } from './pod-security/configuration.ts';
import { podSecurity } from './pod-security/pod-security.ts';
import { assignPriority } from './priority.ts';
import type { AdmissionRequest } from './request.ts';
import { awaitDefaultAccount, injectServiceAccount } from './service-account.ts';
import { createServiceAllocator } from './service-allocation.ts';
import { addDefaultTolerations } from './tolerations.ts';

/** The built-in admission plugins, in upstream's order. */
export interface Admission {
  /** Waits for what other parts create by themselves and a new object cannot do without. */
  ready(registration: Registration, namespace: string, object: KubeObject): Promise<void>;
  /** Completes an object in place, or throws ApiError (403 as a rule) to refuse the operation. */
  admit(request: AdmissionRequest): void;
}

export interface AdmissionOptions {
  /** IPv4 CIDR of Services' cluster IPs. */
  serviceRange: string;
  podSecurity: PodSecurityConfiguration;
}

export function createAdmission(store: Store, options: AdmissionOptions): Admission {
  const services = createServiceAllocator(store, options.serviceRange);
  const checkPodSecurity = podSecurity(store, options.podSecurity);
  return {
    async ready({ served }, namespace, object) {
      if (served.group === '' && served.resource === 'pods') await awaitDefaultAccount(store, namespace, object);
    },
    admit(request) {
      bindNamespace(store, request);
      const { group, resource } = request.registration.served;
      if (group === '' && resource === 'pods' && request.operation === 'CREATE') {
        injectServiceAccount(store, request.object);
        assignPriority(store, request.object);
        addDefaultTolerations(request.object);
      }
      if (group === '' && resource === 'services' && !request.subresource) services.admit(request);
      checkPodSecurity(request);
    },
  };
}
