import { shareOf } from '../share.ts';
import type { DaemonSet } from './types.ts';

/** How far a rolling update may go, for this many nodes that are to have the set's pod. Percentages are rounded up. */
export function limitsOf({ spec }: DaemonSet, desired: number): { maxSurge: number; maxUnavailable: number } {
  const { rollingUpdate } = spec?.updateStrategy ?? {};
  const maxSurge = shareOf(rollingUpdate?.maxSurge ?? 0, desired, Math.ceil);
  const maxUnavailable = shareOf(rollingUpdate?.maxUnavailable ?? 0, desired, Math.ceil);
  // With neither, no step could ever be taken.
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable };
}

/** Whether a node may have two of the set's pods while one takes the other's place. */
export function allowsSurge(set: DaemonSet): boolean {
  return set.spec?.updateStrategy?.type !== 'OnDelete' && limitsOf(set, 1).maxSurge > 0;
}
