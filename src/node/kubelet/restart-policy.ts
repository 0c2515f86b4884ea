import type { Pod } from '../pod.ts';
import type { ContainerRecord } from './record.ts';

/** Whether the restart policy lets a container run (again). */
export function mayRun(pod: Pod, record: ContainerRecord): boolean {
  if (record.kind === 'sidecar' || record.replaced) return true;
  const end = record.state.is === 'terminated' ? record.state : undefined;
  if (!end) return true;
  if (record.kind === 'ephemeral') return false;
  const policy = pod.spec?.restartPolicy ?? 'Always';
  if (record.kind === 'init') return end.code !== 0 && policy !== 'Never';
  return policy === 'Always' || (policy === 'OnFailure' && end.code !== 0);
}

/** A pod whose containers have all ended for good. Sidecars and ephemeral containers do not keep it. */
export function isOver(pod: Pod, records: readonly ContainerRecord[]): boolean {
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return true;
  const ended = (record: ContainerRecord) => record.state.is === 'terminated' && !mayRun(pod, record);
  const failedInit = records.some(
    (record) => record.kind === 'init' && ended(record) && record.state.is === 'terminated' && record.state.code !== 0,
  );
  return failedInit || records.filter((record) => record.kind === 'main').every(ended);
}
