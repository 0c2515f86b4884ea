import type { KubeObject } from '../../machinery/index.ts';
import type { Authorizer } from '../contracts.ts';
import type { Registration } from '../registry/registration.ts';
import type { Steps } from '../rest/steps.ts';
import type { Store } from '../store/store.ts';
import { deviceAdminAccess } from './admin-access.ts';
import { certificatePlugins } from './certificates.ts';
import { defaultIngressClass, defaultStorageClass } from './default-class.ts';
import { limitRanger } from './limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import type { PodSecurityConfiguration } from './pod-security/configuration.ts';
import { podSecurity } from './pod-security/pod-security.ts';
import { priority } from './priority.ts';
import type { AdmissionPlugin, AdmissionRequest, WaitingAdmission } from './request.ts';
import { resourceQuota } from './resource-quota.ts';
import { runtimeClass } from './runtime-class.ts';
import { awaitDefaultAccount, serviceAccount } from './service-account.ts';
import { createServiceAllocator } from './service-allocation.ts';
import { persistentVolumeClaimResize, storageObjectInUseProtection } from './storage.ts';
import { defaultTolerationSeconds } from './tolerations.ts';

/** Everything that completes or refuses a write between its decoding and its storing. */
export interface Admission {
  /** Waits for what other parts create by themselves and a new object cannot do without. */
  ready(registration: Registration, namespace: string, object: KubeObject): Promise<void>;
  /** Completes `request.object`: in place, or by putting another in its place. Throws ApiError to refuse the operation. */
  mutate(request: AdmissionRequest): Steps<void>;
  /** Gives a completed object what there is only once: the addresses and node ports of Services. Throws ApiError. */
  allocate(request: AdmissionRequest): void;
  /** Judges the finished object. Throws ApiError (403 as a rule) to refuse the operation. */
  validate(request: AdmissionRequest): Steps<void>;
}

export interface AdmissionOptions {
  /** IPv4 CIDR of Services' cluster IPs. */
  serviceRange: string;
  podSecurity: PodSecurityConfiguration;
  authorizer: Authorizer;
}

/** The built-in plugins in upstream's order (AllOrderedPlugins), up to the policies and webhooks. */
function orderedPlugins(store: Store, options: AdmissionOptions): readonly AdmissionPlugin[] {
  return [
    namespaceLifecycle(store),
    limitRanger(store),
    serviceAccount(store),
    { name: 'PodSecurity', validate: podSecurity(store, options.podSecurity) },
    priority(store),
    defaultTolerationSeconds,
    defaultStorageClass(store),
    storageObjectInUseProtection,
    persistentVolumeClaimResize(store),
    runtimeClass(store),
    deviceAdminAccess(store),
    ...certificatePlugins(options.authorizer),
    defaultIngressClass(store),
  ];
}

/**
 * The plugins that have the last word, after every webhook has answered. They judge in the turn in which the write is
 * queued: what they see is what the object is stored beside.
 */
function finalPlugins(store: Store): readonly AdmissionPlugin[] {
  return [namespaceLifecycle(store), resourceQuota(store)];
}

/** Admission that objects configure: policies, in the order in which they are asked, and then webhooks. */
export interface ConfiguredAdmission {
  policies: readonly Partial<WaitingAdmission>[];
  webhooks: WaitingAdmission;
}

export function createAdmission(
  store: Store,
  options: AdmissionOptions,
  { policies, webhooks }: ConfiguredAdmission,
): Admission {
  const services = createServiceAllocator(store, options.serviceRange);
  const plugins = orderedPlugins(store, options);
  const configured: readonly Partial<WaitingAdmission>[] = [...policies, webhooks];
  const last = finalPlugins(store);
  return {
    async ready({ served }, namespace, object) {
      if (served.group === '' && served.resource === 'pods') await awaitDefaultAccount(store, namespace, object);
    },
    *mutate(request) {
      const rounds = { again: false, changed: false, memory: new Map() };
      const round = function* (): Steps<void> {
        for (const plugin of plugins) plugin.mutate?.(request, rounds);
        for (const { mutate } of configured) if (mutate) yield* mutate(request, rounds);
      };
      yield* round();
      if (!rounds.changed) return;
      rounds.again = true;
      yield* round();
    },
    allocate: services.admit,
    *validate(request) {
      for (const plugin of plugins) plugin.validate?.(request);
      for (const { validate } of configured) if (validate) yield* validate(request);
      for (const plugin of last) plugin.validate?.(request);
    },
  };
}
