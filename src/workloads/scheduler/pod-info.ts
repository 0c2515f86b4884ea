import { keyOf } from '../../machinery/index.ts';
import type { Pod, Toleration } from '../types.ts';
import { claimsOfPod } from '../volumes/indexes.ts';
import { hostPortsOf } from './host-ports.ts';
import { type AffinityTerms, affinityTermsOf, noTerms } from './pod-terms.ts';
import { type Resources, requestsOf, scoredRequestsOf } from './resources.ts';

/** A pod, and what the scheduler reads out of it once for all the nodes that it looks at. */
export interface PodInfo {
  readonly pod: Pod;
  readonly key: string;
  readonly uid: string | undefined;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  /** Deleted, and still on its node. */
  readonly terminating: boolean;
  readonly requests: Resources;
  /** What scoring takes it to ask for. */
  readonly scored: Resources;
  /** 'PROTOCOL/ADDRESS/PORT' */
  readonly hostPorts: readonly string[];
  /** The keys of its claims, those of its ephemeral volumes included. */
  readonly claims: readonly string[];
  readonly tolerations: readonly Toleration[];
  readonly affinity: AffinityTerms;
  readonly antiAffinity: AffinityTerms;
}

const none: readonly never[] = [];
const noLabels: Readonly<Record<string, string>> = {};

export function podInfoOf(pod: Pod): PodInfo {
  const { metadata, spec } = pod;
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {};
  return {
    pod,
    key: keyOf(pod),
    uid: metadata.uid,
    namespace: metadata.namespace ?? '',
    labels: metadata.labels ?? noLabels,
    priority: spec?.priority ?? 0,
    terminating: metadata.deletionTimestamp !== undefined,
    requests: requestsOf(pod),
    scored: scoredRequestsOf(pod),
    hostPorts: hostPortsOf(pod),
    claims: spec?.volumes ? claimsOfPod(pod) : none,
    tolerations: spec?.tolerations ?? none,
    affinity: podAffinity ? affinityTermsOf(podAffinity, pod) : noTerms,
    antiAffinity: podAntiAffinity ? affinityTermsOf(podAntiAffinity, pod) : noTerms,
  };
}
