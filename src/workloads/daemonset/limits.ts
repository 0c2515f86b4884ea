import type { DaemonSet } from './types.ts';

/** How far a rolling update may go, for this many nodes that are to have the set's pod. Percentages are rounded up. */
export function limitsOf({ spec }: DaemonSet, desired: number): { maxSurge: number; maxUnavailable: number } {
  const { rollingUpdate } = spec?.updateStrategy ?? {};
  const maxSurge = absolute(rollingUpdate?.maxSurge, desired);
  const maxUnavailable = absolute(rollingUpdate?.maxUnavailable, desired);
  // With neither, no step could ever be taken.
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable };
}

/** Whether a node may have two of the set's pods while one takes the other's place. */
export function allowsSurge(set: DaemonSet): boolean {
  return set.spec?.updateStrategy?.type !== 'OnDelete' && limitsOf(set, 1).maxSurge > 0;
}

function absolute(value: number | string | undefined, of: number): number {
  if (typeof value === 'number' || value === undefined) return value ?? 0;
  return Math.ceil((Number.parseInt(value, 10) * of) / 100) || 0;
}
