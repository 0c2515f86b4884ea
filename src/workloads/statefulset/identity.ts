import type { KubeObject } from '../../machinery/index.ts';
import { podFrom } from '../pod-control.ts';
import type { Pod, PodTemplate } from '../types.ts';
import type { StatefulPodSpec, StatefulSet } from './types.ts';

export const revisionLabel = 'controller-revision-hash';
const podNameLabel = 'statefulset.kubernetes.io/pod-name';
const indexLabel = 'apps.kubernetes.io/pod-index';

/** The number in a member's name, `NAME-ORDINAL`; undefined if the pod's name is not one of the set's. */
export function ordinalOf(set: StatefulSet, pod: KubeObject): number | undefined {
  const prefix = `${set.metadata.name}-`;
  const { name } = pod.metadata;
  const digits = name.slice(prefix.length);
  return name.startsWith(prefix) && /^(0|[1-9]\d{0,9})$/.test(digits) ? Number(digits) : undefined;
}

/** The set that a pod of this name would be a member of. */
export function setNameOf(podName: string): string | undefined {
  return /^(.+)-\d+$/s.exec(podName)?.[1];
}

/** The claim that a template of the set makes for the member of this ordinal. */
export function claimName(set: StatefulSet, template: string, ordinal: number): string {
  return `${template}-${set.metadata.name}-${ordinal}`;
}

export interface OrdinalRange {
  start: number;
  /** Exclusive. */
  end: number;
}

export function ordinalRange({ spec }: StatefulSet): OrdinalRange {
  const start = spec?.ordinals?.start ?? 0;
  return { start, end: start + (spec?.replicas ?? 1) };
}

export function revisionOf({ metadata }: KubeObject): string | undefined {
  return metadata.labels?.[revisionLabel];
}

export function hasIdentity({ metadata }: Pod): boolean {
  return metadata.labels?.[podNameLabel] === metadata.name;
}

/** The labels by which one member of a set can be told from the others. */
export function identityLabels(name: string, ordinal: number): Record<string, string> {
  return { [podNameLabel]: name, [indexLabel]: String(ordinal) };
}

/** The member of this ordinal, from the template of a revision. */
export function memberFrom(set: StatefulSet, template: PodTemplate, revision: string, ordinal: number): Pod {
  const pod = podFrom(set, template) as Pod;
  const name = `${set.metadata.name}-${ordinal}`;
  const labels = { ...pod.metadata.labels, ...identityLabels(name, ordinal), [revisionLabel]: revision };
  const spec: StatefulPodSpec = {
    ...(pod.spec ?? { containers: [] }),
    hostname: name,
    ...(set.spec?.serviceName ? { subdomain: set.spec.serviceName } : {}),
  };
  return { ...pod, metadata: { ...pod.metadata, name, labels }, spec: withStorage(set, spec, ordinal) };
}

/** Volumes of the claims that the set makes for the pod come in the place of the template's of the same names. */
function withStorage(set: StatefulSet, spec: StatefulPodSpec, ordinal: number): StatefulPodSpec {
  const templates = set.spec?.volumeClaimTemplates ?? [];
  if (templates.length === 0) return spec;
  const claimed = templates.map(({ metadata: { name } }) => ({
    name,
    persistentVolumeClaim: { claimName: claimName(set, name, ordinal) },
  }));
  const others = (spec.volumes ?? []).filter((volume) => !claimed.some(({ name }) => name === volume.name));
  return { ...spec, volumes: [...claimed, ...others] };
}
