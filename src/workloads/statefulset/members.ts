import type { ControllerRevision } from '../history/revision.ts';
import { availableIn, isReady } from '../pods.ts';
import type { Pod, PodTemplate } from '../types.ts';
import { memberFrom, type OrdinalRange, ordinalOf, ordinalRange } from './identity.ts';
import type { StatefulSet } from './types.ts';

/** One state of a set's template, and the name that its pods bear as their revision. */
export interface Version {
  name: string;
  template: PodTemplate;
}

/** A set with its pods, as one reconcile sees them. */
export interface Members {
  set: StatefulSet;
  range: OrdinalRange;
  /** The pods that the set asks for and that there are, by ordinal. */
  replicas: ReadonlyMap<number, Pod>;
  /** The pods beyond what it asks for, the highest ordinal first. */
  condemned: readonly Pod[];
  /** Whether one member after the other is dealt with. */
  ordered: boolean;
  current: Version;
  update: Version;
  now: number;
}

export function membersOf(
  set: StatefulSet,
  pods: readonly Pod[],
  versions: { current: Version; update: Version },
): Members {
  const range = ordinalRange(set);
  const replicas = new Map<number, Pod>();
  const condemned: [number, Pod][] = [];
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal === undefined) continue;
    if (ordinal >= range.start && ordinal < range.end) replicas.set(ordinal, pod);
    else condemned.push([ordinal, pod]);
  }
  return {
    set,
    range,
    replicas,
    condemned: condemned.sort(([a], [b]) => b - a).map(([, pod]) => pod),
    ordered: set.spec?.podManagementPolicy !== 'Parallel',
    ...versions,
    now: Date.now(),
  };
}

/** Members below the partition of a rolling update stay at the revision from before it. */
export function newMember({ set, range, current, update }: Members, ordinal: number): Pod {
  const { name, template } = ordinal < range.start + partitionOf(set) ? current : update;
  return memberFrom(set, template, name, ordinal);
}

export function partitionOf({ spec }: StatefulSet): number {
  return spec?.updateStrategy?.rollingUpdate?.partition ?? 0;
}

export function isRunningAndReady(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && isReady(pod);
}

/** Ready for as long as the set's minReadySeconds ask, and not on its way out. */
export function isAvailable({ set, now }: Members, pod: Pod): boolean {
  return !pod.metadata.deletionTimestamp && availableIn(pod, set.spec?.minReadySeconds ?? 0, now) === 0;
}

export function versionOf(set: StatefulSet, revision: ControllerRevision, template: PodTemplate | undefined): Version {
  return { name: revision.metadata.name, template: template ?? set.spec?.template ?? { spec: { containers: [] } } };
}
