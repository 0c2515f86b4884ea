import type { Informer } from '../../client/index.ts';
import { type LabelSelector, parseLabelSelector } from '../../machinery/index.ts';
import { selectorOf } from '../selectors.ts';
import type { ReplicaSet, Service } from '../types.ts';
import type { PodInfo } from './pod-info.ts';

/** Where to look for what pods are replicas of. */
export interface OwnerSources {
  services: Informer;
  replicationControllers: Informer;
  replicaSets: Informer;
  statefulSets: Informer;
}

/** The selector of the pods that are the same to their Services and to their owner; undefined if there are neither. */
export function ownerSelector(pod: PodInfo, sources: OwnerSources): LabelSelector | undefined {
  const parts: string[] = [];
  for (const service of sources.services.list(pod.namespace) as Service[]) {
    const selector = service.spec?.selector;
    if (selector && isAbout(selector, pod)) parts.push(...equalities(selector));
  }
  const owner = pod.pod.metadata.ownerReferences?.find(({ controller }) => controller);
  if (owner) parts.push(...requirementsOf(owner.kind, `${pod.namespace}/${owner.name}`, sources));
  return parts.length === 0 ? undefined : parsed(parts.join());
}

type Equalities = Readonly<Record<string, string>>;

function isAbout(selector: Equalities, { labels }: PodInfo): boolean {
  let any = false;
  for (const key in selector) {
    if (labels[key] !== selector[key]) return false;
    any = true;
  }
  return any;
}

const equalities = (selector: Equalities): string[] =>
  Object.entries(selector).map(([key, value]) => `${key}=${value}`);

function requirementsOf(kind: string, key: string, sources: OwnerSources): string[] {
  if (kind === 'ReplicationController') {
    const selector = sources.replicationControllers.get(key)?.spec?.['selector'] as Equalities | undefined;
    return equalities(selector ?? {});
  }
  const from = kind === 'ReplicaSet' ? sources.replicaSets : kind === 'StatefulSet' ? sources.statefulSets : undefined;
  const spec = (from?.get(key) as ReplicaSet | undefined)?.spec?.selector;
  const text = spec ? String(selectorOf(spec)) : '';
  return text === '' ? [] : [text];
}

const known = new Map<string, LabelSelector>();
const mostKnown = 1000;

function parsed(text: string): LabelSelector {
  let selector = known.get(text);
  if (!selector) {
    selector = parseLabelSelector(text);
    if (known.size >= mostKnown) known.clear();
    known.set(text, selector);
  }
  return selector;
}
