import type { Fields, KubeObject } from '../../../machinery/index.ts';
import { objectAt, objectsAt, textAt } from '../../kinds/fields.ts';

/** Why a pod is not allowed at a level: in short, and which part of the pod it is. */
export interface Violation {
  reason: string;
  detail: string;
}

/** A pod, or a workload's template of one. */
export type PodLike = Pick<KubeObject, 'spec'> & { metadata: { annotations?: Record<string, string> } };

export type PodCheck = (pod: PodLike) => Violation | undefined;

/** One rule of the Pod Security Standards, as it is from each minor version of Kubernetes on. */
export interface Check {
  id: string;
  /** In rising order: the first minor version (of v1) that a form of the check is for. */
  versions: readonly [minor: number, check: PodCheck][];
  /** The baseline check that this stricter one stands in for. */
  overrides?: string;
}

/** Every container of a pod, init containers first. */
export function containersOf({ spec }: PodLike): Fields[] {
  return ['initContainers', 'containers', 'ephemeralContainers'].flatMap((list) => objectsAt(spec, list));
}

/** The security context of a pod's spec or of a container. */
export function securityOf(fields: Fields | undefined): Fields | undefined {
  return objectAt(fields, 'securityContext');
}

/** The names of the containers that a condition holds for. */
export function containersWhere(pod: PodLike, holds: (container: Fields) => boolean): string[] {
  return containersOf(pod)
    .filter(holds)
    .map((container) => textAt(container, 'name'));
}

/** Whether the pod as a whole sets something that it should not, and which of its containers do: in words, '' for none. */
export function setters(pod: PodLike, isBad: (security: Fields) => boolean): string {
  const bad = (fields: Fields | undefined): boolean => {
    const security = securityOf(fields);
    return security !== undefined && isBad(security);
  };
  const names = containersWhere(pod, bad);
  return [...(bad(pod.spec) ? ['pod'] : []), ...(names.length > 0 ? [containers(names)] : [])].join(' and ');
}

/** 'container "a"', 'containers "a", "b"'. */
export function containers(names: readonly string[]): string {
  return `${plural(names, 'container')} ${quotedList(names)}`;
}

export function quotedList(items: Iterable<string>): string {
  return [...items].map((item) => `"${item}"`).join(', ');
}

export function plural(items: readonly unknown[], one: string, many = `${one}s`): string {
  return items.length === 1 ? one : many;
}

/** Without repeats and in order. */
export function sorted(values: Iterable<string>): string[] {
  return [...new Set(values)].sort();
}

/** For Windows pods, which a check made for Linux says nothing about. */
export function exceptOnWindows(check: PodCheck): PodCheck {
  return (pod) => (textAt(objectAt(pod.spec, 'os'), 'name') === 'windows' ? undefined : check(pod));
}
