import type { ContainerStatus, Pod, PodStatus } from '../pod.ts';
import type { ContainerRecord } from './record.ts';

export interface Reported {
  record: ContainerRecord;
  status: ContainerStatus;
}

type Phase = NonNullable<PodStatus['phase']>;

const hasRun = ({ status }: Reported) => status.state.terminated ?? status.lastState.terminated;

/**
 * The phase that the statuses of a pod's containers add up to (the kubelet's getPhase).
 * @param terminal the pod is being ended: what has ended does not start again, whatever its restart policy says.
 */
export function phaseOf(pod: Pod, containers: readonly Reported[], terminal: boolean): Phase {
  const of = (kind: ContainerRecord['kind']) => containers.filter(({ record }) => record.kind === kind);
  const inits = of('init');
  const sidecars = of('sidecar');
  const mains = of('main');
  const policy = pod.spec?.restartPolicy ?? 'Always';
  if (policy === 'Never' && inits.some((each) => (hasRun(each)?.exitCode ?? 0) !== 0)) return 'Failed';
  if (inits.some((each) => each.status.state.running || !hasRun(each))) return 'Pending';
  // Sidecars that start again must not make a pod that has been running Pending.
  const pendingSidecar = sidecars.some(({ status }) =>
    status.state.running ? !status.started : status.state.waiting && !status.lastState.terminated,
  );
  if (pendingSidecar && !mains.some(({ record }) => record.ran)) return 'Pending';
  const waiting = ({ status }: Reported) => status.state.waiting && !status.lastState.terminated;
  if ([...sidecars, ...mains].some(waiting)) return 'Pending';
  if ([...sidecars, ...mains].some(({ status }) => status.state.running)) return 'Running';
  const succeeded = mains.every((each) => each.status.state.terminated?.exitCode === 0);
  if (terminal) return succeeded ? 'Succeeded' : 'Failed';
  if (policy === 'Always') return 'Running';
  if (succeeded) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}
