import type { Pod } from '../pod.ts';
import { ensureRunning } from './container-life.ts';
import type { ContainerRecord } from './record.ts';
import { isCompleted } from './record.ts';
import { mayRun } from './restart-policy.ts';
import { type LifeContext, stopContainer } from './stop-container.ts';

/** The order in which a pod's containers start and end. */
export interface Sequence {
  pod: Pod;
  /** All of the pod's containers, in the order of its specification. */
  records: readonly ContainerRecord[];
  contextOf(record: ContainerRecord): LifeContext;
}

/**
 * Starts what should run and may start now: ephemeral containers at once, init containers and sidecars one after another,
 * then the others, in turn too: the next one waits for the postStart hook of the one before.
 * @returns milliseconds until the next look, if time alone matters
 */
export async function startInTurn({ pod, records, contextOf }: Sequence): Promise<number | undefined> {
  const waits: (number | undefined)[] = [];
  const ensure = async (record: ContainerRecord): Promise<void> => {
    if (mayRun(pod, record)) waits.push(await ensureRunning(record, contextOf(record)));
  };
  for (const record of records) if (record.kind === 'ephemeral') await ensure(record);
  const mains = records.filter(({ kind }) => kind === 'main');
  const begun = mains.some(({ ran }) => ran);
  for (const record of records) {
    if (record.kind !== 'init' && record.kind !== 'sidecar') continue;
    // Once it is running, a pod needs only its sidecars again.
    if (record.kind === 'init' && (begun || isCompleted(record))) continue;
    await ensure(record);
    record.initialized ||= record.kind === 'sidecar' ? record.started : isCompleted(record);
    if (!begun && !record.initialized) return minimum(waits);
  }
  for (const record of mains) {
    await ensure(record);
    if (record.state.is === 'running' && record.state.hooking) break;
  }
  return minimum(waits);
}

/**
 * Ends what runs within a grace period in seconds. All hear of it at once, but sidecars go on until the containers that
 * may need them are gone: the last one first.
 */
export async function endInTurn({ records, contextOf }: Sequence, grace: number): Promise<void> {
  const stop = (record: ContainerRecord, turn?: Promise<unknown>) =>
    stopContainer(record, contextOf(record), grace, undefined, turn);
  const endings = records.filter(({ kind }) => kind !== 'sidecar').map((record) => stop(record));
  let before: Promise<unknown> = Promise.all(
    records.flatMap(({ kind, state }) => (kind === 'main' && state.is === 'running' ? [state.over] : [])),
  );
  for (const record of records.filter(({ kind }) => kind === 'sidecar').reverse()) {
    const ending = stop(record, before);
    endings.push(ending);
    before = Promise.all([before, ending]);
  }
  await Promise.all(endings);
}

function minimum(waits: readonly (number | undefined)[]): number | undefined {
  const known = waits.filter((wait) => wait !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
