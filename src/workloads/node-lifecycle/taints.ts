import { timestamp } from '../../machinery/index.ts';
import type { Node, Taint } from '../types.ts';

const prefix = 'node.kubernetes.io/';
const notReady = `${prefix}not-ready`;
const unreachable = `${prefix}unreachable`;
const unschedulable = `${prefix}unschedulable`;

/** What a condition in a status means for pods to come: the taint of this key, with the effect NoSchedule. */
const conditionTaints: Record<string, Record<string, string>> = {
  Ready: { False: notReady, Unknown: unreachable },
  MemoryPressure: { True: `${prefix}memory-pressure` },
  DiskPressure: { True: `${prefix}disk-pressure` },
  PIDPressure: { True: `${prefix}pid-pressure` },
  NetworkUnavailable: { True: `${prefix}network-unavailable` },
};

const keysOfConditions = new Set(Object.values(conditionTaints).flatMap((byStatus) => Object.values(byStatus)));

/**
 * The taints that a node is to have: its own, and those that its conditions and a cordon call for. Those that are there
 * keep their place and time. undefined if it has them.
 * @param mayEvict false to send no pods away, whatever the node's condition: those that are to go stay to go.
 */
export function wantedTaints({ spec, status }: Node, mayEvict: boolean): Taint[] | undefined {
  const present = spec?.taints ?? [];
  const wanted = new Map<string, Taint>();
  const want = (key: string, effect: string): void => void wanted.set(`${key} ${effect}`, { key, effect });
  for (const { type, status: state } of status?.conditions ?? []) {
    const key = conditionTaints[type]?.[state];
    if (key) want(key, 'NoSchedule');
  }
  if (spec?.unschedulable) want(unschedulable, 'NoSchedule');
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  const evicting = ready === 'True' ? undefined : conditionTaints['Ready']?.[ready ?? ''];
  if (evicting && mayEvict) want(evicting, 'NoExecute');
  const kept = present.filter((taint) => !isOurs(taint) || wanted.delete(`${taint.key} ${taint.effect}`));
  if (kept.length === present.length && wanted.size === 0) return undefined;
  return [...kept, ...[...wanted.values()].map((taint) => ({ ...taint, timeAdded: timestamp() }))];
}

/** Whether a taint comes and goes with the node's conditions. */
function isOurs({ key, effect }: Taint): boolean {
  if (effect === 'NoSchedule') return key === unschedulable || keysOfConditions.has(key);
  return effect === 'NoExecute' && (key === notReady || key === unreachable);
}
