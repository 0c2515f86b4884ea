import { type Fields, invalidValue, type KubeObject, type StatusCause } from '../../../machinery/index.ts';
import { nonNegative } from '../checks.ts';
import { numberAt } from '../fields.ts';

/** The counts of a status, none of which is negative. */
export function countErrors(status: Fields | undefined, counts: readonly string[]): StatusCause[] {
  return counts.flatMap((count) => nonNegative(status, count, 'status'));
}

/** Of the pods that there are, no more can be ready than there are, and no more available than ready. */
export function replicaErrors(
  status: Fields | undefined,
  parts: readonly string[],
  ready = 'readyReplicas',
): StatusCause[] {
  const count = (name: string): number => numberAt(status, name) ?? 0;
  const errors = parts
    .filter((part) => count(part) > count('replicas'))
    .map((part) => invalidValue(`status.${part}`, count(part), 'cannot be greater than status.replicas'));
  if (count('availableReplicas') > count('readyReplicas')) {
    const detail = `cannot be greater than ${ready}`;
    errors.push(invalidValue('status.availableReplicas', count('availableReplicas'), detail));
  }
  return errors;
}

/** status.terminatingReplicas is behind a feature gate that is off. */
export function dropTerminating({ status }: KubeObject, old: KubeObject): void {
  if (old.status?.['terminatingReplicas'] === undefined) delete status?.['terminatingReplicas'];
}

/** Names that were taken once stay taken. */
export function collisionErrors(object: KubeObject, old: KubeObject | undefined): StatusCause[] {
  const [count, before] = [object, old].map((of) => numberAt(of?.status, 'collisionCount'));
  if (before === undefined || (count !== undefined && count >= before)) return [];
  return [invalidValue('status.collisionCount', count ?? 0, 'cannot be decremented')];
}
