import { canonicalJson, type LabelSelector, labelSelectorOf } from '../../machinery/index.ts';
import type { Pod, PodAffinity, PodAffinityTerm } from '../types.ts';

/** Pods of some namespaces that a selector matches. Two of one `id` are the same. */
export interface PodSet {
  readonly id: string;
  readonly namespaces: ReadonlySet<string>;
  /** Which other namespaces count too, by their labels; undefined for none. */
  readonly namespaceSelector: LabelSelector | undefined;
  readonly selector: LabelSelector;
}

/** The pods to be near, or far from, within one value of a node label. */
export interface PodTerm extends PodSet {
  readonly topologyKey: string;
}

export interface WeightedPodTerm {
  readonly weight: number;
  readonly term: PodTerm;
}

export interface AffinityTerms {
  readonly required: readonly PodTerm[];
  readonly preferred: readonly WeightedPodTerm[];
}

export const noTerms: AffinityTerms = { required: [], preferred: [] };

/** What the matching of a pod to a set of pods looks at. */
interface Candidate {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The labels of a namespace by name. */
export type NamespaceLabels = (namespace: string) => Readonly<Record<string, string>> | undefined;

export function isInSet(pod: Candidate, set: PodSet, namespaceLabels: NamespaceLabels): boolean {
  return includesNamespace(set, pod.namespace, namespaceLabels) && set.selector.matches(pod.labels);
}

export function includesNamespace(
  { namespaces, namespaceSelector }: PodSet,
  namespace: string,
  labels: NamespaceLabels,
): boolean {
  return namespaces.has(namespace) || namespaceSelector?.matches(labels(namespace)) === true;
}

/** The live pods of one namespace that a selector matches, as a set. */
export function podsOfNamespace(namespace: string, selector: LabelSelector): PodSet {
  const id = `${namespace}\n${selector}`;
  return { id, namespaces: new Set([namespace]), namespaceSelector: undefined, selector };
}

/** A pod's terms, read once for each object that holds them. */
export function affinityTermsOf(affinity: PodAffinity, pod: Pod): AffinityTerms {
  const {
    requiredDuringSchedulingIgnoredDuringExecution: required = [],
    preferredDuringSchedulingIgnoredDuringExecution: preferred = [],
  } = affinity;
  const namespace = pod.metadata.namespace ?? '';
  return {
    required: required.map((term) => podTerm(term, namespace)),
    preferred: preferred.map(({ weight, podAffinityTerm }) => ({ weight, term: podTerm(podAffinityTerm, namespace) })),
  };
}

/** Pods of one template say the same: what was read is kept by what was said. */
const known = new Map<string, PodTerm>();
const mostKnown = 1000;

/** Without namespaces and a selector of namespaces, the pod's own is meant. */
function podTerm(term: PodAffinityTerm, namespace: string): PodTerm {
  const { topologyKey, labelSelector, namespaceSelector, namespaces = [] } = term;
  const names = namespaces.length === 0 && !namespaceSelector ? [namespace] : namespaces;
  const said = canonicalJson([names.toSorted(), namespaceSelector ?? null, labelSelector ?? null, topologyKey]);
  let read = known.get(said);
  if (!read) {
    read = {
      id: said,
      namespaces: new Set(names),
      namespaceSelector: namespaceSelector ? labelSelectorOf(namespaceSelector) : undefined,
      selector: labelSelectorOf(labelSelector),
      topologyKey,
    };
    if (known.size >= mostKnown) known.clear();
    known.set(said, read);
  }
  return read;
}
